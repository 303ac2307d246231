"""Part of the `measure` step: what was learned is promoted, kept on trial or retired by how it fares."""

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from hybrid_coordinator.domain.interaction import Interaction
from hybrid_coordinator.domain.learning import Change, Learned, Stage, Uses, Worked
from hybrid_coordinator.domain.trust import Origin, may_teach
from hybrid_coordinator.errors import Conflict
from hybrid_coordinator.logic.corroboration import CorroborationPolicy, corroborated
from hybrid_coordinator.logic.scoring import credit_for
from hybrid_coordinator.logic.uplift import Judgement, Ruling, UpliftPolicy, decide
from hybrid_coordinator.ports import Catalog, Clock, Ledger

BATCH = 64
LOOKED_AT = 5_000
"""Of so many of the newest interactions it is known which passages they were shown."""

LEAST_KNOWN = 20
"""With fewer outcomes nobody can say what is usual."""

STEP = "measure"

Sums = tuple[int, float, int, float]

_NEXT: Mapping[Ruling, Stage] = {Ruling.PROMOTE: Stage.PROVEN, Ruling.RETIRE: Stage.RETIRED}

logger = logging.getLogger(__name__)


class Prover:
    """Goes round over everything that is served, a batch at a time; an item without new uses is passed over.

    By which outcomes an item was last judged is kept in memory: after a start all are judged once.
    """

    def __init__(
        self,
        ledger: Ledger,
        catalog: Catalog,
        clock: Clock,
        policy: UpliftPolicy,
        corroboration: CorroborationPolicy,
    ) -> None:
        self._ledger = ledger
        self._catalog = catalog
        self._clock = clock
        self._policy = policy
        self._corroboration = corroboration
        self._judged: dict[str, Sums] = {}
        self._after: str | None = None

    async def work(self) -> Worked:
        """Judge the next batch. A hold is no change; what a person taught is judged by persons."""
        items = await self._catalog.browse((Stage.CANDIDATE, Stage.PROVEN), limit=BATCH, after=self._after)
        self._after = items[-1].id if len(items) == BATCH else None
        uses = await self._ledger.uses([item.id for item in items])
        due = [item for item in items if item.origin is not Origin.DIRECT_USER and self._is_news(item, uses[item.id])]
        counts: Counter[str] = Counter()
        if due:
            settled = [one for one in await self._ledger.recent(limit=LOOKED_AT) if one.outcome is not None]
            shown, usual = _shown_with({item.id for item in due}, settled), _usual(settled)
            for item in due:
                counts[(await self._judge(item, uses[item.id], shown.get(item.id, ()), usual)).value] += 1
        detail = ", ".join(f"{count} {ruling}" for ruling, count in counts.items())
        return Worked(done=len(due), more=self._after is not None, counts=counts, detail=detail)

    def _is_news(self, item: Learned, uses: Uses) -> bool:
        """Whether there are outcomes that it was not judged by."""
        return self._judged.get(item.id) != _sums(uses) and _count(uses) > 0

    async def _judge(self, item: Learned, uses: Uses, shown: Sequence[Interaction], usual: float | None) -> Ruling:
        made_by = await self._ledger.get_all(item.learned_from)
        told = corroborated(shown, self._corroboration, made_by)
        judgement = decide(uses, told, self._policy, usual=usual)
        change = self._change(item, judgement)
        try:
            if change is not None:
                await self._catalog.apply([change], self._clock.now())
        except Conflict:  # somebody else changed it: it is judged again in the next round
            logger.info("an item was changed meanwhile", extra={"item": item.id})
            return Ruling.HOLD
        self._judged[item.id] = _sums(uses)
        return judgement.ruling if change is not None else Ruling.HOLD

    def _change(self, item: Learned, judgement: Judgement) -> Change | None:
        stage = _NEXT.get(judgement.ruling, item.stage)
        if stage is item.stage or (stage is Stage.PROVEN and not may_teach(item.origin)):
            return None
        after = replace(item, stage=stage, why=judgement.why, changed_at=self._clock.now())
        return Change(item.id, judgement.ruling.value, item, after, STEP, judgement.why)


def _shown_with(ids: set[str], settled: Sequence[Interaction]) -> Mapping[str, Sequence[Interaction]]:
    shown: dict[str, list[Interaction]] = {id: [] for id in ids}
    for one in settled:
        for id in ids.intersection(one.context_provided):
            shown[id].append(one)
    return shown


def _usual(settled: Sequence[Interaction]) -> float | None:
    """The mean credit of answers, whatever they were shown: what helps no more than that has proved nothing."""
    credits = [credit_for(one.outcome.kind) for one in settled if one.outcome is not None]
    return sum(credits) / len(credits) if len(credits) >= LEAST_KNOWN else None


def _count(uses: Uses) -> int:
    return uses.treated.uses + uses.withheld.uses


def _sums(uses: Uses) -> Sums:
    """What tells one state of its outcomes from another, one that was changed afterwards included."""
    return uses.treated.uses, uses.treated.credit, uses.withheld.uses, uses.withheld.credit
