"""One thread that writes, and commits everything that waits as one transaction.

The queue belongs to the event loop. It hands the thread all that waits as one batch, and hears of a batch once: how
many were waiting changes neither the hand-overs nor the commits.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby
from typing import Any, TypeVar

import anyio
from sqlalchemy import Connection, Executable

from hybrid_coordinator.backends.ledger.engines import Store
from hybrid_coordinator.backends.ledger.failures import translated
from hybrid_coordinator.backends.ledger.rows import Values
from hybrid_coordinator.errors import CoordinatorError, Damaged, Unavailable

T = TypeVar("T")

PATIENCE_S = 0.02
"""How long a patient caller's work waits for company: twenty of a thousand a second then share one commit."""


@dataclass(slots=True, eq=False)
class _Ticket:
    """A piece of work in the queue and what came of it: rows for statements, or anything at all."""

    done: asyncio.Future[Any]
    rows: Sequence[tuple[Executable, Values]] = ()
    work: Callable[[Connection], Any] | None = None
    committed: bool = False
    result: Any = None
    error: CoordinatorError | None = None

    def tell(self, unforeseen: BaseException | None) -> None:
        """Wake the caller, who may have been cancelled."""
        error = None if self.committed else self.error or unforeseen
        if self.done.done():
            return
        if error is None:
            self.done.set_result(self.result)
        else:
            self.done.set_exception(error)


class Writer:
    """Carries out work on the database in the order in which it was asked for."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ledger-writer")
        self._waiting: list[_Ticket] = []
        self._in_hand: list[_Ticket] = []
        self._hurried = False
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Do the work in a transaction and return once it is committed.

        The work may be tried twice: together with its neighbours, and alone when one of them failed.
        """
        done: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._queue(_Ticket(done, work=work), patient=False)
        with anyio.CancelScope(shield=True):  # what was begun is finished, so that the caller knows what is stored
            await done
        return done.result()

    async def add(self, *rows: tuple[Executable, Values], patient: bool = False) -> None:
        """Carry out each statement for its row and return once all are committed, together.

        Rows that wait for the same statement go to the database together, so all of them name the same columns.
        """
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue(_Ticket(done, rows=rows), patient=patient)
        with anyio.CancelScope(shield=True):
            await done

    async def aclose(self) -> None:
        """Finish what waits and end the thread. Idempotent."""
        self._closed = True
        loop = asyncio.get_running_loop()
        while left := [ticket.done for ticket in (*self._in_hand, *self._waiting)]:
            self._begin(loop)
            with anyio.CancelScope(shield=True):
                await asyncio.wait(left)
        await anyio.to_thread.run_sync(self._thread.shutdown)

    def _queue(self, ticket: _Ticket, *, patient: bool) -> None:
        if self._closed:
            raise Unavailable(f"the ledger at {self._store.name!r} is closed; open it again")
        self._waiting.append(ticket)
        self._hurried |= not patient
        self._arrange(ticket.done.get_loop())

    def _arrange(self, loop: asyncio.AbstractEventLoop) -> None:
        """See that what waits is begun in time: when the thread is free, and at once if anybody is in a hurry."""
        if self._in_hand or not self._waiting:
            return
        if self._hurried:
            self._begin(loop)
        elif self._timer is None:
            self._timer = loop.call_later(PATIENCE_S, self._begin, loop)

    def _begin(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._in_hand or not self._waiting:
            return
        self._in_hand, self._waiting, self._hurried = self._waiting, [], False
        served = self._thread.submit(self._serve, self._in_hand)
        served.add_done_callback(lambda served: loop.call_soon_threadsafe(self._finish, loop, served))

    def _finish(self, loop: asyncio.AbstractEventLoop, served: "Future[None]") -> None:
        tickets, self._in_hand = self._in_hand, []
        for ticket in tickets:
            ticket.tell(served.exception())
        self._arrange(loop)

    # In the thread

    def _serve(self, tickets: Sequence[_Ticket]) -> None:
        try:
            self._commit(tickets)
        except (Unavailable, Damaged) as error:  # trying them one by one would only take longer
            for ticket in tickets:
                ticket.error = error
        except CoordinatorError:  # one piece of work was refused: each is on its own
            for ticket in tickets:
                self._serve_alone(ticket)

    def _serve_alone(self, ticket: _Ticket) -> None:
        try:
            self._commit([ticket])
        except CoordinatorError as error:
            ticket.error = error

    def _commit(self, tickets: Sequence[_Ticket]) -> None:
        with translated(self._store.name), self._store.writing.begin() as connection:
            _carry_out(connection, tickets)
        for ticket in tickets:
            ticket.committed = True


def _carry_out(connection: Connection, tickets: Sequence[_Ticket]) -> None:
    for of_rows, group in groupby(tickets, key=lambda ticket: ticket.work is None):
        if of_rows:
            _add_rows(connection, group)
            continue
        for ticket in group:
            if ticket.work is not None:
                ticket.result = ticket.work(connection)


def _add_rows(connection: Connection, tickets: Iterable[_Ticket]) -> None:
    """All rows of one statement at once; statements in the order in which they are met first."""
    waiting: dict[Executable, list[Values]] = {}
    for ticket in tickets:
        for statement, row in ticket.rows:
            waiting.setdefault(statement, []).append(row)
    for statement, rows in waiting.items():
        connection.execute(statement, rows).close()
