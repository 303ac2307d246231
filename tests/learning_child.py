"""A process that starts others, each of which learns in a data folder and may kill itself at a given place.

One order a line on stdin, one answer a line on stdout. The parts are imported once, and each order is carried out by a
process of its own, which opens the folder anew.
"""

import json
import os
import signal
import sys
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import anyio

from hybrid_coordinator.app import open_house
from hybrid_coordinator.daemon import STEPS, Stepped
from learning_house import look_at, settings_in, wrapped_house

WRITES = frozenset((
    "amend", "apply", "bury", "claim", "credit", "forget", "mark_learned", "mark_published", "mark_written", "note",
    "pack", "prefer", "publish", "put", "release", "remove", "save", "score", "set_aside", "swap", "take_in", "withhold",
    "write",
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
    async with wrapped_house(settings_in(folder), lambda port: Watched(port, fate)) as house:
        for _ in range(2):
            async with aclosing(house.daemon.run_once()) as events:
                async for event in events:
                    if isinstance(event, Stepped):
                        assert not event.state.error, event.state.error
                        fate.turn()
    async with open_house(settings_in(folder)) as house:
        folder.with_suffix(".json").write_text(json.dumps(asdict(await look_at(house))))


def carry_out(order: dict[str, Any]) -> int:
    """How a process of its own ended that did as it was told: its exit code, or minus the signal."""
    child = os.fork()
    if not child:
        try:
            anyio.run(learn, Path(order.pop("folder")), Fate(**order))
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


if __name__ == "__main__":
    for line in sys.stdin:
        print(carry_out(json.loads(line)), flush=True)
