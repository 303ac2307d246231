"""The coordinator's own events: noted, derived, and written where others can read them."""

import json
import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hybrid_coordinator.backends.telemetry.own_file import OwnTelemetryFile
from hybrid_coordinator.domain.interaction import AgentType, Interaction, Outcome, OutcomeKind, ValueScore
from hybrid_coordinator.domain.query import Profile, Speciality
from hybrid_coordinator.domain.route import Route, Target
from hybrid_coordinator.flows import journal as flow
from hybrid_coordinator.flows.journal import Chronicler, Journal, JournalWriter
from hybrid_coordinator.testing import ManualClock, MemoryAgenda, MemoryEventLog, MemoryLedger
from hybrid_coordinator.wire.telemetry import write_event

ANSWER = Interaction(
    id="one",
    created_at=datetime(2026, 1, 1, tzinfo=UTC),
    query="Explain quantum computing",
    response="...",
    agent_type=AgentType.REMOTE,
    model_used="big",
    context_provided=("p1", "p2"),
    similarities=(0.9, 0.4),
    latency_ms=900,
    route=Route(
        Target.REMOTE, ("big",), "Complex query, low local confidence", 0.62, 0.9, 7, Speciality.GENERAL,
        Profile.DEFAULT,
    ),
)  # fmt: skip
VALUE = ValueScore(0.78, {"outcome": 1.0}, {"outcome": 0.4})


class Writing:
    """A journal, its writer and its file."""

    def __init__(self, folder: Path) -> None:
        self.log = MemoryEventLog()
        self.clock = ManualClock(datetime(2026, 1, 31, 12, tzinfo=UTC))
        self.own = OwnTelemetryFile(folder / "telemetry")
        self.journal = Journal(self.log, self.clock)
        self.writer = JournalWriter(self.log, self.own, self.clock)

    async def note_and_write(self, *numbers: int) -> None:
        for number in numbers:
            await self.journal.note("pattern_stored", number=number)
        await self.writer.work()
        self.date_file()

    def date_file(self) -> None:
        """As if it had been written to at the clock's time."""
        now = self.clock.now().timestamp()
        os.utime(self.own.path, (now, now))

    def numbers(self, name: str = "hybrid-events.jsonl") -> list[int]:
        return [json.loads(each)["number"] for each in (self.own.path.parent / name).read_bytes().splitlines()]


@pytest.fixture
def writing(tmp_path: Path) -> Writing:
    return Writing(tmp_path)


async def test_a_noted_event_stands_in_the_file_in_the_users_form(writing: Writing) -> None:
    await writing.journal.note("pattern_stored", name="nixos_fix", note="password = 'hunter2hunter2'")

    worked = await writing.writer.work()

    assert (worked.done, worked.more) == (1, False)
    assert json.loads(writing.own.path.read_bytes()) == {
        "event": "pattern_stored",
        "name": "nixos_fix",
        "note": "password = '[redacted:secret]'",
        "timestamp": "2026-01-31T12:00:00.000Z",
    }


async def test_events_are_written_once_and_in_order(writing: Writing) -> None:
    await writing.note_and_write(1, 2)
    await writing.note_and_write()
    await writing.note_and_write(3)

    assert writing.numbers() == [1, 2, 3]


async def test_what_a_kill_left_behind_is_replaced(writing: Writing) -> None:
    await writing.note_and_write(1)
    with writing.own.path.open("ab") as file:
        file.write(b'{"event": "pattern_stored", "number": 2}\n{"event": "patt')

    await writing.note_and_write(2, 3)

    assert writing.numbers() == [1, 2, 3]


@pytest.mark.parametrize("left", [1, 60, 10_000])
async def test_what_a_kill_left_of_the_very_first_write_is_replaced(writing: Writing, left: int) -> None:
    for number in (1, 2):
        await writing.journal.note("pattern_stored", number=number)
    waiting = await writing.log.unwritten(limit=9)
    content = b"".join(write_event(event) for _, event in waiting)
    writing.own.path.parent.mkdir()
    writing.own.path.write_bytes(content[:left])

    await writing.note_and_write(3)

    assert writing.numbers() == [1, 2, 3]


async def test_a_file_that_was_there_before_is_added_to(writing: Writing) -> None:
    writing.own.path.parent.mkdir()
    writing.own.path.write_bytes(b'{"event": "pattern_stored", "number": 99}\n')
    writing.date_file()

    await writing.note_and_write(1)

    assert writing.numbers() == [99, 1]


async def test_a_file_that_somebody_removed_or_emptied_is_begun_anew(writing: Writing) -> None:
    await writing.note_and_write(1, 2)
    writing.own.path.unlink()
    await writing.note_and_write(3)
    writing.own.path.write_bytes(b"")
    writing.date_file()
    await writing.note_and_write(4)

    assert writing.numbers() == [4]


async def test_each_month_has_its_file(writing: Writing) -> None:
    await writing.note_and_write(1)
    writing.clock.advance(86_400)
    await writing.note_and_write(2)
    writing.clock.advance(3_600)
    await writing.note_and_write(3)

    assert writing.numbers("hybrid-events.jsonl.2026-01") == [1]
    assert writing.numbers() == [2, 3]


