"""What versions are called, and how what was measured of one is told in a line."""

import re

from hybrid_coordinator.domain.versions import Measured

_NUMBER = re.compile(r"\+v\d+$")


def version_name(base: str, number: int) -> str:
    """The name of a base's version of that number, such as `SmolLM2-135M-Instruct.Q4_1+v3`."""
    return f"{base}+v{number}"


def is_other_version(name: str, serving: str) -> bool:
    """Whether these are two of a base and its versions, and not the same one."""
    return name != serving and _NUMBER.sub("", name) == _NUMBER.sub("", serving)


def tell_measured(measured: Measured) -> str:
    """`facts 0.05 → 0.92 (+0.87, between +0.80 and +0.93, 80 items)`; relative differences are in per cent."""
    told = "{:+.1%}" if measured.relative else "{:+.2f}"
    change = told.format(measured.difference)
    low, high = told.format(measured.low), told.format(measured.high)
    means = f"{measured.metric} {measured.before:.2f} → {measured.after:.2f}"
    return f"{means} ({change}, between {low} and {high}, {measured.items:,} items)"
