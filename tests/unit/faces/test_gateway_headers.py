"""What a request's headers choose, which of them go on, and what the response says in its own."""

import pytest

from hybrid_coordinator.domain.query import Profile, Wishes
from hybrid_coordinator.errors import BadInput
from hybrid_coordinator.faces.gateway.headers import (
    headers_to_forward,
    headers_to_relay,
    read_headers,
    read_profile,
    read_wishes,
    said_headers,
)


def test_bytes_that_are_no_ascii_are_read_and_repeated_headers_are_one_list() -> None:
    scope = {"headers": [(b"a", b"1"), (b"b", b"\xff\x00"), (b"a", b"2")]}

    assert read_headers(scope) == {"a": "1, 2", "b": "\xff\x00"}


def test_a_vendor_sees_its_own_headers_and_nothing_of_this_connection_or_of_ours() -> None:
    sent = {
        "anthropic-beta": "tools",
        "authorization": "Bearer k",
        "content-type": "application/json",
        "host": "localhost",
        "cookie": "c",
        "accept-encoding": "gzip",
        "connection": "keep-alive",
        "transfer-encoding": "chunked",
        "x-forwarded-for": "10.0.0.1",
        "x-coordinator-session": "s",
    }

    assert set(headers_to_forward(sent)) == {"anthropic-beta", "authorization", "content-type"}


def test_a_client_sees_the_vendors_headers_but_those_of_the_vendors_connection() -> None:
    sent = [(b"Request-Id", b"r"), (b"Retry-After", b"30"), (b"Transfer-Encoding", b"chunked"), (b"Date", b"d")]

    assert headers_to_relay(sent) == [(b"Request-Id", b"r"), (b"Retry-After", b"30")]


@pytest.mark.parametrize(
    ("options", "wishes"),
    [
        ("", Wishes()),
        (" , ,", Wishes()),
        ("no-cache", Wishes(cache=False)),
        ("No-Context,NO-RECORD", Wishes(context=False, record=False)),
        ("no-cache, no-cache , no-context,no-record", Wishes(False, False, False)),
    ],
)
def test_options_opt_out(options: str, wishes: Wishes) -> None:
    assert read_wishes({"x-coordinator-options": options}) == wishes


@pytest.mark.parametrize("options", ["cache", "no-cache;no-record", "no cache", "\x1b[31m", "n" * 10_000])
def test_an_option_that_there_is_not_is_named(options: str) -> None:
    with pytest.raises(BadInput, match="there are no-cache, no-context, no-record"):
        read_wishes({"x-coordinator-options": options})


def test_without_a_word_the_stakes_are_the_usual() -> None:
    assert read_profile({}) is Profile.DEFAULT
    assert read_profile({"x-coordinator-profile": " Critical "}) is Profile.CRITICAL


@pytest.mark.parametrize("asked", ["high", "default,critical", "p" * 10_000])
def test_a_profile_that_there_is_not_is_refused(asked: str) -> None:
    with pytest.raises(BadInput, match="is no profile"):
        read_profile({"x-coordinator-profile": asked})


def test_what_a_response_says_is_one_printable_line_each() -> None:
    said = said_headers(interaction_id="i", reason="first\r\nX-Evil: 1\x00\x1b[2J\x7f é\ud83d 漢", model=None, cache="")

    assert said == [
        (b"x-coordinator-interaction-id", b"i"),
        (b"x-coordinator-reason", b"first X-Evil: 1??[2J? ?? ?"),
        (b"x-coordinator-cache", b""),
    ]
