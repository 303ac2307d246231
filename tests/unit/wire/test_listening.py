"""Overhearing answers that pass by."""

import json
from pathlib import Path
from typing import Any

import pytest

from hybrid_coordinator.domain.query import Delta, Finished, Spoken, StopReason, ToolCall, Usage, fold
from hybrid_coordinator.wire.answers import Opening
from hybrid_coordinator.wire.formats import ANTHROPIC, FORMATS, OPENAI_CHAT, Format
from hybrid_coordinator.wire.listening import MAX_WHOLE_BYTES, Heard

GOLDEN = Path(__file__).parent / "golden"
OPENING = Opening("7", "home", 0, {"stream_options": {"include_usage": True}})
SAID: list[Spoken] = [
    Delta("a"),
    Delta("b 🐧"),
    ToolCall("1", "ls", "{}"),
    Finished("home", Usage(9, 2, 4, 1), StopReason.TOOLS),
]
HEARD = Heard("ab 🐧", "home", Usage(9, 2, 4, 1), StopReason.TOOLS, calls=(ToolCall("1", "ls", "{}"),))

formats = pytest.mark.parametrize("format", FORMATS.values(), ids=lambda format: format.name)


def listen(format: Format, *pieces: bytes, streaming: bool = True) -> Heard:
    listener = format.listener("asked-for", streaming=streaming)
    for piece in pieces:
        listener.hear(piece)
    return listener.end()


def stream(format: Format, said: list[Spoken]) -> bytes:
    writer = format.writer(OPENING)
    return writer.start() + b"".join(writer.write(event) for event in said)


@formats
def test_a_stream_is_heard_however_it_is_cut(format: Format) -> None:
    told = stream(format, SAID)

    assert listen(format, told) == HEARD
    assert listen(format, *(told[at : at + 1] for at in range(len(told)))) == HEARD


@formats
def test_a_whole_answer_is_heard(format: Format) -> None:
    told = json.dumps(format.encode_completion(fold(SAID), OPENING)).encode()

    assert listen(format, told[:20], told[20:], streaming=False) == HEARD


@formats
def test_of_a_stream_that_is_cut_short_is_kept_what_there_was(format: Format) -> None:
    heard = listen(format, stream(format, SAID[:2]))

    assert (heard.text, heard.model, heard.stop, heard.failure) == ("ab 🐧", "home", None, None)


def test_the_input_that_anthropic_counts_first_is_known_after_a_hang_up() -> None:
    told = (GOLDEN / "anthropic_answer.sse").read_bytes()

    heard = listen(ANTHROPIC, told[: told.index(b"event: content_block_stop")])

    assert heard.usage == Usage(31, 1, 15, 2)


@formats
def test_an_error_within_a_stream_is_heard_behind_the_words_before_it(format: Format) -> None:
    heard = listen(format, stream(format, SAID[:1]), format.encode_failure(503, "unavailable", "gone"), b"data: x\n\n")

    assert (heard.text, heard.stop) == ("a", None)
    assert heard.failure == "the server broke off: gone"


@formats
def test_an_error_instead_of_an_answer_is_heard(format: Format) -> None:
    told = json.dumps(format.encode_error(404, "not_found", "no such model")).encode()

    assert listen(format, told, streaming=False) == Heard("", "asked-for", Usage(), None, failure="no such model")


@formats
@pytest.mark.parametrize("streaming", [True, False])
@pytest.mark.parametrize(
    "noise",
    [b"\xff\xfe\n\n", b"data: <html>\n\n", b"data: {}\n\n", b"data: " + b"[" * 100_000 + b"\n\n", b"data: 5\n\n"],
)
def test_noise_is_told_and_never_raises(format: Format, streaming: bool, noise: bytes) -> None:
    heard = listen(format, noise, noise, streaming=streaming)

    assert heard.failure
    assert (heard.text, heard.model, heard.usage) == ("", "asked-for", Usage())


@formats
def test_silence_is_no_answer(format: Format) -> None:
    assert listen(format).stop is None
    assert listen(format, streaming=False).failure


def test_a_whole_answer_beyond_all_measure_is_not_kept() -> None:
    heard = listen(OPENAI_CHAT, *([b" " * (MAX_WHOLE_BYTES // 4 + 1)] * 9), streaming=False)

    assert heard.failure == "the answer was too long to be recorded"


@pytest.mark.parametrize("format", [ANTHROPIC, OPENAI_CHAT], ids=lambda format: format.name)
def test_events_of_other_years_are_passed_over(format: Format) -> None:
    unknown: dict[str, Any] = {"type": "of_next_year", "choices": []}
    told = stream(format, SAID)
    first = told.index(b"\n\n") + 2

    assert listen(format, told[:first], f"data: {json.dumps(unknown)}\n\n".encode(), told[first:]) == HEARD
