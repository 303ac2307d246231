"""When a schedule of cron says that it is time.

Times are those of the clock on the wall, without a zone. So an hour that summer time skips is over when it would have
begun, and what was due in it is due at once; an hour that comes twice is due once.
"""

from datetime import datetime

from cronsim import CronSim, CronSimError

from hybrid_coordinator.errors import SettingError

FIELDS = 5


def check_schedule(schedule: str) -> None:
    """Raise SettingError unless this is a schedule of cron that comes at some time."""
    next_run(schedule, datetime(2000, 1, 1))


def next_run(schedule: str, after: datetime) -> datetime:
    """The first time of the schedule behind this one."""
    try:
        if len(schedule.split()) != FIELDS:
            raise CronSimError(f"it has {len(schedule.split())} fields, not {FIELDS}")
        return next(CronSim(schedule, after.replace(tzinfo=None)))
    except (CronSimError, ValueError) as error:
        raise SettingError(
            f"{schedule!r} is no schedule of cron ({error}); write minute, hour, day of month, month and day of week, "
            "such as '0 2 * * 0'"
        ) from error
    except (StopIteration, OverflowError) as error:
        raise SettingError(f"the schedule {schedule!r} never comes; write one such as '0 2 * * 0'") from error


def due(schedule: str, last: datetime, now: datetime) -> bool:
    """Whether a time of the schedule lies behind the last run, and is over. A last run in the future is none."""
    return last <= now and next_run(schedule, last) <= now
