"""From an HTTP request to a `WireCall`."""

import math
from collections.abc import Mapping
from typing import Any

import orjson
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope

from hybrid_coordinator.domain.gateway import WireCall
from hybrid_coordinator.errors import BadInput
from hybrid_coordinator.faces.gateway.headers import (
    PREFIX,
    headers_to_forward,
    read_headers,
    read_profile,
    read_wishes,
)
from hybrid_coordinator.wire.formats import FORMATS

LONGEST_NAME = 200
"""Characters of a session's or a model's name."""

DEEPEST = 128
"""Levels of a body that is taken apart and put together again. Schemas of tools in use have a dozen."""


async def read_body(receive: Receive) -> bytes:
    """The whole body. Raises ClientDisconnect for half of one."""
    parts = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)


def parse_body(raw: bytes) -> dict[str, Any]:
    """A JSON object. Raises BadInput for anything else."""
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise BadInput(f"the body is not JSON in UTF-8: {error}") from error
    if not isinstance(body, dict):
        raise BadInput(f"the body is a JSON {type(body).__name__}; send an object")
    return body


def check_depth(body: Mapping[str, Any]) -> None:
    """Raise BadInput for a body that is nested deeper than what handles it can go."""
    level: list[Any] = [body]
    for _ in range(DEEPEST):
        inner = (entry for one in level for entry in (one.values() if isinstance(one, dict) else one))
        level = [entry for entry in inner if isinstance(entry, dict | list)]
        if not level:
            return
    raise BadInput(f"the body is nested more than {DEEPEST} levels deep; send a flatter one")


def read_call(format_name: str, scope: Scope, raw: bytes) -> WireCall:
    """The request as its format has it. Raises BadInput for what no vendor would take either."""
    headers = read_headers(scope)
    body = parse_body(raw)
    return WireCall(
        format=format_name,
        path=path_of(scope),
        headers=forwarded_headers(scope),
        body=body,
        raw=raw,
        model=model_of(body),
        streaming=FORMATS[format_name].wants_stream(body),
        asker=scope["coordinator.asker"] or "",
        session_id=_session(format_name, headers, body),
        profile=read_profile(headers),
        wishes=read_wishes(headers),
    )


def path_of(scope: Scope) -> str:
    """What follows the API's version: the vendor's path, with its query string."""
    query = scope["query_string"].decode("latin-1")
    return f"{scope['path'].removeprefix('/v1')}{'?' + query if query else ''}"


def forwarded_headers(scope: Scope) -> dict[str, str]:
    """The headers that go on. A key that lets somebody in here is nobody else's business."""
    forwarded = headers_to_forward(read_headers(scope))
    if scope["coordinator.keyed"]:
        forwarded.pop("authorization", None)
        forwarded.pop("x-api-key", None)
    return forwarded


def model_of(body: Mapping[str, Any]) -> str:
    """The model that was asked for. Raises BadInput."""
    model = body.get("model")
    if not isinstance(model, str) or not model.strip() or len(model) > LONGEST_NAME:
        raise BadInput("model: name the model that is to answer, such as 'auto', 'local' or a vendor's own")
    return model.strip()


def _session(format_name: str, headers: Mapping[str, str], body: Mapping[str, Any]) -> str | None:
    named = headers.get(f"{PREFIX}session") or FORMATS[format_name].session_of(body, headers)
    return named[:LONGEST_NAME] if named else None


def wait_seconds(retry_after_s: float) -> str:
    """The value of a Retry-After header: whole seconds, never early."""
    return str(max(1, math.ceil(retry_after_s)))
