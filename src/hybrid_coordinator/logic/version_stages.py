"""How versions go from stage to stage: what may be done with one, and who answers then.

One version serves, at most one more is on trial beside it. Those that served before are a stack: what is rolled back
gives way to the newest below it that is clean, and below them all is the base.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from hybrid_coordinator.domain.versions import ModelVersion, VersionStage
from hybrid_coordinator.errors import Conflict

PERSON = "person"
"""Who acts, when it is no step."""


class Act(StrEnum):
    """What may be done with a version, by the word that its log has for it."""

    CANARY = "canary"
    PROMOTE = "promote"
    HOLD = "hold"
    ROLL_BACK = "roll-back"
    DROP = "drop"


_ENTERABLE = frozenset((VersionStage.CANDIDATE, VersionStage.HELD, VersionStage.RETIRED, VersionStage.ROLLED_BACK))
"""From here a version may begin to answer. A step only ever takes one that measured better; the rest is a person's."""

_ALLOWED: Mapping[Act, frozenset[VersionStage]] = {
    Act.CANARY: _ENTERABLE,
    Act.PROMOTE: _ENTERABLE | {VersionStage.CANARY},
    Act.HOLD: frozenset((VersionStage.CANDIDATE, VersionStage.CANARY)),
    Act.ROLL_BACK: frozenset((VersionStage.CANARY, VersionStage.SERVING)),
    Act.DROP: frozenset(VersionStage) - {VersionStage.DROPPED},
}

_NEXT: Mapping[VersionStage, str] = {
    VersionStage.CANDIDATE: "it answers nobody; measure it, or promote it",
    VersionStage.HELD: "it answers nobody; measure it again, deploy it for a trial, or promote it",
    VersionStage.CANARY: "a running server has it answer a share of the sessions; promote it or roll it back",
    VersionStage.SERVING: "it answers already; roll it back first",
    VersionStage.RETIRED: "it answers nobody any more; promote it to have it back",
    VersionStage.REJECTED: "it measured worse and never answered; measure it again, or train another",
    VersionStage.ROLLED_BACK: "it answers nobody any more; promote it to have it back, or train another",
    VersionStage.DROPPED: "its files are gone; train another",
}


def next_step(version: ModelVersion) -> str:
    """What can be done with a version as it is."""
    if version.tainted_by and version.stage is not VersionStage.DROPPED:
        return "it was trained on what has been excluded since; drop it, and train another"
    if version.stage is VersionStage.CANDIDATE and version.verdict is not None:
        return "it has passed, and is tried out as soon as nothing else is and nobody waits for an answer"
    return _NEXT[version.stage]


def check_act(act: Act, version: ModelVersion) -> None:
    """Raise Conflict, with what can be done instead, unless that may be done with a version at its stage."""
    if version.stage not in _ALLOWED[act]:
        raise Conflict(f"version {version.name!r} is {version.stage.value}, so no {act.value}: {_NEXT[version.stage]}")
    if act in (Act.CANARY, Act.PROMOTE) and version.tainted_by:
        raise Conflict(
            f"version {version.name!r} was trained on {', '.join(map(repr, version.tainted_by[:3]))}, excluded since, "
            f"so no {act.value}: drop it and train another"
        )


def check_turn(version: ModelVersion, versions: Iterable[ModelVersion], actor: str) -> None:
    """Raise Conflict while another version is tried out and a step wants to try this one: only a person may cut in."""
    canary = at_stage(versions, VersionStage.CANARY)
    if canary is not None and canary.name != version.name and actor != PERSON:
        raise Conflict(f"version {canary.name!r} is being tried out; {version.name!r} waits until that is decided")


@dataclass(frozen=True, slots=True)
class Trial:
    """Who answers a share of the sessions beside the one that serves; a version of None is the base."""

    version: ModelVersion | None
    share: float


@dataclass(frozen=True, slots=True)
class Arms:
    """Who answers as a model of the house; serving None is the base."""

    serving: ModelVersion | None = None
    trial: Trial | None = None


def arms(versions: Iterable[ModelVersion], now: datetime, share: float) -> Arms:
    """Who answers at this moment: the canary is on trial, or else, as control of the one that serves and while that is
    watched, the one that served before."""
    known = list(versions)
    serving, canary = at_stage(known, VersionStage.SERVING), at_stage(known, VersionStage.CANARY)
    if canary is not None:
        return Arms(serving, Trial(canary, share))
    if serving is not None and is_watched(serving, now):
        below = predecessors(known)
        return Arms(serving, Trial(below[0] if below else None, share))
    return Arms(serving)


def is_watched(version: ModelVersion, now: datetime) -> bool:
    """Whether a part of the sessions is still kept back as its control."""
    return version.stage is VersionStage.SERVING and version.watched_until is not None and now < version.watched_until


def predecessors(versions: Iterable[ModelVersion]) -> Sequence[ModelVersion]:
    """Those that may serve in place of the one that does, the last to have served first. The base is not named."""
    served = [
        (version.serving_since, version)
        for version in versions
        if version.stage is VersionStage.RETIRED and version.serving_since is not None and not version.tainted_by
    ]
    return [version for _, version in sorted(served, key=lambda one: (one[0], one[1].number), reverse=True)]


def at_stage(versions: Iterable[ModelVersion], stage: VersionStage) -> ModelVersion | None:
    """The one at a stage that at most one can be at."""
    return next((version for version in versions if version.stage is stage), None)
