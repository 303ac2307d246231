"""One thing that can be asked of the house, and how a request for it is read."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from hybrid_coordinator.app import House
from hybrid_coordinator.errors import BadInput

Shape = TypeVar("Shape", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing to ask: its name, the shapes of request and result, and the flow behind it.

    `tool` operations are MCP tools too. The last three say what an agent's host wants to know before it allows a call.
    """

    name: str
    summary: str
    request: type[BaseModel]
    result: type[BaseModel]
    run: Callable[[House, Any], Awaitable[BaseModel]]
    tool: bool = False
    read_only: bool = True
    idempotent: bool = True
    open_world: bool = False


def parse_request(operation: Operation, fields: Any) -> BaseModel:
    """The typed request of an operation; BadInput names every field that is not right and what would be."""
    return parse_fields(operation.request, operation.name, fields)


def parse_fields(shape: type[Shape], name: str, fields: Any) -> Shape:
    """A request of that shape; BadInput begins with `name`."""
    try:
        return shape.model_validate(fields)
    except ValidationError as error:
        wrong = "; ".join(
            f"{'.'.join(str(part) for part in item['loc']) or 'request'}: {item['msg']}" for item in error.errors()
        )
        raise BadInput(f"{name}: {wrong}") from error
