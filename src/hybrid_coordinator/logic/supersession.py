"""When something learned later makes something learned earlier wrong, and what then becomes of the two.

Two items contradict each other when they answer the same question and a sentence of one is a sentence of the other but
for one stretch of words (a figure, a name, a path, a command), denies it, or gives another number of the same thing.
What one says beside the other, in sentences of its own, is no contradiction.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from hybrid_coordinator.domain.learning import Learned, Stage
from hybrid_coordinator.domain.trust import TRUST
from hybrid_coordinator.logic.cache_agreement import agree
from hybrid_coordinator.logic.exchanges import find_exchange, sentences_of
from hybrid_coordinator.logic.merging import refuse_keys

CORRECTION = "correction"
"""The strategy of what a person said an answer should have been."""


@dataclass(frozen=True, slots=True)
class SupersessionPolicy:
    """From which cosine of the keys two items may answer the same question."""

    min_similarity: float = 0.85


def answer_the_same(one: Learned, other: Learned, similarity: float, policy: SupersessionPolicy) -> bool:
    """Whether both answer one question: a like key that no guard refuses, the same error, or the same interaction."""
    if one.signature and one.signature == other.signature:
        return True
    if _corrects(one, other) or _corrects(other, one):
        return True
    return similarity >= policy.min_similarity and refuse_keys(one.draft.key, other.draft.key) is None


def _corrects(one: Learned, other: Learned) -> bool:
    return one.strategy == CORRECTION and bool({*one.learned_from} & {*other.learned_from})


def find_conflict(newer: Learned, older: Learned) -> str | None:
    """What the newer says where the older says something else, or None. A person's correction of the very answer that
    the older was made of is in conflict with it unless they agree."""
    said, known = _answer(newer), _answer(older)
    if _corrects(newer, older) and agree(said, known) is not True:
        return "a person corrected the answer it was made of"
    exchange = find_exchange(sentences_of(said), sentences_of(known))
    return exchange and f"it says {exchange[0].text[:80]!r} where the other says {exchange[1].text[:80]!r}"


def _answer(item: Learned) -> str:
    """Its text without the question, which is another's in other words."""
    return item.draft.text.replace(item.draft.key, "", 1)


def may_supersede(newer: Learned, older: Learned) -> bool:
    """Nothing is superseded by something trusted less."""
    return TRUST[newer.origin] >= TRUST[older.origin]


def supersede(older: Learned, newer: Learned, why: str, at: datetime) -> tuple[Learned, Learned]:
    """The older out of service, valid until the newer came, and the newer, valid from then on."""
    since = max(older.created_at, newer.created_at)
    span = {"valid_from": _valid_from(older), "valid_to": since.isoformat()}
    return (
        replace(
            older,
            stage=Stage.SUPERSEDED,
            replaced_by=newer.id,
            why=why,
            draft=replace(older.draft, payload={**older.draft.payload, **span}),
            changed_at=at,
        ),
        replace(
            newer,
            draft=replace(newer.draft, payload={**newer.draft.payload, "valid_from": since.isoformat()}),
            changed_at=at,
        ),
    )


def _valid_from(item: Learned) -> str:
    return str(item.draft.payload.get("valid_from", item.created_at.isoformat()))


def hold_back(newer: Learned, older: Learned, why: str, at: datetime) -> Learned:
    """The newer in quarantine: it contradicts something that is trusted more, and a person decides."""
    reason = f"{why}; {older.id}, which is trusted more, contradicts it"
    return replace(newer, stage=Stage.QUARANTINED, why=reason, changed_at=at)
