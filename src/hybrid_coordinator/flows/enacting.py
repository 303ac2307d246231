"""Carry out what was decided of a version: first on record, then in who answers."""

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence

import anyio

from hybrid_coordinator.domain.versions import Measured, ModelVersion, VersionChange, VersionStage
from hybrid_coordinator.errors import ModelRefused, ModelUnavailable
from hybrid_coordinator.flows.journal import Note
from hybrid_coordinator.flows.lineup import Lineup, Opened
from hybrid_coordinator.logic.canary import CanaryPolicy
from hybrid_coordinator.logic.version_changes import Ruled, applied, take_back
from hybrid_coordinator.logic.version_stages import Act, Arms, arms, predecessors
from hybrid_coordinator.ports import Clock, Runs

_EVENTS: Mapping[str, str] = {
    Act.CANARY: "model_canary",
    Act.PROMOTE: "model_promoted",
    Act.HOLD: "model_held",
    Act.ROLL_BACK: "model_rolled_back",
    Act.DROP: "model_dropped",
}

Forget = Callable[[str], Awaitable[object]]

logger = logging.getLogger(__name__)


class Enactor:
    """What is on record is what counts, and who answers follows it.

    An act first opens whoever is to answer and does not yet, beside those that answer: all that can fail fails there,
    with nothing changed. Then it records the new stages, all or none. Then it lets them answer, which cannot fail. A
    kill before the record leaves everything as it was; one after it leaves only the last to be done, which `Following`
    does. The other order would leave answers by a version of which no record says that it answers.

    `turn` is held by whoever acts: one act at a time in a process. Acts of two processes are told apart by the records.
    """

    def __init__(
        self, runs: Runs, lineup: Lineup, clock: Clock, note: Note, policy: CanaryPolicy, forget: Forget | None = None
    ) -> None:
        """`note` keeps an event: its kind, and its fields by name. `forget` lets go of a version's answers that are
        kept to be given again: what was taken back must not go on answering out of a cache."""
        self._forget = forget
        self._runs = runs
        self._clock = clock
        self._note = note
        self.lineup = lineup
        self.policy = policy
        self.turn = anyio.Lock()
        self.news = anyio.Event()

    def ruled(self, actor: str, why: str, shown: tuple[Measured, ...] = ()) -> Ruled:
        """A decision of this moment."""
        return Ruled(self._clock.now(), actor, why, shown)

    def arms(self, versions: Sequence[ModelVersion]) -> Arms:
        """Who should answer now."""
        return arms(versions, self._clock.now(), self.policy.share)

    async def carry_out(
        self,
        version: ModelVersion,
        versions: Sequence[ModelVersion],
        changes: Sequence[VersionChange],
        opened: Opened | None = None,
    ) -> ModelVersion:
        """Record changes and let those answer who should then; the version as it is afterwards. What was `opened` for
        it is closed when nothing comes of it. Raises Conflict when somebody else changed a version meanwhile."""
        try:
            await self._runs.apply(changes, self._clock.now())
        except BaseException:  # also when cancelled: no process is left behind
            await self.lineup.discard(opened)
            raise
        after = applied(versions, changes)
        await self.lineup.install(version.model, self.arms(after), opened)
        self.news.set()
        for change in changes:
            await self._tell(change)
        return next(one for one in after if one.name == version.name)

    async def take_back(self, version: ModelVersion, versions: Sequence[ModelVersion], ruled: Ruled) -> ModelVersion:
        """Roll back one that answers. Where it served, the newest before it that is clean and can still be opened
        serves again, or else the base. Raises ModelUnavailable, with nothing changed, when nobody can be opened now."""
        if version.stage is not VersionStage.SERVING:
            return await self.carry_out(version, versions, take_back(version, ruled))
        successor, left_out, opened = await self._successor(version, versions)
        return await self.carry_out(version, versions, take_back(version, ruled, successor, left_out), opened)

    async def _successor(
        self, version: ModelVersion, versions: Sequence[ModelVersion]
    ) -> tuple[ModelVersion | None, list[ModelVersion], Opened | None]:
        """Who serves in its place, those passed over because they cannot be opened, and what was opened."""
        left_out: list[ModelVersion] = []
        for one in predecessors(versions):
            try:
                return one, left_out, await self.lineup.open(version.model, one)
            except ModelRefused:
                logger.exception("a version cannot be opened any more", extra={"version": one.name})
                left_out.append(one)
            except ModelUnavailable:  # its files may have been tidied away: whoever is bad must not go on for that
                logger.warning("a version cannot be opened now", exc_info=True, extra={"version": one.name})
        return None, left_out, await self.lineup.open(version.model, None)

    async def _tell(self, change: VersionChange) -> None:
        after = change.after
        if self._forget is not None and after.stage in (VersionStage.ROLLED_BACK, VersionStage.DROPPED):
            await self._forget(after.name)
        if (kind := _EVENTS.get(change.action)) is not None:
            await self._note(kind, version=after.name, model=after.model, actor=change.actor, why=change.why)
