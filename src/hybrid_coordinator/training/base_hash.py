"""What tells base weights from others: a hash of the files that they are made of."""

import hashlib
from pathlib import Path

WEIGHT_FILES = ("*.safetensors", "*.bin", "config.json")


def base_sha256(path: Path) -> str:
    """Of a GGUF file: the hash of its bytes. Of a Hugging Face folder: that of the names and hashes of its weights and
    of its configuration, in the order of their names. Raises OSError; FileNotFoundError for a folder without weights.
    """
    if not path.is_dir():
        return file_sha256(path)
    files = sorted({file for pattern in WEIGHT_FILES for file in path.glob(pattern)})
    if not any(file.suffix != ".json" for file in files):
        raise FileNotFoundError(f"there are no weights in the folder {str(path)!r}")
    lines = (f"{file_sha256(file)}  {file.name}\n" for file in files)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def file_sha256(path: Path) -> str:
    """Hexadecimal. Reads it once; memory is bounded."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
