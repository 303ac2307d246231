"""What an error is called outside: HTTP status, JSON-RPC code and exit code, in one table."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hybrid_coordinator import errors


@dataclass(frozen=True, slots=True)
class Failure:
    """How one class of error is told to outsiders."""

    kind: str
    http_status: int
    exit_code: int


TABLE: tuple[tuple[type[errors.CoordinatorError], Failure], ...] = (
    (errors.Unauthorized, Failure("unauthorized", 401, 7)),
    (errors.BadInput, Failure("bad_input", 400, 2)),
    (errors.NotFound, Failure("not_found", 404, 3)),
    (errors.Conflict, Failure("conflict", 409, 4)),
    (errors.OverBudget, Failure("over_budget", 429, 5)),
    (errors.StorageFull, Failure("storage_full", 507, 5)),
    (errors.Unavailable, Failure("unavailable", 503, 5)),
    (errors.Damaged, Failure("damaged", 500, 6)),
    (errors.CoordinatorError, Failure("failed", 500, 1)),
)
"""From the narrow to the wide: the first row whose class fits counts."""

UNEXPECTED = Failure("internal", 500, 1)


def failure_of(error: BaseException) -> Failure:
    """The row for an error; anything that is not ours is `internal`."""
    return next((failure for kind, failure in TABLE if isinstance(error, kind)), UNEXPECTED)


def error_from(body: Mapping[str, Any]) -> errors.CoordinatorError:
    """The error that another process told in `error_body`'s shape."""
    told = body.get("error", {})
    kind = next((kind for kind, failure in TABLE if failure.kind == told.get("type")), errors.CoordinatorError)
    return kind(str(told.get("message", "the server failed without a word; its log says why")))


def error_body(error: BaseException) -> dict[str, dict[str, str | float]]:
    """The JSON body of an error. What is not ours is not told: it may hold anything."""
    failure = failure_of(error)
    message = str(error) if failure is not UNEXPECTED else "something went wrong inside; the server's log says what"
    body: dict[str, str | float] = {"type": failure.kind, "message": message}
    if isinstance(error, errors.Unavailable) and error.retry_after_s is not None:
        body["retry_after_s"] = error.retry_after_s
    return {"error": body}
