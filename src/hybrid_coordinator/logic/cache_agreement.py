"""Whether two answers say the same, as far as their words tell."""

from hybrid_coordinator.logic.cache_exact import typed_alike
from hybrid_coordinator.logic.cache_guards import refuse
from hybrid_coordinator.logic.cache_likeness import share
from hybrid_coordinator.logic.cache_reading import read

AGREE = 0.6
DISAGREE = 0.25
"""Shares of the words of content in both answers. Two answers of one model to one question lie far above the first, to
unrelated questions below the second."""


def agree(one: str, other: str) -> bool | None:
    """True or False when it is plain, None when it is not: an observation that may be wrong is none."""
    if typed_alike(one) == typed_alike(other):
        return True
    here, there = read(one), read(other)
    common = share(set(here.content), set(there.content))
    if common <= DISAGREE:
        return False
    return True if common >= AGREE and refuse(here, there) is None else None
