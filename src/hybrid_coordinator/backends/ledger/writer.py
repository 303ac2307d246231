"""One thread that writes, and commits everything that waits as one transaction."""

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast

import anyio
from sqlalchemy import Connection

from hybrid_coordinator.backends.ledger.engines import Store
from hybrid_coordinator.backends.ledger.failures import translated
from hybrid_coordinator.errors import CoordinatorError, Damaged, Unavailable

T = TypeVar("T")


@dataclass(slots=True, eq=False)
class _Ticket(Generic[T]):
    """A piece of work in the queue and what came of it."""

    work: Callable[[Connection], T]
    committed: bool = False
    result: T | None = None
    error: CoordinatorError | None = None


class Writer:
    """Carries out work on the database in the order in which it was asked for."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: deque[_Ticket[Any]] = deque()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ledger-writer")
        self._closed = False

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Do the work in a transaction and return once it is committed.

        The work may be tried twice: together with its neighbours, and alone when one of them failed.
        """
        if self._closed:
            raise Unavailable(f"the ledger at {self._store.name!r} is closed; open it again")
        ticket = _Ticket(work)
        self._waiting.append(ticket)
        done = asyncio.wrap_future(self._thread.submit(self._serve, ticket))
        with anyio.CancelScope(shield=True):  # what was begun is finished, so that the caller knows what is stored
            await done
        return done.result()

    async def aclose(self) -> None:
        """Finish what waits and end the thread. Idempotent."""
        self._closed = True
        await anyio.to_thread.run_sync(self._thread.shutdown)

    def _serve(self, ticket: _Ticket[T]) -> T:
        if not ticket.committed and ticket.error is None:
            self._commit_waiting()
        if ticket.error is not None:
            raise ticket.error
        if not ticket.committed:
            self._commit([ticket])
        return cast("T", ticket.result)

    def _commit_waiting(self) -> None:
        tickets = [self._waiting.popleft() for _ in range(len(self._waiting))]
        try:
            self._commit(tickets)
        except (Unavailable, Damaged) as error:  # trying them one by one would only take longer
            for ticket in tickets:
                ticket.error = error
        except CoordinatorError:
            return  # one piece of work was refused: from here on each is on its own

    def _commit(self, tickets: list[_Ticket[Any]]) -> None:
        with translated(self._store.name), self._store.writing.begin() as connection:
            results = [ticket.work(connection) for ticket in tickets]
        for ticket, result in zip(tickets, results, strict=True):
            ticket.result = result
            ticket.committed = True
