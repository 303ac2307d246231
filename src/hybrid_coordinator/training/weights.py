"""What base weights are, as far as can be told without loading them."""

import json
import struct
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import BinaryIO

from hybrid_coordinator.domain.training import BaseWeights
from hybrid_coordinator.training.base_hash import base_sha256
from hybrid_coordinator.training.failures import Failure
from hybrid_coordinator.wire.gguf_metadata import read_metadata

UNKNOWN_LICENCE = "not said by the weights: look at the terms of the base model"
_README_LINES = 60
_TENSOR_COUNT_AT = 8


@dataclass(frozen=True, slots=True)
class Weights:
    """How many numbers they are, and under what terms they come, as they say it themselves."""

    parameters: int
    licence: str


def read_weights(base: BaseWeights) -> Weights:
    """Of a GGUF file or a Hugging Face folder. Raises Failure for what is neither, and for other weights than these."""
    path = Path(base.path)
    try:
        if (found := base_sha256(path)) != base.sha256:
            raise ValueError(f"its hash is {found} and should be {base.sha256}")
        return _read_folder(path) if path.is_dir() else _read_gguf(path)
    except (OSError, ValueError, KeyError, struct.error) as error:
        said = f"{type(error).__name__}: {error}"
        raise Failure(
            f"the base model {str(path)!r} cannot be read ({said}); choose a GGUF file or a Hugging Face folder",
            "base",
            final=True,
        ) from error


def _read_gguf(path: Path) -> Weights:
    with path.open("rb") as file:
        metadata = read_metadata(file)
        behind = file.tell()
        file.seek(_TENSOR_COUNT_AT)
        (tensors,) = struct.unpack("<Q", file.read(8))
        file.seek(behind)
        parameters = sum(_tensor_size(file) for _ in range(tensors))
    return Weights(parameters, str(metadata.get("general.license") or UNKNOWN_LICENCE))


def _tensor_size(file: BinaryIO) -> int:
    """The elements of the tensor described next."""
    (name_length,) = struct.unpack("<Q", file.read(8))
    file.seek(name_length, 1)
    (dimensions,) = struct.unpack("<I", file.read(4))
    shape = struct.unpack(f"<{dimensions}Q", file.read(8 * dimensions))
    file.seek(12, 1)  # its type, and where it begins
    return prod(shape)


def _read_folder(folder: Path) -> Weights:
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise FileNotFoundError(f"no *.safetensors in {str(folder)!r}")
    return Weights(sum(map(_file_parameters, files)), _folder_licence(folder / "README.md"))


def _file_parameters(path: Path) -> int:
    with path.open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
    return sum(prod(tensor["shape"]) for name, tensor in header.items() if name != "__metadata__")


def _folder_licence(page: Path) -> str:
    """The `license:` of the page's front matter."""
    if not page.exists():
        return UNKNOWN_LICENCE
    lines = page.read_text("utf-8", "replace").splitlines()[:_README_LINES]
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("license:"))
    return next(named, "") or UNKNOWN_LICENCE