async def test_what_a_kill_left_in_an_ended_month_is_cut_off_before_it_is_put_aside(writing: Writing) -> None:
    await writing.note_and_write(1)
    with writing.own.path.open("ab") as file:
        file.write(b'{"event": "pattern_stored", "number": 2}\n')
    writing.date_file()
    writing.clock.advance(86_400)

    await writing.note_and_write(2)

    assert writing.numbers("hybrid-events.jsonl.2026-01") == [1]
    assert writing.numbers() == [2]


async def test_a_kill_after_the_first_write_of_a_month_writes_nothing_twice(writing: Writing) -> None:
    await writing.note_and_write(1)
    written = await writing.log.written()
    writing.clock.advance(86_400)
    await writing.note_and_write(2)
    await writing.log.mark_written(1, *written)

    await writing.note_and_write(3)

    assert writing.numbers("hybrid-events.jsonl.2026-01") == [1]
    assert writing.numbers() == [2, 3]


async def test_a_clock_that_goes_back_puts_no_file_aside_and_a_month_that_comes_again_overwrites_none(
    writing: Writing,
) -> None:
    await writing.note_and_write(1)
    writing.clock.advance(86_400)
    await writing.note_and_write(2)
    writing.clock.advance(-86_400)
    await writing.note_and_write(3)
    assert writing.numbers() == [2, 3]

    writing.clock.advance(86_400)
    await writing.note_and_write(4)

    assert writing.numbers("hybrid-events.jsonl.2026-01") == [1]
    assert writing.numbers("hybrid-events.jsonl.2026-01.2") == [2, 3]
    assert writing.numbers() == [4]


class Chronicle:
    """A chronicler over fakes, and what it told."""

    def __init__(self) -> None:
        self.ledger, self.agenda, self.log = MemoryLedger(), MemoryAgenda(), MemoryEventLog()
        self.clock = ManualClock(ANSWER.created_at)
        self.restart()

    def restart(self) -> None:
        self.chronicler = Chronicler(self.ledger, self.agenda, self.log, self.clock)

    async def told(self) -> list[tuple[str, object]]:
        return [(event.kind, event.fields["interaction_id"]) for _, event in await self.log.unwritten(limit=10_000)]


@pytest.fixture
def chronicle() -> Chronicle:
    return Chronicle()


async def test_an_answer_is_told_as_context_and_route(chronicle: Chronicle) -> None:
    await chronicle.ledger.append(replace(ANSWER, query="Explain sk-ant-api03-" + "a1B2" * 10))

    await chronicle.chronicler.work()

    (_, context), (_, route) = await chronicle.log.unwritten(limit=9)
    assert (context.kind, route.kind) == ("context_augmented", "route_decided")
    assert context.fields["context_used"] == ["p1", "p2"]
    assert route.at == ANSWER.created_at
    assert route.fields == {
        "query": "Explain [redacted:anthropic]",
        "interaction_id": "one",
        "confidence_score": 0.62,
        "route": "remote",
        "reasoning": "Complex query, low local confidence",
        "context_used": ["p1", "p2"],
        "model": "big",
        "latency_ms": 900,
    }


async def test_each_value_is_told_and_nothing_is_told_twice(chronicle: Chronicle) -> None:
    outcome = Outcome(OutcomeKind.SUCCESS)
    await chronicle.ledger.append(replace(ANSWER, route=None, context_provided=()))
    await chronicle.chronicler.work()
    for total in (0.78, 0.78, 0.4):
        await chronicle.ledger.settle("one", outcome, replace(VALUE, total=total), ANSWER.created_at)
        await chronicle.chronicler.work()
        chronicle.restart()
        await chronicle.chronicler.work()

    told = [event.fields["value_score"] for _, event in await chronicle.log.unwritten(limit=9)]

    assert told == [0.78, 0.4]


async def test_what_came_in_as_telemetry_is_not_told_as_ours(chronicle: Chronicle) -> None:
    await chronicle.ledger.append(replace(ANSWER, channel="telemetry:aidb-events", value=VALUE))

    assert (await chronicle.chronicler.work()).done == 0


async def test_many_answers_are_told_in_batches_across_a_restart(chronicle: Chronicle) -> None:
    for number in range(600):
        await chronicle.ledger.append(replace(ANSWER, id=str(number)))

    first = await chronicle.chronicler.work()
    chronicle.restart()
    rounds = 1
    while (await chronicle.chronicler.work()).more:
        rounds += 1

    assert (first.done, first.more) == (flow.BATCH, True)
    assert rounds < 5
    assert len(await chronicle.told()) == len(set(await chronicle.told())) == 1_200


async def test_answers_recorded_late_and_under_a_clock_that_went_back_are_told(chronicle: Chronicle) -> None:
    await chronicle.chronicler.work()
    await chronicle.ledger.append(replace(ANSWER, id="long", created_at=ANSWER.created_at - timedelta(minutes=5)))
    await chronicle.chronicler.work()
    chronicle.clock.advance(-86_400)
    await chronicle.ledger.append(replace(ANSWER, id="back", created_at=chronicle.clock.now()))
    await chronicle.chronicler.work()

    assert {name for _, name in await chronicle.told()} == {"long", "back"}
