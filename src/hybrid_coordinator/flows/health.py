"""What is up and what is not."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import anyio

from hybrid_coordinator.errors import CoordinatorError

CHECK_TIMEOUT_S = 3.0

Check = Callable[[], Awaitable[str]]
"""Says in a few words how a part is doing, or raises a CoordinatorError that says why it is not."""


@dataclass(frozen=True, slots=True)
class PartHealth:
    """One part. `needed` parts make the whole unhealthy when they fail; others only degrade it."""

    name: str
    ok: bool
    needed: bool
    detail: str


@dataclass(frozen=True, slots=True)
class Health:
    """All parts, in the order they were given."""

    parts: tuple[PartHealth, ...]

    @property
    def status(self) -> Literal["ok", "degraded", "down"]:
        """`ok`, `degraded` (something optional is down) or `down` (something needed is)."""
        if all(part.ok for part in self.parts):
            return "ok"
        return "degraded" if all(part.ok for part in self.parts if part.needed) else "down"


async def check_health(needed: Mapping[str, Check], optional: Mapping[str, Check]) -> Health:
    """Ask every part at once; one that says nothing within three seconds is down."""
    checks = [(name, check, True) for name, check in needed.items()]
    checks += [(name, check, False) for name, check in optional.items()]
    results: list[PartHealth | None] = [None] * len(checks)

    async def ask(place: int, name: str, check: Check, is_needed: bool) -> None:
        results[place] = await _ask(name, check, is_needed)

    async with anyio.create_task_group() as group:
        for place, (name, check, is_needed) in enumerate(checks):
            group.start_soon(ask, place, name, check, is_needed)
    return Health(tuple(part for part in results if part is not None))


async def _ask(name: str, check: Check, needed: bool) -> PartHealth:
    try:
        with anyio.fail_after(CHECK_TIMEOUT_S):
            return PartHealth(name, True, needed, await check())
    except CoordinatorError as error:
        return PartHealth(name, False, needed, str(error))
    except TimeoutError:
        return PartHealth(name, False, needed, f"no answer within {CHECK_TIMEOUT_S:.0f} s")
