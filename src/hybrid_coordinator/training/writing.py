"""Files and folders that are there whole or not at all, whenever the process is killed."""

import os
import shutil
from pathlib import Path


def write_whole(path: Path, content: bytes) -> None:
    """Put a file in place of what was there."""
    part = path.with_name(f"{path.name}.part")
    with part.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
    sync(path.parent)


def make_part(path: Path) -> Path:
    """An empty folder beside the one that it will become."""
    part = path.with_name(f"{path.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    return part


def publish(part: Path, path: Path) -> None:
    """Let the folder, or the file, take its place once it is on the disk, instead of what was there."""
    for inner in [*part.rglob("*"), part]:
        sync(inner)
    if path.is_dir():
        shutil.rmtree(path)
    part.replace(path)
    sync(path.parent)


def sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
