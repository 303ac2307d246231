"""The fine-tuning dataset as one JSONL file."""

import errno
import json
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

import anyio.to_thread

from hybrid_coordinator.domain.knowledge import Payload
from hybrid_coordinator.errors import BadInput, StorageFull


class JsonlDataset:
    """Writes beside the old file and swaps, so that a reader never sees half a dataset."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def write(self, rows: Sequence[Payload]) -> Path:
        await anyio.to_thread.run_sync(self._write, rows)
        return self._path

    def _write(self, rows: Sequence[Payload]) -> None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._swap(rows)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise StorageFull(
                    f"the disk is full: {str(self._path)!r} was not written and the dataset there is as it was; "
                    "free some space and export again"
                ) from error
            raise BadInput(
                f"cannot write the dataset {str(self._path)!r} ({error.strerror}); set FINETUNE_DATA_PATH elsewhere"
            ) from error

    def _swap(self, rows: Sequence[Payload]) -> None:
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", dir=self._path.parent, prefix=f".{self._path.name}.", delete=False
        ) as file:
            try:
                for row in rows:
                    file.write(json.dumps(row, ensure_ascii=False) + "\n")
                file.flush()
                os.fsync(file.fileno())
            except OSError:
                Path(file.name).unlink(missing_ok=True)
                raise
        Path(file.name).replace(self._path)
