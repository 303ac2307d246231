"""Errors in the shape in which both OpenAI formats tell them."""

from collections.abc import Mapping
from typing import Any

_TYPES: Mapping[int, str] = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}


def encode_error(status: int, kind: str, message: str) -> dict[str, Any]:
    """The body of an error. `kind` is our own name for it."""
    usual = "server_error" if status >= 500 else "invalid_request_error"
    return {"error": {"message": message, "type": _TYPES.get(status, usual), "param": None, "code": kind or None}}
