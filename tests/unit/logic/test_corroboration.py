"""Independent successes, and one voice heard many times."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from hybrid_coordinator.domain.interaction import AgentType, Interaction, Outcome, OutcomeKind
from hybrid_coordinator.logic.corroboration import CorroborationPolicy, corroborated

POLICY = CorroborationPolicy()
START = datetime(2026, 1, 1, tzinfo=UTC)


def judge(
    number: int,
    *,
    kind: OutcomeKind = OutcomeKind.SUCCESS,
    feedback: int | None = None,
    session: str | None = "own",
    channel: str = "answer",
    asker: str = "",
    hours: float = 2.0,
    failure: str | None = None,
) -> Interaction:
    at = START + timedelta(hours=hours * number)
    return Interaction(
        id=str(number),
        created_at=at,
        query="Why?",
        response="So.",
        agent_type=AgentType.LOCAL,
        model_used="m",
        session_id=f"s{number}" if session == "own" else session,
        outcome=Outcome(kind, feedback),
        settled_at=at,
        channel=channel,
        asker=asker,
        failure=failure,
    )


def holds(outcomes: Sequence[Interaction], made_by: Sequence[Interaction] = ()) -> bool:
    return corroborated(outcomes, POLICY, made_by)[0]


def test_three_sessions_apart_bear_a_thing_out() -> None:
    enough, reason = corroborated([judge(number) for number in range(3)], POLICY)

    assert enough
    assert reason == "3 independent for it and 0 against; 3 are needed"


def test_two_sessions_are_not_enough() -> None:
    assert not holds([judge(number) for number in range(2)])
    assert not holds([])


def test_one_session_is_one_voice_however_often_it_speaks() -> None:
    assert not holds([judge(number, session="s") for number in range(50)])


def test_sessions_opened_in_a_row_are_one_voice() -> None:
    assert not holds([judge(number, hours=0.1) for number in range(9)])
    assert holds([judge(number, hours=0.1) for number in range(30)])


def test_askers_who_speak_at_the_same_time_are_voices_of_their_own() -> None:
    assert holds([judge(number, hours=0.0, asker=f"key{number}") for number in range(3)])


@pytest.mark.parametrize("channel", ["track", "telemetry:ralph-events", "synthetic"])
def test_whoever_reports_may_name_as_many_sessions_as_he_likes_and_is_one_voice(channel: str) -> None:
    reports = [judge(number, channel=channel) for number in range(50)]

    assert not holds(reports)
    assert not holds([*reports, judge(60)])
    assert holds([*reports, judge(60), judge(70)])


def test_what_was_only_reported_is_not_borne_out_by_whoever_reported_it() -> None:
    maker = judge(0, channel="track", asker="bot")
    by_the_same = [judge(number, asker="bot") for number in range(1, 20)]
    by_others = [judge(number, asker="me") for number in (31, 41)]

    assert not holds(by_the_same, [maker])
    assert holds(by_the_same, [judge(0, asker="bot")])
    assert holds([*by_the_same, *by_others], [maker])


def test_failures_of_others_weigh_against_successes() -> None:
    successes = [judge(number) for number in range(3)]
    failures = [judge(number, kind=OutcomeKind.FAILURE) for number in range(3, 6)]

    assert not holds([*successes, *failures])
    assert holds([*successes, *failures[:2]])


@pytest.mark.parametrize(
    "settings",
    [{"kind": OutcomeKind.PARTIAL}, {"feedback": -1}, {"failure": "cut short"}],
)
def test_what_did_not_work_well_speaks_for_nothing(settings: dict[str, object]) -> None:
    assert not holds([judge(number, **settings) for number in range(9)])  # type: ignore[arg-type]


def test_without_a_session_an_asker_has_one_voice_a_day() -> None:
    assert not holds([judge(number, session=None, hours=1.5) for number in range(15)])
    assert holds([judge(number, session=None, hours=24) for number in range(3)])


def test_the_order_in_which_outcomes_are_told_does_not_matter() -> None:
    outcomes = [judge(number, hours=0.7) for number in range(6)]

    assert corroborated(outcomes, POLICY) == corroborated(outcomes[::-1], POLICY)


def test_an_unsettled_interaction_says_nothing() -> None:
    assert not holds([replace(judge(number), outcome=None) for number in range(9)])
