"""Lines of telemetry files to events, and own events to lines."""

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from hybrid_coordinator.domain.telemetry import Event, TelemetrySource
from hybrid_coordinator.wire.telemetry import MOST_BYTES, read_event, read_time, write_event
from hybrid_coordinator.wire.telemetry_fields import KINDS

FILE_TIME = datetime(2026, 2, 3, tzinfo=UTC)

RALPH = {
    "event": "task_completed",
    "task_id": "abc123",
    "prompt": "Implement user authentication",
    "output": "Added JWT auth with bcrypt...",
    "backend": "aider",
    "iteration": 3,
    "exit_code": 0,
    "context": {"files_modified": ["auth.py", "models.py"], "lines_changed": 245, "tests_passed": True},
    "timestamp": "2026-01-09T10:30:00Z",
}


def read(fields: object, source: TelemetrySource = TelemetrySource.RALPH, place: str = "file:0") -> Event:
    line = fields if isinstance(fields, bytes) else json.dumps(fields).encode()
    return read_event(line, source, place=place, file_time=FILE_TIME)


def test_an_event_has_the_fields_of_its_line_and_its_time() -> None:
    event = read(RALPH)

    assert (event.kind, event.source, event.at) == (
        "task_completed",
        TelemetrySource.RALPH,
        datetime(2026, 1, 9, 10, 30, tzinfo=UTC),
    )
    assert event.fields == RALPH
    assert not event.own


@pytest.mark.parametrize("key", ["event", "event_type"])
def test_the_kind_stands_under_either_key(key: str) -> None:
    assert read({key: "query"}, TelemetrySource.AIDB).kind == "query"


def test_kinds_and_fields_that_nobody_knows_are_kept() -> None:
    event = read({"event": "coffee_brewed", "latency_ms": "very long", "cups": [1, {"hot": None}]})

    assert event.kind == "coffee_brewed"
    assert event.fields["cups"] == [1, {"hot": None}]


@pytest.mark.parametrize("source", TelemetrySource)
def test_every_documented_kind_is_read(source: TelemetrySource) -> None:
    assert {read({"event": kind}, source).kind for kind in KINDS[source]} == KINDS[source]


def test_the_same_content_is_the_same_event_wherever_it_stands() -> None:
    shuffled = dict(reversed(RALPH.items()))

    assert read(RALPH, place="a:0").id == read(shuffled, place="b:77").id
    assert read(json.dumps(RALPH, indent=1).encode(), place="c:1").id == read(RALPH).id


def test_another_source_another_value_or_another_time_is_another_event() -> None:
    others = [{**RALPH, "iteration": 4}, {**RALPH, "timestamp": "2026-01-09T10:30:01Z"}, {**RALPH, "new": None}]

    ids = {read(RALPH).id, read(RALPH, TelemetrySource.AIDB).id, *(read(other).id for other in others)}

    assert len(ids) == 5


