"""The record in dictionaries."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from hybrid_coordinator.domain.interaction import (
    REJECTED_TAG,
    AgentType,
    Correction,
    Interaction,
    Outcome,
    OutcomeKind,
    PreferencePair,
    Spending,
    Totals,
    ValueScore,
)
from hybrid_coordinator.domain.knowledge import Source
from hybrid_coordinator.domain.learning import Injection, Uses
from hybrid_coordinator.domain.measures import Day, Fared, Served
from hybrid_coordinator.errors import NotFound, RefusedStatement
from hybrid_coordinator.logic.auditing import ArmSums
from hybrid_coordinator.logic.question_key import question_key
from hybrid_coordinator.ports import EvidenceRecord, PassageRecord, Table
from hybrid_coordinator.testing.catalog import MemoryCatalog
from hybrid_coordinator.testing.credits import Credits
from hybrid_coordinator.testing.faring import sum_fared
from hybrid_coordinator.testing.measuring import count_bands, sum_days, sum_served
from hybrid_coordinator.testing.sums import sum_arm, total_up


class MemoryLedger:
    """The record in dictionaries. It has no SQL views, so `read` refuses every statement."""

    def __init__(self, catalog: MemoryCatalog | None = None) -> None:
        """The catalog tells which passages were learned, for the sums that say so; without one none were."""
        self._catalog = catalog or MemoryCatalog()
        self._interactions: dict[str, Interaction] = {}
        self._credits = Credits()
        self._corrections: dict[str, Correction] = {}
        self._preferences: dict[str, PreferencePair] = {}
        self._features: dict[str, bytes] = {}
        self._filed: dict[str, Interaction] = {}
        self._learned: set[str] = set()
        self._excluded: dict[str, str] = {}
        self._sources: dict[tuple[str, str], Source] = {}

    async def append(self, interaction: Interaction, *, patient: bool = False) -> None:
        self._interactions.setdefault(interaction.id, interaction)

    async def get(self, interaction_id: str) -> Interaction:
        try:
            return self._interactions[interaction_id]
        except KeyError:
            raise NotFound(f"no interaction {interaction_id!r}; list the recent ones to find its id") from None

    async def settle(self, interaction_id: str, outcome: Outcome, value: ValueScore, at: datetime) -> Interaction:
        settled = replace(await self.get(interaction_id), outcome=outcome, value=value, settled_at=at)
        self._interactions[interaction_id] = settled
        self._learned.discard(interaction_id)
        return settled

    async def get_all(self, ids: Sequence[str]) -> list[Interaction]:
        return [self._interactions[id] for id in ids if id in self._interactions]

    async def unscored(self, *, limit: int) -> list[Interaction]:
        settled = [one for one in self._interactions.values() if one.outcome is not None]
        return [one for one in settled if one.value is None][:limit]

    async def score(self, values: Mapping[str, ValueScore]) -> None:
        for id, value in values.items():
            if id in self._interactions:
                self._interactions[id] = replace(self._interactions[id], value=value)
                self._learned.discard(id)

    async def kin(self, keys: Sequence[int]) -> Mapping[int, int]:
        held = Counter(question_key(one.query) for one in self._interactions.values())
        return {key: held[key] for key in keys}

    async def unlearned(self, *, limit: int) -> list[Interaction]:
        valued = [one for one in self._interactions.values() if one.outcome is not None and one.value is not None]
        return [one for one in valued if one.id not in self._learned][:limit]

    async def mark_learned(self, interactions: Sequence[Interaction]) -> None:
        self._learned.update(one.id for one in interactions if self._interactions.get(one.id) == one)

    async def credit(self, interaction_id: str, credits: Mapping[str, float]) -> Mapping[str, PassageRecord]:
        known = await self.get(interaction_id)
        self._credits.say(known.id, credits, withheld=False)
        return {passage_id: self._credits.record(passage_id) for passage_id in credits}

    async def withhold(self, interaction_id: str, credits: Mapping[str, float]) -> None:
        known = await self.get(interaction_id)
        self._credits.say(known.id, credits, withheld=True)

    async def uses(self, passage_ids: Sequence[str]) -> Mapping[str, Uses]:
        return {passage_id: self._credits.uses(passage_id, self._interactions) for passage_id in passage_ids}

    async def injections(self, *, limit: int) -> list[Injection]:
        newest = reversed(self._interactions.values())
        return [one for interaction in newest for one in self._credits.injections(interaction)][:limit]

    async def correct(self, correction: Correction) -> None:
        self._corrections.setdefault(correction.id, correction)

    async def recent(
        self,
        *,
        limit: int,
        session_id: str | None = None,
        since: datetime | None = None,
        min_value: float | None = None,
        outcome: str | None = None,
    ) -> list[Interaction]:
        fitting = [
            one
            for one in self._interactions.values()
            if (session_id is None or one.session_id == session_id)
            and (since is None or one.created_at >= since)
            and (min_value is None or (one.value is not None and one.value.total >= min_value))
            and (outcome is None or (one.outcome is not None and one.outcome.kind == outcome))
        ]
        return fitting[::-1][:limit]

    async def tagged(self, tag: str, *, since: datetime | None, limit: int) -> list[Interaction]:
        spanned = [one for one in self._interactions.values() if since is None or one.created_at >= since]
        return [one for one in reversed(spanned) if tag in one.tags][:limit]

    async def troubled(self, *, limit: int, low_value: float, since: datetime | None = None) -> list[Interaction]:
        replaced = {one.parent_id for one in self._interactions.values() if REJECTED_TAG in one.tags}
        spanned = [one for one in self._interactions.values() if since is None or one.created_at >= since]
        return [one for one in reversed(spanned) if one.id in replaced or _is_trouble(one, low_value)][:limit]

    async def exclude(self, interaction_id: str, why: str, at: datetime) -> None:
        known = await self.get(interaction_id)
        self._excluded.setdefault(known.id, why)

    async def excluded(self) -> Mapping[str, str]:
        return dict(self._excluded)

    async def corrections(self, *, limit: int) -> list[Correction]:
        return list(reversed(self._corrections.values()))[:limit]

    async def unfiled(self, *, limit: int) -> list[Interaction]:
        waiting = [one for one in self._interactions.values() if self._filed.get(one.id) != one]
        return waiting[:limit]

    async def mark_filed(self, interactions: Sequence[Interaction]) -> None:
        self._filed.update((interaction.id, interaction) for interaction in interactions)

    async def forget_copies(self) -> None:
        self._filed.clear()
        self._sources.clear()

    async def totals(self, since: datetime | None, *, high_value: float) -> Totals:
        spanned = [one for one in self._interactions.values() if since is None or one.created_at >= since]
        corrections = [one for one in self._corrections.values() if since is None or one.created_at >= since]
        return replace(total_up(spanned, high_value), corrections=len(corrections))

    async def daily(self, since: datetime | None, *, high_value: float) -> list[Day]:
        learned = self._catalog.items
        made = [item for item in learned.values() if since is None or item.created_at >= since]
        reused = {one.id for one in self._since(since) if learned.keys() & self._credits.given(one.id)}
        return sum_days(self._since(since), made, reused, high_value)

    async def spread(self, edges: Sequence[float], since: datetime | None) -> list[int]:
        return count_bands(self._since(since), edges)

    async def served(self, since: datetime | None) -> list[Served]:
        settled = [one for one in self._since(since) if one.outcome is not None]
        return sum_served([(one, self._credits.given(one.id)) for one in settled], self._catalog.items)

    def _since(self, since: datetime | None) -> list[Interaction]:
        return [one for one in self._interactions.values() if since is None or one.created_at >= since]

    async def credited(self, interaction_ids: Sequence[str]) -> Mapping[str, Mapping[str, float]]:
        return {id: given for id in interaction_ids if (given := self._credits.given(id))}

    async def prefer(self, pair: PreferencePair) -> None:
        self._preferences.setdefault(pair.id, pair)

    async def preferences(self, *, limit: int) -> list[PreferencePair]:
        return list(reversed(self._preferences.values()))[:limit]

    async def keep_evidence(self, interaction_id: str, features: bytes) -> None:
        known = await self.get(interaction_id)
        self._features[known.id] = features

    async def evidence(self, *, limit: int) -> list[EvidenceRecord]:
        kept = [
            EvidenceRecord(one, self._features[id]) for id, one in self._interactions.items() if id in self._features
        ]
        return kept[::-1][:limit]

    async def spent(self, since: datetime) -> Mapping[str, Spending]:
        spent: dict[str, Spending] = {}
        for one in self._interactions.values():
            if one.created_at >= since:
                before = spent.get(one.asker, Spending())
                tokens = one.tokens_used if one.agent_type is AgentType.REMOTE else 0
                spent[one.asker] = Spending(before.cost + one.cost, before.tokens + tokens)
        return spent

    async def audited(self, since: datetime | None) -> Mapping[bool, ArmSums]:
        routed = [
            one
            for one in self._interactions.values()
            if one.route is not None
            and one.agent_type is not AgentType.CONTEXT_ONLY
            and (since is None or one.created_at >= since)
        ]
        return {holdout: sum_arm(one for one in routed if one.holdout is holdout) for holdout in (False, True)}

    async def fared(self, models: Sequence[str], since: datetime) -> Mapping[str, Fared]:
        kept = [one for one in self._since(since) if one.id not in self._excluded]
        return {model: sum_fared(one for one in kept if one.model_used == model) for model in models}

    async def source(self, root: str, path: str) -> Source | None:
        return self._sources.get((root, path))

    async def sources(self, root: str) -> list[Source]:
        return [source for source in self._sources.values() if source.root == root]

    async def roots(self) -> list[str]:
        return sorted({root for root, _ in self._sources})

    async def put_source(self, source: Source) -> None:
        self._sources[source.root, source.path] = source

    async def remove_source(self, root: str, path: str) -> None:
        self._sources.pop((root, path), None)

    async def read(self, statement: str, *, limit: int, timeout_s: float) -> Table:
        raise RefusedStatement(f"{statement!r} cannot be read: this ledger has no SQL views; use the SQL ledger")

    async def aclose(self) -> None:
        """Nothing is held open."""


def _is_trouble(interaction: Interaction, low_value: float) -> bool:
    outcome, value = interaction.outcome, interaction.value
    bad = outcome is not None and (outcome.kind is OutcomeKind.FAILURE or outcome.user_feedback == -1)
    return bad or interaction.failure is not None or (value is not None and value.total < low_value)
