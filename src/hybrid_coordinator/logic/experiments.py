"""Experiments: which variants there are, and who gets which.

An experiment is a list of variants of how much context a prompt carries: `a:max_passages=5;b:max_passages=1`.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from hybrid_coordinator.domain.interaction import Interaction
from hybrid_coordinator.errors import BadInput
from hybrid_coordinator.logic.draws import draw
from hybrid_coordinator.logic.grounding import GroundingPolicy

TAG = "variant:"
"""What the tag of an answer begins with that was given by a variant."""

CHANGEABLE = ("max_passages", "familiar_similarity", "local_budget_tokens", "remote_budget_tokens")
"""What a variant may set. No more passages than usual are looked for, so a greater number of them changes nothing."""

LARGEST = 100_000
"""Passages or tokens: no model reads more."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_FORM = "write it as 'a:max_passages=5;b:max_passages=1'"


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to answer, by name."""

    name: str
    grounding: GroundingPolicy

    @property
    def tag(self) -> str:
        """What its answers are tagged with."""
        return f"{TAG}{self.name}"


def check_variant_name(name: str) -> str:
    """The name; BadInput for one that cannot stand in a tag."""
    if not _NAME.fullmatch(name):
        raise BadInput(f"{name!r} names no variant; use letters, digits, '-', '_' and '.', at most 64")
    return name


def parse_variants(text: str, usual: GroundingPolicy) -> tuple[Variant, ...]:
    """The variants that a setting names, in its order; what a variant does not change is as usual. Nothing for "".

    A variant without changes is written `a:`. Raises BadInput, which says what to write instead.
    """
    written = [part.strip() for part in text.split(";") if part.strip()]
    variants = tuple(_parse_variant(part, usual) for part in written)
    names = [variant.name for variant in variants]
    if len(names) == 1:
        raise BadInput(f"{text!r} names one variant, which compares with nothing; {_FORM}")
    if repeated := next((name for name in names if names.count(name) > 1), None):
        raise BadInput(f"the variant {repeated!r} is named twice; give each a name of its own")
    return variants


def assign_variant(experiment: str, session: str, variants: Sequence[str]) -> str:
    """The variant of a session: always the same one, and each equally likely."""
    return variants[int(draw(f"{TAG}{experiment}", session) * len(variants))]


def variant_of(interaction: Interaction) -> str:
    """The variant that gave an answer; "" for one outside every experiment."""
    return next((tag.removeprefix(TAG) for tag in interaction.tags if tag.startswith(TAG)), "")


def _parse_variant(written: str, usual: GroundingPolicy) -> Variant:
    name, colon, changes = written.partition(":")
    if not colon:
        raise BadInput(f"the variant {written!r} has no ':' behind its name; {_FORM}")
    changed: dict[str, Any] = dict(_parse_change(change, usual) for change in changes.split(",") if change.strip())
    return Variant(check_variant_name(name.strip()), replace(usual, **changed))


def _parse_change(written: str, usual: GroundingPolicy) -> tuple[str, float]:
    name, _, value = (part.strip() for part in written.partition("="))
    if name not in CHANGEABLE:
        raise BadInput(f"a variant cannot change {name!r}; it can change {', '.join(CHANGEABLE)}")
    return name, _parse_value(name, value, getattr(usual, name))


def _parse_value(name: str, value: str, usual: float) -> float:
    whole = isinstance(usual, int)
    most = LARGEST if whole else 1
    try:
        number = int(value) if whole else float(value)
    except ValueError:
        number = -1
    if not 0 <= number <= most:
        expected = f"a whole number from 0 to {LARGEST:,}" if whole else "a number from 0 to 1"
        raise BadInput(f"{name}={value!r} is not {expected}; {_FORM}")
    return number
