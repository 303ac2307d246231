"""The base and its adapter as one GGUF file, for programs that take no adapter."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gguf
import numpy as np
from gguf import GGMLQuantizationType, GGUFReader, GGUFValueType, GGUFWriter, LlamaFileType, ReaderTensor
from numpy.typing import NDArray

from hybrid_coordinator.errors import BadInput
from hybrid_coordinator.training.gguf_adapter import LowRank, finish, low_rank_parts, read_architecture, whole_file
from hybrid_coordinator.training.loading import is_gguf
from hybrid_coordinator.wire.gguf_metadata import BASE_SHA256

KINDS: Mapping[str, tuple[GGMLQuantizationType, LlamaFileType]] = {
    "q8_0": (GGMLQuantizationType.Q8_0, LlamaFileType.MOSTLY_Q8_0),
    "f16": (GGMLQuantizationType.F16, LlamaFileType.MOSTLY_F16),
}
"""How the tensors that the adapter changes are written."""

LAID_OUT = ("GGUF.", "general.architecture", "general.name", "general.file_type")
"""Keys that the writer or this module sets."""


def write_merged(
    peft_model: Any,
    base_path: Path,
    file: Path,
    *,
    name: str,
    base_sha256: str,
    scale: float = 1.0,
    kind: str = "q8_0",
) -> None:
    """Write the base GGUF with the adapter, at that scale, added in; all of the file or nothing.

    Every tensor that the adapter leaves alone, the tokenizer and the metadata stay as they are, to the bit. Raises
    BadInput for an adapter that GGUF cannot say and for a base that is no GGUF file, and OSError.
    """
    if not is_gguf(base_path):
        raise BadInput(
            f"the base {str(base_path)!r} is no GGUF file: merge with peft's `merge_and_unload`, save, and run "
            "llama.cpp's `convert_hf_to_gguf.py` on the folder; or use the adapter as it is"
        )
    parts = {part.tensor: part for part in low_rank_parts(peft_model, read_architecture(peft_model, base_path))}
    reader = GGUFReader(base_path)
    if missing := sorted(parts.keys() - {tensor.name for tensor in reader.tensors}):
        raise BadInput(f"the base {str(base_path)!r} has no tensor {missing[0]!r}: it is not what was trained on")
    encoding, file_type = KINDS[kind]
    with whole_file(file) as part:
        writer = GGUFWriter(part, str(reader.fields["general.architecture"].contents()))
        copy_keys(reader, writer)
        writer.add_name(name)
        writer.add_file_type(file_type)
        writer.add_string(BASE_SHA256, base_sha256)
        for tensor in reader.tensors:
            _add(writer, tensor, parts.get(tensor.name), scale, encoding)
        finish(writer)


def copy_keys(reader: GGUFReader, writer: GGUFWriter, but: tuple[str, ...] = ()) -> None:
    """All metadata but what the writer of a file sets, and keys that begin with one of these."""
    for field in reader.fields.values():
        if not field.name.startswith((*LAID_OUT, *but)):
            inner = field.types[-1] if field.types[0] == GGUFValueType.ARRAY else None
            writer.add_key_value(field.name, field.contents(), field.types[0], sub_type=inner)


def _add(
    writer: GGUFWriter, tensor: ReaderTensor, part: LowRank | None, scale: float, encoding: GGMLQuantizationType
) -> None:
    if part is None:
        writer.add_tensor(tensor.name, tensor.data, raw_dtype=tensor.tensor_type)
        return
    whole: NDArray[np.float32] = gguf.dequantize(tensor.data, tensor.tensor_type) + scale * part.factor * (
        part.b @ part.a
    )
    writer.add_tensor(tensor.name, gguf.quantize(whole, encoding), raw_dtype=encoding)
