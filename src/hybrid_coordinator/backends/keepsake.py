"""A few bytes in one file of the data folder."""

import os
from pathlib import Path

import anyio.to_thread

from hybrid_coordinator.errors import Unavailable


class FileKeepsake:
    """Writes beside the old file and swaps: what is found is whole."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def load(self) -> bytes:
        return await anyio.to_thread.run_sync(self._load)

    async def save(self, content: bytes) -> None:
        await anyio.to_thread.run_sync(self._save, content)

    def _load(self) -> bytes:
        try:
            return self._path.read_bytes()
        except FileNotFoundError:
            return b""
        except OSError as error:
            raise Unavailable(f"cannot read {str(self._path)!r} ({error.strerror}); mend its rights") from error

    def _save(self, content: bytes) -> None:
        part = self._path.with_suffix(".part")
        try:
            with part.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            part.replace(self._path)
        except OSError as error:
            part.unlink(missing_ok=True)
            raise Unavailable(f"cannot write {str(self._path)!r} ({error.strerror}); free some space") from error
