"""What versions are called, and how one is told in a line."""

import re

from hybrid_coordinator.domain.versions import Measured, ModelVersion, VersionStage

_VERSION = re.compile(r"(?P<base>.+)\+v(?P<number>[1-9]\d{0,8})")

_FIGURES = 2
"""So many metrics are told in a line."""


def version_name(base: str, number: int) -> str:
    """The name of a base's version of that number, such as `SmolLM2-135M-Instruct.Q4_1+v3`."""
    return f"{base}+v{number}"


def parse_version(name: str) -> tuple[str, int] | None:
    """The base and the number in a version's name; None for a name that is no version's, such as a base's own."""
    found = _VERSION.fullmatch(name)
    return (found["base"], int(found["number"])) if found else None


def tell_version(version: ModelVersion) -> str:
    """One line: its name, its stage since when, what was decided of it and why, what it gained, and what is amiss."""
    parts = [_stage(version), _verdict(version), *map(tell_measured, _figures(version)), _taint(version)]
    return f"{version.name}: {'; '.join(part for part in parts if part)}"


def tell_measured(measured: Measured) -> str:
    """`facts 0.05 → 0.92 (+0.87, between +0.80 and +0.93, 80 items)`; relative differences are in per cent."""
    told = "{:+.1%}" if measured.relative else "{:+.2f}"
    change = told.format(measured.difference)
    low, high = told.format(measured.low), told.format(measured.high)
    means = f"{measured.metric} {measured.before:.2f} → {measured.after:.2f}"
    return f"{means} ({change}, between {low} and {high}, {measured.items:,} items)"


def _stage(version: ModelVersion) -> str:
    since = {VersionStage.CANARY: version.canary_since, VersionStage.SERVING: version.serving_since}.get(version.stage)
    return f"{version.stage.value} since {since:%Y-%m-%d %H:%M} UTC" if since else version.stage.value


def _verdict(version: ModelVersion) -> str:
    """The last word on it: why it is where it is, else what its measurement said."""
    if version.why or version.verdict is None:
        return version.why
    return f"{version.verdict.decision.value}: {version.verdict.why}"


def _figures(version: ModelVersion) -> tuple[Measured, ...]:
    return (version.canary or version.measured)[:_FIGURES]


def _taint(version: ModelVersion) -> str:
    count = len(version.tainted_by)
    return f"trained on {count:,} interaction{'s' * (count > 1)} excluded since" if count else ""
