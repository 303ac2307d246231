"""What every command begins with: settings read, a client connected, one event loop."""

import json
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import anyio
import click

from hybrid_coordinator.faces.client import Client, connect
from hybrid_coordinator.settings import load_settings

T = TypeVar("T")

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")


def run(work: Callable[[Client], Awaitable[T]]) -> T:
    """Do something with a client, in an event loop of its own."""

    async def with_client() -> T:
        async with connect(load_settings()) as client:
            return await work(client)

    return unwrap(with_client)


def unwrap(work: Callable[[], Awaitable[T]], *, fast: bool = False) -> T:
    """Run to the end; a task group that failed for one reason fails with that reason.

    `fast` runs on uvloop, which takes longer to load and less for every request.
    """
    try:
        return anyio.run(work, backend_options={"use_uvloop": fast})
    except BaseExceptionGroup as group:
        raise _single(group) from group


def _single(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


def call(operation: str, **fields: Any) -> dict[str, Any]:
    """One operation; fields that are None are left out."""
    given = {name: value for name, value in fields.items() if value is not None}
    return run(lambda client: client.call(operation, given))


def print_json(value: Any) -> None:
    """One JSON document on stdout."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))