def test_events_without_a_time_get_that_of_the_file_and_are_told_apart_by_their_place() -> None:
    line = {"event": "checkpoint_saved"}

    first, again, second = read(line, place="f:0"), read(line, place="f:0"), read(line, place="f:29")

    assert first.at == FILE_TIME
    assert first.id == again.id != second.id


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b'{"event": "query"} {"event": "query"}', "not JSON"),
        (b'{"event": NaN}', "not JSON"),
        (b"[]", "not a JSON object but list"),
        (b'"query"', "not a JSON object but str"),
        (b"null", "not a JSON object but NoneType"),
        (b"{}", "no text under 'event' or 'event_type'"),
        (b'{"event": 7}', "no text under 'event' or 'event_type'"),
        (b'{"event": " "}', "no text under 'event' or 'event_type'"),
        (b'{"event": "%s"}' % (b"x" * 101), "longer than 100 characters"),
        (b'{"event": "query\0"}', "NUL byte, the first at byte 16"),
        (b'\xff\xfe{\0"\0', "NUL byte"),
        (b'{"event": "qu\xe9ry"}', "not UTF-8 at byte 13"),
        (b'{"event": "\\ud800"}', "not JSON"),
        (b'{"event": "a", "deep": %s}' % (b"[" * 300 + b"]" * 300), "nested too deep"),
        (b'{"event": "a", "deep": %s}' % (b"[" * 5_000 + b"]" * 5_000), "not JSON"),
        (b'{"event": "%s"}' % (b"x" * MOST_BYTES), "longer than 1,048,576 bytes"),
    ],
)
def test_what_is_no_event_has_a_reason(line: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        read(line)


def test_a_line_of_exactly_the_most_bytes_is_read() -> None:
    line = b'{"event": "a", "text": "'
    line += b"x" * (MOST_BYTES - len(line) - 2) + b'"}'

    assert read(line).kind == "a"


def test_a_byte_order_mark_is_passed_over() -> None:
    assert read(b"\xef\xbb\xbf" + json.dumps(RALPH).encode()).id == read(RALPH).id


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("prompt", 7),
        ("output", ["a"]),
        ("iteration", "3"),
        ("iteration", 2.5),
        ("iteration", -1),
        ("iteration", True),
        ("exit_code", "0"),
        ("latency_ms", "fast"),
        ("latency_ms", 1e300),
        ("tokens_input", 2**31),
        ("tokens_output", 2**30 + 1),
        ("success", "yes"),
        ("user_feedback", 2),
        ("user_feedback", True),
        ("context", "auth.py"),
        ("task_id", {"id": 1}),
        ("modified_response", 1),
    ],
)
def test_a_documented_field_of_another_type_is_refused_by_its_name(field: str, value: object) -> None:
    with pytest.raises(ValueError, match=f"^'{field}' is "):
        read({**RALPH, field: value})


def test_null_is_nothing_whatever_is_due() -> None:
    assert read({**dict.fromkeys(RALPH), "event": "task_completed"}).at == FILE_TIME


@pytest.mark.parametrize(
    ("value", "time"),
    [
        ("2026-01-09T10:30:00Z", datetime(2026, 1, 9, 10, 30, tzinfo=UTC)),
        ("2026-01-09T10:30:00.250+02:00", datetime(2026, 1, 9, 8, 30, 0, 250_000, tzinfo=UTC)),
        ("2026-01-09 10:30", datetime(2026, 1, 9, 10, 30, tzinfo=UTC)),
        ("2026-01-09", datetime(2026, 1, 9, tzinfo=UTC)),
        (1_767_954_600, datetime(2026, 1, 9, 10, 30, tzinfo=UTC)),
        (1_767_954_600_250, datetime(2026, 1, 9, 10, 30, 0, 250_000, tzinfo=UTC)),
        (None, None),
    ],
)
def test_times_come_in_iso_8601_and_in_numbers(value: object, time: datetime | None) -> None:
    assert read_time(value) == time


@pytest.mark.parametrize(
    "value", ["", "soon", "9999-99-99", "0001-01-01T00:00:00+14:00", "2150-01-01", 0, -1, 1e308, True, [2026], {}]
)
def test_an_odd_time_is_a_reason_to_refuse(value: Any) -> None:
    with pytest.raises(ValueError, match="'timestamp' is "):
        read({**RALPH, "timestamp": value})


def test_an_own_event_is_written_in_the_form_of_hybrid_events() -> None:
    at = datetime(2026, 1, 9, 12, 32, 0, 1_500, tzinfo=timezone(timedelta(hours=2)))
    event = Event("id", TelemetrySource.HYBRID, "route_decided", at, {"query": "Größe?\n", "route": "remote"}, own=True)

    line = write_event(event)

    assert line.endswith(b"}\n")
    assert line.count(b"\n") == 1
    assert json.loads(line) == {
        "event": "route_decided",
        "query": "Größe?\n",
        "route": "remote",
        "timestamp": "2026-01-09T10:32:00.001Z",
    }
    assert read(line, TelemetrySource.HYBRID).kind == "route_decided"


def test_half_of_a_surrogate_pair_in_an_own_event_is_written_as_json_that_can_be_read() -> None:
    event = Event("id", TelemetrySource.HYBRID, "route_decided", FILE_TIME, {"query": "cut \ud83d"}, own=True)

    assert json.loads(write_event(event))["query"] == "cut \ud83d"
