"""The changes that an act comes to: of the version it is about, and of those that give way to it or come back."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from hybrid_coordinator.domain.versions import Measured, ModelVersion, VersionChange, VersionStage
from hybrid_coordinator.logic.version_stages import Act


@dataclass(frozen=True, slots=True)
class Ruled:
    """Who decided, when and why; `shown` is how the version fared on trial, where that is what decided."""

    at: datetime
    actor: str
    why: str
    shown: tuple[Measured, ...] = ()


def put_on_trial(version: ModelVersion, versions: Iterable[ModelVersion], ruled: Ruled) -> list[VersionChange]:
    """It becomes the canary; the one that was is held."""
    after = replace(version, stage=VersionStage.CANARY, canary_since=ruled.at, canary=())
    others = _canaries(versions, version)
    return [
        *(_give_way(one, VersionStage.HELD, ruled, f"{version.name} is tried out in its place") for one in others),
        _change(version, after, Act.CANARY, ruled, ruled.why),
    ]


def put_in_service(
    version: ModelVersion, versions: Iterable[ModelVersion], ruled: Ruled, watch_days: float
) -> list[VersionChange]:
    """It serves, and is watched for so long; the one that did retires, and a canary that was compared with that one is
    held."""
    known = list(versions)
    until = ruled.at + timedelta(days=watch_days)
    after = replace(_shown(version, ruled), stage=VersionStage.SERVING, serving_since=ruled.at, watched_until=until)
    serving = (one for one in known if one.stage is VersionStage.SERVING and one.name != version.name)
    held = f"{version.name} serves now, and it was not compared with that"
    return [
        *(_give_way(one, VersionStage.HELD, ruled, held) for one in _canaries(known, version)),
        *(_give_way(one, VersionStage.RETIRED, ruled, f"{version.name} serves in its place") for one in serving),
        _change(version, after, Act.PROMOTE, ruled, ruled.why),
    ]


def withdraw(version: ModelVersion, ruled: Ruled) -> list[VersionChange]:
    """It answers nobody, and waits."""
    after = replace(_shown(version, ruled), stage=VersionStage.HELD)
    return [_change(version, after, Act.HOLD, ruled, ruled.why)]


def take_back(
    version: ModelVersion, ruled: Ruled, successor: ModelVersion | None = None, left_out: Iterable[ModelVersion] = ()
) -> list[VersionChange]:
    """It is rolled back; where it served, a version that did before serves again (None: the base), unwatched, and those
    that were `left_out` because they cannot be opened any more are rolled back too."""
    after = replace(_shown(version, ruled), stage=VersionStage.ROLLED_BACK, watched_until=None)
    unfit = [_give_way(one, VersionStage.ROLLED_BACK, ruled, "it cannot be opened any more") for one in left_out]
    changes = [_change(version, after, Act.ROLL_BACK, ruled, ruled.why), *unfit]
    if successor is None:
        return changes
    back = replace(successor, stage=VersionStage.SERVING, serving_since=ruled.at, watched_until=None)
    return [*changes, _change(successor, back, Act.PROMOTE, ruled, f"{version.name} was rolled back")]


def drop(version: ModelVersion, ruled: Ruled) -> list[VersionChange]:
    """It is never to answer again."""
    return [_change(version, replace(version, stage=VersionStage.DROPPED), Act.DROP, ruled, ruled.why)]


def stop_watching(version: ModelVersion, ruled: Ruled) -> list[VersionChange]:
    """It serves everybody from now on, without a control."""
    return [_note(version, replace(_shown(version, ruled), watched_until=None), ruled)]


def taint(version: ModelVersion, interaction_ids: Iterable[str], ruled: Ruled) -> list[VersionChange]:
    """It was trained on these, excluded since; nothing, where that is known."""
    known = tuple(dict.fromkeys((*version.tainted_by, *interaction_ids)))
    return [] if known == version.tainted_by else [_note(version, replace(version, tainted_by=known), ruled)]


def applied(versions: Iterable[ModelVersion], changes: Iterable[VersionChange]) -> list[ModelVersion]:
    """The versions as they are after these changes."""
    after = {version.name: version for version in versions}
    after.update((change.after.name, change.after) for change in changes)
    return list(after.values())


_WORDS = {
    VersionStage.HELD: Act.HOLD.value,
    VersionStage.RETIRED: "retire",
    VersionStage.ROLLED_BACK: Act.ROLL_BACK.value,
}


def _give_way(version: ModelVersion, stage: VersionStage, ruled: Ruled, why: str) -> VersionChange:
    return _change(version, replace(version, stage=stage, watched_until=None), _WORDS[stage], ruled, why)


def _canaries(versions: Iterable[ModelVersion], beside: ModelVersion) -> list[ModelVersion]:
    return [one for one in versions if one.stage is VersionStage.CANARY and one.name != beside.name]


def _shown(version: ModelVersion, ruled: Ruled) -> ModelVersion:
    return replace(version, canary=ruled.shown or version.canary)


def _note(before: ModelVersion, after: ModelVersion, ruled: Ruled) -> VersionChange:
    """Not its stage has changed, nor why it is there."""
    return VersionChange(before, replace(after, changed_at=ruled.at), "note", ruled.actor, ruled.why)


def _change(before: ModelVersion, after: ModelVersion, action: str, ruled: Ruled, why: str) -> VersionChange:
    return VersionChange(before, replace(after, changed_at=ruled.at, why=why), str(action), ruled.actor, why)
