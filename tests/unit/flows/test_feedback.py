"""Walk two of the house: an outcome."""

import pytest

from hybrid_coordinator.domain.answer import Answered
from hybrid_coordinator.domain.interaction import AgentType, Outcome, OutcomeKind
from hybrid_coordinator.domain.knowledge import Collection
from hybrid_coordinator.domain.query import Query
from hybrid_coordinator.errors import BadInput, NotFound
from hybrid_coordinator.flows.feedback import Track, pattern_id_of
from room import HOME, Room

STEPS = """1. Open the unit file.
2. Reload the daemon.
```sh
systemctl daemon-reload
```
That makes the change take effect for good."""
GOOD = Outcome(OutcomeKind.SUCCESS, 1)
BAD = Outcome(OutcomeKind.FAILURE, -1)


async def ask(room: Room, text: str) -> str:
    answered = (await room.hear(Query(text)))[-1]
    assert isinstance(answered, Answered)
    return answered.interaction.id


async def test_a_good_outcome_scores_credits_and_teaches(room: Room) -> None:
    room.add_model(HOME, [STEPS])
    await room.teach("reload a systemd unit", "Use daemon-reload.")
    interaction_id = await ask(room, "reload a systemd unit")

    settled = await room.house.feedback.settle(interaction_id, GOOD)

    assert settled.value.total == pytest.approx(0.4 + 0.2 + 0.2 * 0.3 + 0.1 * 0.7 + 0.1)
    assert settled.success_rates == {"p1": pytest.approx(2 / 3)}
    (passage,) = await room.knowledge.get(["p1"])
    assert passage.payload["success_rate"] == pytest.approx(2 / 3)
    (pattern,) = await room.knowledge.get([settled.pattern_id or ""])
    assert pattern.collection is Collection.SKILLS
    assert "Reload the daemon." in pattern.payload["usage_pattern"]


async def test_settling_again_keeps_the_last_and_takes_the_first_back(room: Room) -> None:
    room.add_model(HOME, [STEPS])
    await room.teach("reload a systemd unit", "Use daemon-reload.")
    interaction_id = await ask(room, "reload a systemd unit")
    await room.house.feedback.settle(interaction_id, GOOD)

    settled = await room.house.feedback.settle(interaction_id, BAD)

    assert settled.interaction.outcome == BAD
    assert settled.success_rates == {"p1": pytest.approx(1 / 3)}
    assert await room.knowledge.get([pattern_id_of(interaction_id)]) == []


async def test_settling_twice_alike_changes_nothing(room: Room) -> None:
    interaction_id = await ask(room, "reload a systemd unit")

    first = await room.house.feedback.settle(interaction_id, GOOD)
    second = await room.house.feedback.settle(interaction_id, GOOD)

    assert first.value == second.value


async def test_a_question_asked_before_is_worth_more(room: Room) -> None:
    ids = [await ask(room, "reload a systemd unit") for _ in range(4)]

    settled = await room.house.feedback.settle(ids[-1], GOOD)

    assert settled.value.parts["reusability"] == 0.7


async def test_the_history_shows_the_outcome(room: Room) -> None:
    interaction_id = await ask(room, "reload a systemd unit")

    await room.house.feedback.settle(interaction_id, Outcome(OutcomeKind.PARTIAL))

    (passage,) = await room.knowledge.get([interaction_id])
    assert passage.collection is Collection.INTERACTIONS
    assert passage.payload["outcome"] == "partial"
    assert passage.payload["value_score"] is not None


@pytest.mark.parametrize("outcome", [Outcome(OutcomeKind.SUCCESS, 2), Outcome(OutcomeKind.SUCCESS, iterations=0)])
async def test_feedback_out_of_range_is_refused(room: Room, outcome: Outcome) -> None:
    interaction_id = await ask(room, "reload a systemd unit")

    with pytest.raises(BadInput):
        await room.house.feedback.settle(interaction_id, outcome)

    assert (await room.ledger.get(interaction_id)).outcome is None


async def test_an_unknown_interaction_is_not_found(room: Room) -> None:
    with pytest.raises(NotFound, match="no-such-id"):
        await room.house.feedback.settle("no-such-id", GOOD)


async def test_an_interaction_from_elsewhere_is_tracked_and_settled(room: Room) -> None:
    track = Track("reload a unit", STEPS, AgentType.REMOTE, "claude-sonnet-4", tokens_used=1500, latency_ms=2300)

    interaction = await room.house.feedback.track(track)
    settled = await room.house.feedback.settle(interaction.id, GOOD)

    assert settled.interaction.tokens_used == 1500
    assert settled.pattern_id is not None


async def test_a_correction_is_found_at_once(room: Room) -> None:
    _, fix = await room.house.feedback.correct("OSError: read-only file system", "Remount it.", rating=1)
    _, practice = await room.house.feedback.correct("how do we name branches", "By the issue's number.")

    found = await room.house.searcher.search("how do we name branches", limit=1)

    assert fix.collection is Collection.ERRORS
    assert fix.payload["solution_verified"] is True
    assert practice.collection is Collection.PRACTICES
    assert found[0].id == practice.id


async def test_a_correction_of_an_unknown_answer_is_not_kept(room: Room) -> None:
    with pytest.raises(NotFound):
        await room.house.feedback.correct("how?", "so", interaction_id="no-such-id")
    with pytest.raises(BadInput):
        await room.house.feedback.correct("how?", "so", rating=5)

    assert await room.ledger.corrections(limit=5) == []


async def test_the_dataset_holds_what_turned_out_well_and_what_was_corrected(room: Room) -> None:
    room.add_model(HOME, [STEPS])
    good, bad, corrected = [await ask(room, text) for text in ("reload a unit", "bake a loaf", "name a branch")]
    await room.house.feedback.settle(good, GOOD)
    await room.house.feedback.settle(bad, BAD)
    await room.house.feedback.settle(corrected, GOOD)
    await room.house.feedback.correct("name a branch", "By its issue.", interaction_id=corrected, rating=1)

    exported = await room.house.export_dataset()

    questions = [row["messages"][1]["content"] for row in room.dataset.rows]
    assert exported.rows == 2
    assert questions == ["name a branch", "reload a unit"]
    assert room.dataset.rows[0]["messages"][2]["content"] == "By its issue."
    assert room.dataset.rows[1]["metadata"]["value_score"] >= 0.7


async def test_retrievals_are_counted(room: Room) -> None:
    await room.teach("reload a systemd unit", "Use daemon-reload.")
    house = room.house
    await house.augmenter.augment("reload a systemd unit")
    await house.augmenter.augment("reload a systemd unit")

    await house.history.catch_up()

    (passage,) = await room.knowledge.get(["p1"])
    assert passage.payload["access_count"] == 2


async def test_the_report_adds_up(room: Room) -> None:
    ids = [await ask(room, text) for text in ("reload a unit", "bake a loaf")]
    await room.house.feedback.settle(ids[0], GOOD)
    await room.house.feedback.settle(ids[1], BAD)

    report = await room.house.reporter.report(7)

    assert report.answered == 2
    assert report.local_share == 1.0
    assert report.success_rate == 0.5
    with pytest.raises(BadInput):
        await room.house.reporter.report(0)
