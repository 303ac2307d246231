"""What a gateway request chooses in its headers, and what the response says in its own."""

from collections.abc import Iterable, Mapping

from starlette.types import Scope

from hybrid_coordinator.domain.query import Profile, Wishes
from hybrid_coordinator.errors import BadInput

PREFIX = "x-coordinator-"

OPT_OUTS = ("no-cache", "no-context", "no-record")

_STAY = frozenset(
    {
        "accept-encoding",  # what passes is listened to, so it comes as it is
        "connection",
        "content-length",
        "cookie",
        "expect",
        "forwarded",
        "host",
        "keep-alive",
        "origin",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "via",
        "x-forwarded-for",
        "x-forwarded-host",
        "x-forwarded-proto",
    }
)
"""Headers of a request that are about this connection, not about the question."""

_STAY_BACK = frozenset(
    {b"connection", b"content-length", b"date", b"keep-alive", b"server", b"trailer", b"transfer-encoding", b"upgrade"}
)
"""The same for a response."""


def read_headers(scope: Scope) -> dict[str, str]:
    """All headers of a request, names in lower case. The values of a repeated one are listed (RFC 9110, 5.3)."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


def headers_to_forward(headers: Mapping[str, str]) -> dict[str, str]:
    """What a vendor gets to see: everything but this connection's own and ours."""
    return {name: value for name, value in headers.items() if name not in _STAY and not name.startswith(PREFIX)}


def headers_to_relay(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """What the asker gets to see of a vendor's response headers."""
    return [(name, value) for name, value in headers if name.lower() not in _STAY_BACK]


def read_wishes(headers: Mapping[str, str]) -> Wishes:
    """The opt-outs of `x-coordinator-options`. Raises BadInput for one that there is not."""
    asked = [option.strip().lower() for option in headers.get(f"{PREFIX}options", "").split(",") if option.strip()]
    for option in asked:
        if option not in OPT_OUTS:
            raise BadInput(f"{PREFIX}options: {option!r} is no option; there are {', '.join(OPT_OUTS)}")
    return Wishes(*(option not in asked for option in OPT_OUTS))


def read_profile(headers: Mapping[str, str]) -> Profile:
    """What is at stake, from `x-coordinator-profile`. Raises BadInput."""
    asked = headers.get(f"{PREFIX}profile", Profile.DEFAULT).strip().lower()
    try:
        return Profile(asked)
    except ValueError as error:
        raise BadInput(f"{PREFIX}profile: {asked!r} is no profile; there are {', '.join(Profile)}") from error


def said_headers(**said: object) -> list[tuple[bytes, bytes]]:
    """Our response headers: `interaction_id=…` becomes `x-coordinator-interaction-id`. None is left out."""
    return [
        (f"{PREFIX}{name.replace('_', '-')}".encode(), _printable(str(value)))
        for name, value in said.items()
        if value is not None
    ]


def _printable(text: str) -> bytes:
    """A header's value: one line of ASCII, without signs that steer anything."""
    if text.isascii() and text.isprintable():
        return text.encode()
    line = " ".join(text.split())
    return "".join(sign if sign.isprintable() else "?" for sign in line).encode("ascii", "replace")
