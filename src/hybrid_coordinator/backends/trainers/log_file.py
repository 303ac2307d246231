"""What a training process prints, as far as anybody will read it."""

import os
from pathlib import Path
from typing import BinaryIO

LOG_BYTES = 1_000_000
LINE_CHARACTERS = 300


def open_log(path: Path) -> BinaryIO:
    """A file that is only ever added to, so that it may be shortened under the hands of who writes to it."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600), "ab", buffering=0)


def shorten(path: Path, most: int = LOG_BYTES) -> None:
    """Of a log that has outgrown its bound, keep the newest half of that. What is written meanwhile may be lost."""
    with path.open("r+b") as log:
        if log.seek(0, os.SEEK_END) > most:
            log.seek(-(most // 2), os.SEEK_END)
            newest = log.read()
            log.seek(0)
            log.write(newest)
            log.truncate()


def last_line(path: Path) -> str:
    """The last thing that was said, cut; nothing where there is no log. A bar that draws itself anew says much."""
    try:
        with path.open("rb") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - 4 * LINE_CHARACTERS))
            lines = log.read().decode(errors="replace").replace("\r", "\n").split("\n")
    except FileNotFoundError:
        return ""
    return next((line.strip()[:LINE_CHARACTERS] for line in reversed(lines) if line.strip()), "")
