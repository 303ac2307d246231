"""When two learned things are one, what is kept of them, and how they come apart again.

A cosine alone destroys data: at 0.95 two questions may still differ in the one digit that matters. So the likeness of
the keys only proposes; the guards of the cache, which name what must not differ, and the words of the answers decide.
`bench/dedup.py` measures both.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from hybrid_coordinator.domain.learning import Arm, Learned, Stage
from hybrid_coordinator.domain.trust import TRUST, Origin, lowest, may_teach
from hybrid_coordinator.logic.cache_exact import typed_alike
from hybrid_coordinator.logic.cache_guards import refuse
from hybrid_coordinator.logic.cache_likeness import share
from hybrid_coordinator.logic.cache_reading import read
from hybrid_coordinator.logic.exchanges import find_exchange, sentences_of
from hybrid_coordinator.logic.scoring import success_rate

_PART_END = re.compile(r"(?<=[.!?;])\s+|\n+")


@dataclass(frozen=True, slots=True)
class MergePolicy:
    """From which cosine of the keys two learned things may be one. Of the words in the sentences that are not word for
    word in both, this share has to be in both."""

    min_similarity: float = 0.95
    min_shared_words: float = 0.8


def refuse_merge(one: Learned, other: Learned, similarity: float, policy: MergePolicy) -> str | None:
    """Why these two stay apart, in a few words, or None when they are one. The order of the two does not matter."""
    if one.draft.collection is not other.draft.collection:
        return "collection"
    if one.signature != other.signature:
        return "signature"
    if not equally_trusted(one.origin, other.origin):
        return "trust"
    if similarity < policy.min_similarity:
        return "likeness"
    guard = refuse_keys(one.draft.key, other.draft.key)
    if guard is not None:
        return f"{guard} of the key"
    return None if say_the_same(one.draft.text, other.draft.text, policy) else "answer"


def equally_trusted(one: Origin, other: Origin) -> bool:
    """Both may teach or neither, and both or neither are a person's word: a merge neither lifts nor lowers those."""
    persons = (one is Origin.DIRECT_USER) == (other is Origin.DIRECT_USER)
    return persons and may_teach(one) == may_teach(other)


def refuse_keys(one: str, other: str) -> str | None:
    """The guard that keeps two keys apart, or None."""
    return None if typed_alike(one) == typed_alike(other) else refuse(read(one), read(other))


def say_the_same(one: str, other: str, policy: MergePolicy) -> bool:
    """Whether what only one of two texts says and what only the other says is nearly the same in words, and no guard
    names anything that differs.

    The guards see the texts whole, too: what is beside the common sentences may be too little to judge by. And the
    whole alone would not do: a word that both repeat from their question hides its opposite.
    """
    own, others = _beside(one, other), _beside(other, one)
    if not own and not others:
        return True
    here, there = read(own), read(others)
    if share(set(here.content), set(there.content)) < policy.min_shared_words:
        return False
    guarded = refuse(here, there) is None and refuse(read(one), read(other)) is None
    return guarded and find_exchange(sentences_of(own), sentences_of(others)) is None


def _beside(text: str, other: str) -> str:
    """The sentences and lines of a text that the other does not have, a line each."""
    known = {typed_alike(part) for part in _PART_END.split(other)}
    return "\n".join(part for part in _PART_END.split(text) if typed_alike(part) not in known)


def choose_kept(one: Learned, other: Learned, proof: Arm, other_proof: Arm) -> tuple[Learned, Learned]:
    """The one to keep first: the proven one, else the more trusted, the one that fared better, the older."""
    rank, other_rank = _rank(one, proof), _rank(other, other_proof)
    if rank != other_rank:
        return (one, other) if rank > other_rank else (other, one)
    return (one, other) if (one.created_at, one.id) <= (other.created_at, other.id) else (other, one)


def _rank(item: Learned, proof: Arm) -> tuple[bool, int, float]:
    return item.stage is Stage.PROVEN, TRUST[item.origin], success_rate(proof.uses, proof.credit)


def merge(kept: Learned, other: Learned, at: datetime) -> tuple[Learned, Learned]:
    """The kept one, now made of what both were made of, and the other one out of service."""
    return (
        replace(
            kept,
            learned_from=_each_once((*kept.learned_from, *other.learned_from)),
            origin=lowest((kept.origin, other.origin)),
            changed_at=at,
        ),
        replace(
            other,
            stage=Stage.MERGED,
            replaced_by=kept.id,
            why=f"says the same as {kept.id}",
            changed_at=at,
        ),
    )


def part_from(kept: Learned, alone: Learned, gone: Learned, others: Sequence[Learned], at: datetime) -> Learned:
    """The kept one without what `gone` brought into it.

    `alone` is what it was before its first merge, `others` are those that stay merged into it. What else has changed
    since then stays changed; when nothing has, it is again what it was.
    """
    rest = {source for one in (alone, *others) for source in one.learned_from}
    brought = set(gone.learned_from) - rest
    origins = [alone.origin, *(one.origin for one in others)]
    by_merging = kept.origin is lowest((*origins, gone.origin))
    return replace(
        kept,
        learned_from=tuple(source for source in kept.learned_from if source not in brought),
        origin=lowest(origins) if by_merging else kept.origin,
        changed_at=at,
    )


def _each_once(sources: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(sources))
