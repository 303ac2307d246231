"""A process that starts others, each of which learns in a data folder and may kill itself at a given place.

Each opens its folder anew.
"""

import json
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import aclosing, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hybrid_coordinator.app import open_house
from hybrid_coordinator.daemon import STEPS, Stepped
from learning_house import ALL, look_at, settings_in, wrapped_house
from orders import Orderly, open_orderly, serve_orders

WRITES = frozenset((
    "amend", "apply", "bury", "claim", "credit", "forget", "mark_learned", "mark_published", "mark_written", "note",
    "pack", "prefer", "publish", "put", "release", "remove", "save", "score", "set_aside", "swap", "take_in",
    "withhold", "write",
))  # fmt: skip


@dataclass
class Fate:
    """Where to die: before or after the so-manyth write of a name in a step; without a name, at the end of the step."""

    step: str = ""
    call: str = ""
    times: int = 1
    after: bool = False
    turns: int = 0

    def begin(self, call: str) -> None:
        """A write begins."""
        self.times -= self._is_meant(call)
        if self._is_meant(call) and not self.times and not self.after:
            die()

    def end(self, call: str) -> None:
        """A write has returned."""
        if self._is_meant(call) and not self.times:
            die()

    def turn(self) -> None:
        """A step has come to its end."""
        if self._is_meant(""):
            die()
        self.turns += 1

    def _is_meant(self, call: str) -> bool:
        return (self.step, self.call) == (STEPS[self.turns % len(STEPS)], call)


def die() -> None:
    """As a power cut would have it."""
    os.kill(os.getpid(), signal.SIGKILL)


class Watched:
    """A port that tells a fate of every write."""

    def __init__(self, port: Any, fate: Fate) -> None:
        self._port = port
        self._fate = fate

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._port, name)
        if name == "draft":
            return lambda: self._draft(method)
        return self._watched(name, method) if name in WRITES else method

    def _watched(self, name: str, method: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def call(*arguments: Any, **named: Any) -> Any:
            self._fate.begin(name)
            result = await method(*arguments, **named)
            self._fate.end(name)
            return result

        return call

    @asynccontextmanager
    async def _draft(self, method: Callable[[], Any]) -> AsyncIterator[Any]:
        async with method() as draft:
            yield Watched(draft, self._fate)


async def learn(folder: Path, fate: Fate) -> None:
    """Two rounds, since the second tells of the first, as far as fate lets them come; then a look at all that remains,
    in a file beside the folder."""
    settings = settings_in(folder)
    opened = wrapped_house(settings, lambda port: Watched(port, fate)) if fate.step else open_house(settings)
    async with opened as house:
        for _ in range(2):
            async with aclosing(house.daemon.run_once()) as events:
                async for event in events:
                    if isinstance(event, Stepped):
                        assert not event.state.error, event.state.error
                        fate.turn()
        await house.history.catch_up(most=ALL)
        folder.with_suffix(".json").write_text(json.dumps(await look_at(house)))


class Nursery:
    """The other end: starts processes that learn."""

    def __init__(self, orderly: Orderly) -> None:
        self._orderly = orderly

    def learn(self, folder: Path, **fate: Any) -> int:
        """How a process ended that had this fate."""
        return self._orderly.carry_out(folder, fate=fate)

    def learn_all(self, folder: Path) -> dict[str, Any]:
        """What remains of a process that nobody disturbed."""
        assert self.learn(folder) == 0
        return dict(json.loads(folder.with_suffix(".json").read_text()))


@contextmanager
def open_nursery() -> Iterator[Nursery]:
    """A nursery, for as long as this lasts."""
    with open_orderly(__file__) as orderly:
        yield Nursery(orderly)


if __name__ == "__main__":
    serve_orders(lambda order: learn(Path(order["folder"]), Fate(**order["fate"])))
