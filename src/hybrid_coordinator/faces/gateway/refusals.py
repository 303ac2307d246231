"""Errors in the words of the vendor whose client asks."""

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Scope

from hybrid_coordinator import errors
from hybrid_coordinator.faces.failures import UNEXPECTED, error_body, failure_of
from hybrid_coordinator.faces.gateway.requests import wait_seconds
from hybrid_coordinator.faces.guard import is_gateway_path
from hybrid_coordinator.wire.formats import FORMATS, Format

ANTHROPIC_PATHS = ("/v1/messages",)

_NOT_TOLD = "something went wrong inside; the server's log says what"


def format_of(path: str) -> Format:
    """Whose client asks at this path, as far as an error must know."""
    if path.startswith(ANTHROPIC_PATHS):
        return FORMATS["anthropic"]
    return FORMATS["openai-responses" if path.startswith("/v1/responses") else "openai-chat"]


def told(error: BaseException) -> tuple[int, str, str]:
    """Status, kind and message of an error. What is not ours is not told: it may hold anything."""
    failure = failure_of(error)
    return failure.http_status, failure.kind, _NOT_TOLD if failure is UNEXPECTED else str(error)


def refuse(scope: Scope, error: errors.CoordinatorError, status: int) -> ASGIApp:
    """The response that tells an error with this status to whoever asked at this path."""
    if is_gateway_path(scope["path"]):
        body = format_of(scope["path"]).encode_error(status, failure_of(error).kind, str(error))
    else:
        body = error_body(error)
    return JSONResponse(body, status, {"WWW-Authenticate": "Bearer"} if status == 401 else None)


def error_response(scope: Scope, error: BaseException) -> ASGIApp:
    """The response for an error; a wait it asks for is told in Retry-After."""
    status, kind, message = told(error)
    wait = error.retry_after_s if isinstance(error, errors.Unavailable) else None
    headers = {"Retry-After": wait_seconds(wait)} if wait is not None else None
    return JSONResponse(format_of(scope["path"]).encode_error(status, kind, message), status, headers)
