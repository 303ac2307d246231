"""Bytes to events."""

import pytest

from hybrid_coordinator.wire.sse import ServerEvent, SseDecoder, WireError, comment_bytes, event_bytes


def decode(*chunks: bytes) -> list[ServerEvent]:
    decoder = SseDecoder()
    return [event for chunk in chunks for event in decoder.feed(chunk)]


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_lines_may_end_in_any_of_the_three_ways(line_end: str) -> None:
    stream = f"event: a{line_end}data: 1{line_end}{line_end}data: 2{line_end}{line_end}:".encode()

    events = decode(stream)

    assert events == [ServerEvent("1", "a"), ServerEvent("2")]


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_however_the_bytes_are_cut_the_events_are_the_same(line_end: str) -> None:
    stream = f": hello{line_end}{line_end}event: x{line_end}data: é🐧{line_end}data: 漢{line_end}{line_end}".encode()

    whole = decode(stream)

    assert whole == [ServerEvent("é🐧\n漢", "x")]
    assert decode(*(stream[i : i + 1] for i in range(len(stream)))) == whole
    assert all(decode(stream[:cut], stream[cut:]) == whole for cut in range(len(stream)))


def test_a_value_loses_one_leading_space_and_no_more() -> None:
    assert decode(b"data:  x \n\n") == [ServerEvent(" x ")]


def test_comments_unknown_fields_and_blocks_without_data_say_nothing() -> None:
    assert decode(b": ping\n\nid: 7\nretry: 3\n\nevent: lonely\n\n\n\ndata\n\n") == [ServerEvent("")]


def test_a_byte_order_mark_is_passed_over() -> None:
    assert decode(b"\xef\xbb\xbfdata: x\n\n") == [ServerEvent("x")]


def test_an_event_that_was_not_ended_is_not_given() -> None:
    assert decode(b"data: half\n") == []


def test_bytes_that_are_no_utf8_are_an_error() -> None:
    with pytest.raises(WireError, match="not UTF-8"):
        decode(b"data: \xff\xfe\n\n")


def test_an_event_without_end_does_not_eat_the_memory() -> None:
    decoder = SseDecoder(max_event_bytes=100)

    with pytest.raises(WireError, match="longer than 100 bytes"):
        for _ in range(20):
            list(decoder.feed(b"data: xxxx"))


def test_what_is_written_is_read_again() -> None:
    stream = event_bytes(b'{"a": 1}', "ping") + comment_bytes("still here") + event_bytes(b"[DONE]")

    assert decode(stream) == [ServerEvent('{"a": 1}', "ping"), ServerEvent("[DONE]")]
