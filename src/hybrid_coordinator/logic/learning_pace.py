"""When the daemon works, rests, and tries again."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LearningPace:
    """How the daemon goes about its work. Times are in seconds.

    It looks for work every `tick_s`, and does at most `most_batches` of one step before the next has its turn. The
    lease it works under is renewed before each batch, and is free again `lease_s` after a process died. A step that
    failed rests for `rest_s`, twice as long after each further failure, at most `longest_rest_s`. A batch waits until
    nobody has asked anything for `quiet_s`, but not longer than `patience_s`.
    """

    enabled: bool = True
    tick_s: float = 30.0
    most_batches: int = 20
    lease_s: float = 300.0
    rest_s: float = 5.0
    longest_rest_s: float = 3600.0
    quiet_s: float = 1.0
    patience_s: float = 30.0


def rest_after(failures: int, pace: LearningPace) -> float:
    """How long a step rests after so many failures in a row, in seconds."""
    return 0.0 if failures == 0 else min(pace.longest_rest_s, pace.rest_s * 2.0 ** min(failures - 1, 30))
