"""The fine-tuning dataset as JSONL files beside each other, with a card that is written last."""

import errno
import json
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import anyio.to_thread
from anyio import CancelScope
from filelock import FileLock, Timeout

from hybrid_coordinator.backends.datasets.draft import Workshop
from hybrid_coordinator.backends.datasets.reading import read_part
from hybrid_coordinator.backends.datasets.switching import Layout, clear, switch
from hybrid_coordinator.domain.knowledge import Payload
from hybrid_coordinator.errors import BadInput, Conflict, Damaged, NotFound, StorageFull


class JsonlDataset:
    """The dataset at a path such as `dataset.jsonl`, its parts and its card beside it. Plain files, no links."""

    def __init__(self, path: Path) -> None:
        self._layout = Layout(path)

    @asynccontextmanager
    async def draft(self) -> AsyncGenerator["JsonlDraft"]:
        """As the port says. Raises Conflict while another process, or another call, makes one."""
        lock = await anyio.to_thread.run_sync(self._begin)
        try:
            workshop = await anyio.to_thread.run_sync(self._open)
            try:
                yield JsonlDraft(self._layout, workshop)
            finally:
                with CancelScope(shield=True):
                    await anyio.to_thread.run_sync(self._end, workshop)
        finally:
            lock.release()

    async def card(self) -> Payload | None:
        return await anyio.to_thread.run_sync(self._card)

    async def rows(self, part: str) -> list[Payload]:
        return await anyio.to_thread.run_sync(self._rows, part)

    def _begin(self) -> FileLock:
        with translated(self._layout):
            self._layout.path.parent.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self._layout.lock, thread_local=False)
            try:
                lock.acquire(timeout=0)
            except Timeout as error:
                raise Conflict(
                    f"the dataset {str(self._layout.path)!r} is being written already; wait until that is done"
                ) from error
        return lock

    def _open(self) -> Workshop:
        with translated(self._layout):
            clear(self._layout)
            switch(self._layout)
            return Workshop(self._layout)

    def _end(self, workshop: Workshop) -> None:
        workshop.close()
        with translated(self._layout):
            clear(self._layout)

    def _card(self) -> Payload | None:
        self._end_broken_switch()
        try:
            card = json.loads(self._layout.card.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise self._damaged() from error
        match card:
            case dict():
                return card
            case _:
                raise self._damaged()

    def _rows(self, part: str) -> list[Payload]:
        """Under the lock: or else a part could be of one dataset, and its card of the one before."""
        if (card := self._card()) is None:
            raise NotFound(f"there is no dataset {str(self._layout.path)!r} yet; export it first")
        lock = self._begin()
        try:
            return read_part(self._layout.part(part), self._card() or card)
        finally:
            lock.release()

    def _end_broken_switch(self) -> None:
        if self._layout.made.exists():
            lock = self._begin()
            try:
                with translated(self._layout):
                    switch(self._layout)
            finally:
                lock.release()

    def _damaged(self) -> Damaged:
        return Damaged(f"the card {str(self._layout.card)!r} cannot be read; move it away and export again")


class JsonlDraft:
    """The `DatasetDraft` port over a folder beside the dataset; every call blocks in a thread of its own."""

    def __init__(self, layout: Layout, workshop: Workshop) -> None:
        self._layout = layout
        self._workshop = workshop

    async def set_aside(self, rows: Sequence[Payload]) -> None:
        def work() -> None:
            with translated(self._layout):
                self._workshop.set_aside(rows)

        await anyio.to_thread.run_sync(work)

    async def recall(self, numbers: Sequence[int]) -> list[Payload]:
        def work() -> list[Payload]:
            with translated(self._layout):
                return self._workshop.recall(numbers)

        return await anyio.to_thread.run_sync(work)

    async def write(self, part: str, rows: Sequence[Payload]) -> None:
        def work() -> None:
            with translated(self._layout):
                self._workshop.write(part, rows)

        await anyio.to_thread.run_sync(work)

    async def publish(self, card: Payload, page: str) -> Path:
        def work() -> None:
            with translated(self._layout):
                self._workshop.publish(card, page)

        await anyio.to_thread.run_sync(work)
        return self._layout.path


@contextmanager
def translated(layout: Layout) -> Iterator[None]:
    """Turn what the file system raises into our own errors, which name the dataset."""
    path = str(layout.path)
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageFull(
                f"the disk is full: {path!r} was not written and the dataset there is as it was; "
                "free some space and export again"
            ) from error
        raise BadInput(
            f"cannot write the dataset {path!r} ({error.strerror}); set FINETUNE_DATA_PATH elsewhere"
        ) from error
