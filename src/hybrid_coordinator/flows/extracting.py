"""The `extract` step: what is worth it becomes a skill or an error's fix; what is no longer worth it is taken back."""

import logging
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hybrid_coordinator.domain.interaction import Interaction, OutcomeKind
from hybrid_coordinator.domain.learning import Change, Learned, Stage, Worked
from hybrid_coordinator.domain.trust import may_teach
from hybrid_coordinator.errors import Conflict
from hybrid_coordinator.flows.extracting_patterns import PatternMaker
from hybrid_coordinator.flows.journal import Note
from hybrid_coordinator.logic.error_signatures import error_signature
from hybrid_coordinator.logic.extraction_changes import (
    confirm,
    disprove,
    enter,
    is_withdrawn,
    learned_fix,
    learned_skill,
    withdraw,
)
from hybrid_coordinator.logic.extraction_check import is_echo
from hybrid_coordinator.logic.extraction_fixes import Fix, extract_fix, matching_fix, solution_of
from hybrid_coordinator.logic.extraction_policy import ExtractionPolicy, unfit_to_teach
from hybrid_coordinator.logic.patterns import pattern_id_of
from hybrid_coordinator.ports import Catalog, Clock, Ledger

Screen = Callable[[str], tuple[str, ...]]
"""Why a text looks as if somebody had planted it; nothing when it does not."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Case:
    """An interaction, why it teaches nothing, and what was learned from it before."""

    interaction: Interaction
    unfit: str
    known: Sequence[Learned]

    @property
    def idle(self) -> bool:
        """Whether there is nothing to learn and nothing to take back."""
        return bool(self.unfit) and not self.known and not self.disproves

    @property
    def disproves(self) -> bool:
        """Whether it shows that something does not work."""
        outcome = self.interaction.outcome
        return (
            outcome is not None
            and outcome.kind is OutcomeKind.FAILURE
            and may_teach(self.interaction.origin)
            and bool(error_signature(self.interaction.query))
        )


class Extractor:
    """Learns from interactions that were settled and valued since the last time."""

    def __init__(
        self,
        ledger: Ledger,
        catalog: Catalog,
        maker: PatternMaker,
        clock: Clock,
        note: Note,
        screen: Screen,
        policy: ExtractionPolicy,
        *,
        high_value: float,
    ) -> None:
        """From a value of `high_value` on an interaction is worth learning from."""
        self._ledger = ledger
        self._catalog = catalog
        self._maker = maker
        self._clock = clock
        self._note = note
        self._screen = screen
        self._policy = policy
        self._high_value = high_value

    async def work(self) -> Worked:
        """One batch, oldest first. What was learned is in the catalogue before its interaction counts as learned from:
        a kill in between makes it be looked at again, and changes nothing."""
        batch = await self._ledger.unlearned(limit=self._policy.batch)
        cases = await self._look_up(batch)
        idle = [case.interaction for case in cases if case.idle]
        await self._ledger.mark_learned(idle)
        if worth := [case.interaction.id for case in cases if not case.unfit]:
            await self._note("learning_triggered", interactions=worth)
        counts: Counter[str] = Counter()
        done, until = len(idle), self._clock.monotonic() + self._policy.batch_seconds
        for case in cases:
            if self._clock.monotonic() >= until:
                break
            if not case.idle and await self._learn_from(case, counts):
                done += 1
        more = done > 0 and (done < len(batch) or len(batch) == self._policy.batch)
        return Worked(done, more, counts, f"{done} of {len(batch)} looked at")

    async def _look_up(self, batch: Sequence[Interaction]) -> list[_Case]:
        excluded = await self._ledger.excluded()
        known: dict[str, list[Learned]] = defaultdict(list)
        for item in await self._catalog.learned_from([one.id for one in batch]):
            for id in item.learned_from:
                known[id].append(item)
        return [
            _Case(one, unfit_to_teach(one, high_value=self._high_value, excluded=excluded), known[one.id])
            for one in batch
        ]

    async def _learn_from(self, case: _Case, counts: Counter[str]) -> bool:
        """Whether it is done with; when somebody else changed the same item, it is tried again in the next batch."""
        changes = await self._changes(case)
        try:
            if changes:
                await self._catalog.apply(changes, self._clock.now())
        except Conflict:
            logger.info("an item was changed meanwhile", extra={"interaction": case.interaction.id})
            return False
        await self._ledger.mark_learned([case.interaction])
        for change in changes:
            counts[change.action] += 1
            await self._tell(change)
        return True

    async def _changes(self, case: _Case) -> list[Change]:
        interaction, now = case.interaction, self._clock.now()
        if case.unfit and case.known:
            return withdraw(await self._afresh(case), interaction, now)
        if case.unfit:
            return await self._disprove(interaction)
        fix = extract_fix(interaction.query, interaction.response)
        return await self._learn_fix(fix, interaction) if fix else await self._learn_skill(interaction)

    async def _afresh(self, case: _Case) -> list[Learned]:
        """As they are now: an interaction before it in the batch may have changed them."""
        return await self._catalog.get([item.id for item in case.known])

    async def _disprove(self, interaction: Interaction) -> list[Change]:
        known = await self._catalog.signed(error_signature(interaction.query))
        fix = matching_fix(known, solution_of(interaction.query, interaction.response))
        return disprove(fix, interaction, self._clock.now()) if fix else []

    async def _learn_fix(self, fix: Fix, interaction: Interaction) -> list[Change]:
        item = learned_fix(fix, interaction, self._doubts(interaction, fix.solution), self._clock.now())
        known = await self._catalog.get([item.id])
        if known:
            return enter(item, known[0])
        alike = [one for one in await self._catalog.signed(fix.signature) if _is_peer(one, item)]
        same = matching_fix(alike, fix.solution)
        return confirm(same, interaction, self._clock.now()) if same else enter(item, None)

    async def _learn_skill(self, interaction: Interaction) -> list[Change]:
        known = await self._catalog.get([pattern_id_of(interaction.id)])
        if known and not is_withdrawn(known[0]):
            return []
        extracted = await self._maker.make(interaction)
        if extracted is None or is_echo(extracted.pattern, await self._rested_on(interaction)):
            return []
        doubts = self._doubts(interaction, "\n".join((*extracted.pattern.steps, extracted.pattern.example)))
        item = learned_skill(extracted, interaction, doubts, self._clock.now())
        return enter(item, known[0] if known else None)

    async def _rested_on(self, interaction: Interaction) -> list[str]:
        """What the answer was told that had been learned before."""
        return [item.draft.text for item in await self._catalog.get(interaction.context_provided)]

    def _doubts(self, interaction: Interaction, made: str) -> tuple[str, ...]:
        return self._screen("\n\n".join((interaction.query, interaction.response, made)))

    async def _tell(self, change: Change) -> None:
        item = change.after
        if item is not None:
            await self._note(
                "pattern_stored" if change.action == "learn" else f"pattern_{item.stage.value}",
                pattern_id=item.id,
                collection=item.draft.collection.value,
                strategy=item.strategy,
                learned_from=list(item.learned_from),
                stage=item.stage.value,
                why=change.why,
            )


def _is_peer(known: Learned, item: Learned) -> bool:
    """Whether both may be counted together: what is held back says nothing about what is not, nor the other way."""
    return (known.stage is Stage.QUARANTINED) == (item.stage is Stage.QUARANTINED)
