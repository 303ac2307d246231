"""Make a skill of what is asked again and again with success, where nothing was learned of it yet."""

import uuid
from collections.abc import Collection as Ids
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import anyio.to_thread

from hybrid_coordinator.domain.interaction import Interaction, OutcomeKind
from hybrid_coordinator.domain.knowledge import Collection, Probe, SearchMode
from hybrid_coordinator.domain.learning import Change, Learned, Stage, StepState, Worked
from hybrid_coordinator.errors import Conflict
from hybrid_coordinator.flows.vectors import embed_all
from hybrid_coordinator.logic.discovery import (
    DiscoveryPolicy,
    compare_answers,
    find_shared,
    is_telling,
    make_skill,
    recurs,
)
from hybrid_coordinator.ports import Agenda, Catalog, Clock, Embedder, Knowledge, Ledger

STEP = "discover"
"""The name of its state on the agenda, and of who changes the catalogue."""

DISCOVERIES = uuid.UUID("0b0f5f0f-6a36-5c43-8d0a-55a1f1f3b7c2")
"""Namespace of the ids, so that from the same answers one skill is made, ever."""

_START = (datetime.min.replace(tzinfo=UTC), "")


class Discoverer:
    """Goes through the successes as they were settled, and looks at each with its like in the filed history."""

    def __init__(
        self,
        ledger: Ledger,
        catalog: Catalog,
        agenda: Agenda,
        knowledge: Knowledge,
        embedder: Embedder,
        clock: Clock,
        policy: DiscoveryPolicy,
    ) -> None:
        self._ledger = ledger
        self._catalog = catalog
        self._agenda = agenda
        self._knowledge = knowledge
        self._embedder = embedder
        self._clock = clock
        self._policy = policy

    async def work(self) -> Worked:
        """Look at a batch of successes that were settled since the last time. What was looked at twice changes
        nothing: who has been learned from is passed over."""
        state = (await self._agenda.states()).get(STEP, StepState(STEP))
        excluded = await self._ledger.excluded()
        waiting = await self._waiting(_position(state.cursor, self._clock.now()), excluded)
        batch = waiting[: self._policy.batch]
        found = [await self._look_at(one, excluded) for one in batch]
        made = sum(found)
        if batch:
            await self._note(state, batch, made)
        return Worked(len(batch), len(waiting) > len(batch), {"discovered": made}, _tell(len(batch), made))

    async def _waiting(self, position: tuple[datetime, str], excluded: Ids[str]) -> list[Interaction]:
        """Successes behind a position, in the order in which they were settled."""
        since = self._clock.now() - timedelta(days=self._policy.days)
        recent = await self._ledger.recent(limit=self._policy.window, since=since, outcome=OutcomeKind.SUCCESS)
        return sorted(
            (one for one in recent if is_telling(one, excluded) and _place(one) > position),
            key=_place,
        )

    async def _look_at(self, interaction: Interaction, excluded: Ids[str]) -> bool:
        """Whether a skill was made of it and its like."""
        family = [one for one in await self._family(interaction) if is_telling(one, excluded)]
        if not recurs(family, self._policy) or await self._catalog.learned_from([one.id for one in family]):
            return False
        skill = await self._discover(family)
        if skill is None:
            return False
        action = "quarantine" if skill.stage is Stage.QUARANTINED else "learn"
        try:
            await self._catalog.apply([Change(skill.id, action, None, skill, STEP, skill.why)], skill.created_at)
        except Conflict:  # another daemon made it
            return False
        return True

    async def _family(self, interaction: Interaction) -> list[Interaction]:
        """It and the filed interactions with the same kind of question, oldest first."""
        (vector,) = await self._embedder.embed([interaction.query])
        found = await self._knowledge.search(
            Probe(interaction.query, vector),
            [Collection.INTERACTIONS],
            limit=self._policy.neighbours,
            mode=SearchMode.SEMANTIC,
        )
        ids = {one.id for one in found if one.similarity >= self._policy.same_question}
        family = await self._ledger.get_all(sorted(ids | {interaction.id}))
        return sorted(family, key=lambda one: (one.created_at, one.id))

    async def _discover(self, family: Sequence[Interaction]) -> Learned | None:
        """What they have in common; compared in a thread, since it may take half a second."""
        vectors = await embed_all(self._embedder, [one.response for one in family])
        verdict = await anyio.to_thread.run_sync(compare_answers, family, vectors.tolist(), self._policy)
        told = await anyio.to_thread.run_sync(find_shared, family, self._policy) if verdict.trusted else None
        if told is None:
            return None
        item_id = str(uuid.uuid5(DISCOVERIES, family[0].id))
        return make_skill(item_id, family, told, verdict, self._clock.now())

    async def _note(self, state: StepState, batch: Sequence[Interaction], made: int) -> None:
        settled_at, last = _place(batch[-1])
        cursor = {"settled_at": settled_at.isoformat(), "id": last}
        now, done = self._clock.now(), state.done + made
        await self._agenda.note(StepState(STEP, now, 0.0, done, "", _tell(len(batch), made), cursor))


def _place(interaction: Interaction) -> tuple[datetime, str]:
    return interaction.settled_at or interaction.created_at, interaction.id


def _position(cursor: Mapping[str, object], now: datetime) -> tuple[datetime, str]:
    """Where to go on; the start when that cannot be read. A position in the future is one from a clock that has gone
    back: everything is looked at."""
    try:
        position = (datetime.fromisoformat(str(cursor["settled_at"])), str(cursor["id"]))
        return position if position[0] <= now else _START
    except (KeyError, ValueError, TypeError):  # a time without a zone cannot be compared
        return _START


def _tell(looked_at: int, made: int) -> str:
    return f"{made} skills made of what came again, among {looked_at} successes" if looked_at else ""
