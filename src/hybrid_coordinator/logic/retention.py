"""Which telemetry files are packed, and which are thrown away."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from hybrid_coordinator.domain.telemetry import FilePosition

_DAY_S = 86_400.0
_GZIP_LENGTH = 2**32
"""A gzip tells its unpacked length up to a multiple of this."""


@dataclass(frozen=True, slots=True)
class RetentionPolicy:
    """When files are packed and thrown away: by the days since they were last written to, and by their size together.

    Those of other programs are left alone unless `touch_others` is set.
    """

    compress_after_days: float = 7.0
    keep_days: float = 365.0
    most_bytes: int = 2_000_000_000
    touch_others: bool = False


@dataclass(frozen=True, slots=True)
class TelemetryFile:
    """A file of telemetry as it lies there.

    `length` is that of its content, unpacked: of a gzip only up to a multiple of 4 GiB. `active` says that somebody may
    still write to it, `own` that we wrote it.
    """

    path: str
    device: int
    inode: int
    size: int
    length: int
    modified: datetime
    packed: bool = False
    own: bool = False
    active: bool = False


class Chore(StrEnum):
    """What may be done to a file."""

    PACK = "pack"
    REMOVE = "remove"


def plan_retention(
    files: Sequence[TelemetryFile], positions: Sequence[FilePosition], policy: RetentionPolicy, now: datetime
) -> list[tuple[Chore, TelemetryFile]]:
    """What is to be done, the oldest file first. A file that may be written to, or is not read to its end, is spared.

    A clock that went back makes every file young, and nothing is done.
    """
    read_to = {(position.device, position.inode): position.offset for position in positions}
    spare = [file for file in files if _may_go(file, read_to, policy)]
    spare.sort(key=lambda file: (file.modified, file.path))
    left = sum(file.size for file in spare)
    chores: list[tuple[Chore, TelemetryFile]] = []
    for file in spare:
        age_days = (now - file.modified).total_seconds() / _DAY_S
        if age_days > policy.keep_days or left > policy.most_bytes:
            left -= file.size
            chores.append((Chore.REMOVE, file))
        elif age_days > policy.compress_after_days and not file.packed:
            chores.append((Chore.PACK, file))
    return chores


def _may_go(file: TelemetryFile, read_to: Mapping[tuple[int, int], int], policy: RetentionPolicy) -> bool:
    if file.active:
        return False
    return file.own or (policy.touch_others and _is_read(file, read_to.get((file.device, file.inode))))


def _is_read(file: TelemetryFile, offset: int | None) -> bool:
    if offset is None:
        return False
    return offset % _GZIP_LENGTH == file.length % _GZIP_LENGTH if file.packed else offset >= file.length
