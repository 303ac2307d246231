"""Which model a session is with."""

from hybrid_coordinator.domain.query import Usage
from hybrid_coordinator.flows.sessions import MOST_SESSIONS, Sessions
from hybrid_coordinator.logic.switching import Stay
from hybrid_coordinator.testing import ManualClock
from room import AWAY, HOME

READ = Usage(100, 10, cache_read_tokens=60, cache_write_tokens=30)


def test_a_session_is_with_the_model_that_answered_last() -> None:
    clock = ManualClock()
    sessions = Sessions(clock)
    sessions.note("s", HOME, READ)
    sessions.note("s", AWAY, READ)
    clock.advance(7)

    assert sessions.stay_of("s") == Stay(AWAY, 90, 7.0)


def test_at_home_there_is_no_cache_to_lose() -> None:
    sessions = Sessions(ManualClock())
    sessions.note("s", HOME, READ)

    assert sessions.stay_of("s") == Stay(HOME, 0, 0.0)


def test_questions_outside_a_session_are_not_remembered() -> None:
    sessions = Sessions(ManualClock())
    sessions.note(None, AWAY, READ)
    sessions.note("", AWAY, READ)

    assert sessions.stay_of(None) is None
    assert sessions.stay_of("") is None
    assert sessions.stay_of("new") is None


def test_a_clock_that_goes_back_makes_no_session_younger_than_now() -> None:
    clock = ManualClock()
    sessions = Sessions(clock)
    sessions.note("s", AWAY, READ)
    clock.advance(-3600)

    assert sessions.stay_of("s") == Stay(AWAY, 90, 0.0)


def test_of_too_many_sessions_the_one_that_was_silent_longest_is_forgotten() -> None:
    sessions = Sessions(ManualClock())
    for number in range(MOST_SESSIONS):
        sessions.note(str(number), AWAY, READ)
    sessions.note("0", AWAY, READ)
    sessions.note("new", AWAY, READ)

    assert sessions.stay_of("1") is None
    assert sessions.stay_of("0") is not None
    assert sessions.stay_of("new") is not None
