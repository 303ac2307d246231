"""What somebody says the right answer is: kept, and served to like questions at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from hybrid_coordinator.domain.interaction import Correction
from hybrid_coordinator.domain.knowledge import Collection, Draft, Payload
from hybrid_coordinator.domain.learning import Change, Learned, Stage
from hybrid_coordinator.domain.trust import Origin, may_teach
from hybrid_coordinator.errors import BadInput
from hybrid_coordinator.flows.publishing import Publisher
from hybrid_coordinator.logic.error_signatures import error_signature
from hybrid_coordinator.logic.errors_in_text import looks_like_error
from hybrid_coordinator.logic.provenance import ProvenancePolicy, report_origin
from hybrid_coordinator.logic.question_key import question_key
from hybrid_coordinator.logic.questions import check_question
from hybrid_coordinator.logic.redaction import redact
from hybrid_coordinator.logic.screening import screen
from hybrid_coordinator.logic.supersession import hold_back, may_supersede, supersede
from hybrid_coordinator.ports import Catalog, Clock, Ledger

STRATEGY = "correction"
MOST_CORRECTIONS = 1_000_000


@dataclass(frozen=True, slots=True)
class Lesson:
    """A correction as somebody gives it. `reported` says that an agent tells it, and no person himself."""

    query: str
    correction: str
    rating: int = 0
    interaction_id: str | None = None
    tags: tuple[str, ...] = ()
    reported: bool = False


class Teacher:
    """Takes corrections in, of which the newest to a question counts. A person's own word is served from then on; an
    agent's has to prove itself first, and waits for a person when reports may not teach. What reads like something that
    was planted waits, whoever says it."""

    def __init__(
        self, ledger: Ledger, catalog: Catalog, publisher: Publisher, clock: Clock, provenance: ProvenancePolicy
    ) -> None:
        self._ledger = ledger
        self._catalog = catalog
        self._publisher = publisher
        self._clock = clock
        self._provenance = provenance

    async def correct(self, lesson: Lesson) -> Learned:
        """Keep a correction and publish it. Raises BadInput, and NotFound for an unknown interaction."""
        if lesson.rating not in (-1, 0, 1):
            raise BadInput(f"rating is {lesson.rating!r}; it must be -1 (bad), 0 (neutral) or 1 (good)")
        if lesson.interaction_id is not None:
            await self._ledger.get(lesson.interaction_id)
        kept = Correction(
            id=self._clock.new_id(),
            created_at=self._clock.now(),
            query=redact(check_question(lesson.query)).text,
            correction=redact(check_question(lesson.correction, "correction")).text,
            rating=lesson.rating,
            interaction_id=lesson.interaction_id,
            tags=lesson.tags,
            origin=self._origin(lesson),
        )
        await self._ledger.correct(kept)
        item = await self._learn(kept)
        await self._publisher.work()
        return item

    def _origin(self, lesson: Lesson) -> Origin:
        return report_origin(Origin.MODEL_INFERENCE, self._provenance) if lesson.reported else Origin.DIRECT_USER

    async def adopt(self) -> int:
        """Take corrections that the catalogue does not know into it, from before there was one or from before a kill;
        how many."""
        corrections = await self._ledger.corrections(limit=MOST_CORRECTIONS)
        known = {item.id for item in await self._catalog.get([correction.id for correction in corrections])}
        missing = [correction for correction in corrections if correction.id not in known]
        for correction in reversed(missing):  # they came newest first, and of two to one question the newer counts
            await self._learn(correction)
        return len(missing)

    async def _learn(self, correction: Correction) -> Learned:
        item, rivals = taught(correction), []
        if item.served and item.signature:
            rivals = [one for one in await self._catalog.signed(item.signature) if _is_rival(one, item)]
        changes = _enter(item, rivals, self._clock.now())
        await self._catalog.apply(changes, self._clock.now())
        return changes[0].after or item


def taught(correction: Correction) -> Learned:
    """A correction as something learned."""
    stage, why = _stage(correction)
    return Learned(
        id=correction.id,
        stage=stage,
        draft=correction_draft(correction),
        origin=correction.origin,
        learned_from=(correction.id, *((correction.interaction_id,) if correction.interaction_id else ())),
        strategy=STRATEGY,
        created_at=correction.created_at,
        changed_at=correction.created_at,
        signature=_signature(correction),
        why=why,
    )


def _is_rival(known: Learned, item: Learned) -> bool:
    """Whether a known correction answers the same question."""
    same = question_key(known.draft.key) == question_key(item.draft.key)
    return known.served and known.strategy == STRATEGY and same


def _enter(item: Learned, rivals: Sequence[Learned], now: datetime) -> list[Change]:
    """The correction enters, in place of those before it to the same question; one that is trusted less than they are
    is held back."""
    trusted_more = next((one for one in rivals if not may_supersede(item, one)), None)
    if trusted_more is not None:
        held = hold_back(item, trusted_more, item.why, now)
        return [Change(item.id, "quarantine", None, held, _actor(item), held.why)]
    action = "quarantine" if item.stage is Stage.QUARANTINED else "learn"
    changes = []
    for rival in rivals:
        older, item = supersede(rival, item, "the same question was answered anew", now)
        changes.append(Change(rival.id, "supersede", rival, older, _actor(item), older.why))
    return [Change(item.id, action, None, item, _actor(item), item.why), *changes]


def _actor(item: Learned) -> str:
    return "person" if item.origin is Origin.DIRECT_USER else "agent"


def _signature(correction: Correction) -> str:
    """What corrections of one question share."""
    if looks_like_error(correction.query):
        return error_signature(correction.query)
    key = question_key(correction.query)
    return f"question:{key}" if key else ""


def _stage(correction: Correction) -> tuple[Stage, str]:
    persons = correction.origin is Origin.DIRECT_USER
    who = "a person" if persons else "an agent"
    if not may_teach(correction.origin):
        return Stage.QUARANTINED, "an agent taught it, and reports may not teach"
    reasons = screen(f"{correction.query}\n{correction.correction}")
    if reasons:
        return Stage.QUARANTINED, f"{who} taught it, and it {' and '.join(reasons)}"
    return Stage.PROVEN if persons else Stage.CANDIDATE, f"{who} taught it"


def correction_draft(correction: Correction) -> Draft:
    """A correction as knowledge: an error's fix when the question quotes an error, else a practice."""
    text = f"{correction.query}\n\n{correction.correction}"
    source = f"correction:{correction.id}"
    if looks_like_error(correction.query):
        fields: Payload = {
            "error_message": correction.query,
            "error_type": "correction",
            "solution": correction.correction,
            "solution_verified": correction.rating == 1,
        }
        return Draft(correction.id, Collection.ERRORS, correction.query, text, fields, source)
    fields = {"category": "correction", "title": correction.query, "description": correction.correction}
    return Draft(correction.id, Collection.PRACTICES, correction.query, text, fields, source)
