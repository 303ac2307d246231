"""Commands about questions: ask, search, outcome, correct, browse."""

import sys
from collections.abc import Mapping
from contextlib import aclosing
from typing import Any

import click

from hybrid_coordinator.domain.knowledge import Collection
from hybrid_coordinator.domain.query import Preference, Profile
from hybrid_coordinator.faces.cli.session import call, json_option, print_json, run
from hybrid_coordinator.faces.cli.showing import (
    bare,
    err,
    one_line,
    out,
    safe,
    show_interaction,
    show_passages,
    show_route,
    show_value,
)
from hybrid_coordinator.faces.client import Client

collections = click.Choice([collection.value for collection in Collection])


@click.command()
@click.argument("query")
@click.option(
    "-f",
    "--file",
    "files",
    type=click.File(errors="replace"),
    multiple=True,
    help="Material to send along; - for stdin.",
)
@click.option("-s", "--session", "session_id", help="Continue the conversation of this name.")
@click.option(
    "-p",
    "--profile",
    type=click.Choice([profile.value for profile in Profile]),
    default="default",
    help="How much is at stake.",
)
@click.option(
    "--prefer",
    "preference",
    type=click.Choice([item.value for item in Preference]),
    default="auto",
    help="Insist on a local or a remote answer.",
)
@click.option("--max-tokens", type=int, default=500, show_default=True, help="How long the answer may be.")
@click.option("--no-cache", "use_cache", flag_value=False, default=None, help="Ask a model, whatever the cache holds.")
@click.option("-q", "--quiet", is_flag=True, help="Only the answer.")
@json_option
def ask(query: str, files: tuple[Any, ...], quiet: bool, as_json: bool, **fields: Any) -> None:  # fmt: skip
    """Ask a question and watch it being answered.

    First the passages found and the route with its reason, then the answer as it comes. QUERY may be - for stdin.
    """
    if query == "-":
        query = sys.stdin.read()
    material = "\n\n".join(file.read() for file in files)
    given = {name: value for name, value in fields.items() if value is not None}
    request = {"query": query, "context": material} | given
    answered = run(lambda client: _watch(client, request, quiet=quiet or as_json, silent=as_json))
    if as_json:
        print_json(answered)


async def _watch(client: Client, request: Mapping[str, Any], *, quiet: bool, silent: bool) -> dict[str, Any]:
    answered: dict[str, Any] = {}
    async with aclosing(client.ask(dict(request))) as events:
        async for event in events:
            if event["event"] == "answered":
                answered = event["interaction"]
            if not silent:
                show_event(event, quiet=quiet)
    return answered


def show_event(event: Mapping[str, Any], *, quiet: bool = False) -> None:
    """One event of an answer, as it comes."""
    kind = event["event"]
    if kind == "delta":
        click.echo(bare(event["text"]), nl=False)
    elif kind == "answered":
        click.echo()
        if not quiet:
            show_interaction(event["interaction"])
    elif kind == "fell_through":
        err.print(f"[yellow]{safe(event['model'])} failed: {safe(event['why'])}[/]")
    elif kind == "rejected":
        err.print(f"[yellow]the answer of {safe(event['model'])} is not trusted: {safe(event['why'])}[/]")
    elif kind == "recalled" and not quiet:
        err.print(f"[dim]from the cache ({event['cache']}): {safe(event['model'])} answered this before[/]")
    elif kind == "digested" and not quiet:
        err.print(f"[dim]{safe(event['model'])} read part {event['done']} of {event['total']}[/]")
    elif kind == "routed" and not quiet:
        show_passages(event["passages"])
        show_route(event["route"])
        out.print()


@click.command()
@click.argument("query")
@click.option(
    "-c", "--collection", "wanted", type=collections, multiple=True, help="Where to look; all but the history."
)
@click.option("-n", "--limit", type=int, default=5, show_default=True, help="How many.")
@click.option(
    "-m",
    "--mode",
    type=click.Choice(["hybrid", "semantic", "keyword", "sql"]),
    default="hybrid",
    show_default=True,
    help="By meaning, by words, both, or an SQL statement.",
)
@json_option
def search(query: str, wanted: tuple[str, ...], limit: int, mode: str, as_json: bool) -> None:  # fmt: skip
    """Search what this machine knows, or read the ledger in SQL (docs/sql-views.md)."""
    if mode == "sql":
        found = call("route_query", query=query, mode="sql", limit=limit)
        print_json(found) if as_json else _show_rows(found)
        return
    found = call("search", query=query, collections=list(wanted) or None, limit=limit, mode=mode)
    print_json(found) if as_json else show_passages(found["results"])


def _show_rows(found: Mapping[str, Any]) -> None:
    click.echo("\t".join(found["columns"]))
    for row in found["rows"]:
        click.echo("\t".join("" if value is None else bare(one_line(str(value), 2000)) for value in row))
    if found["truncated"]:
        err.print("[dim]there are more rows; raise --limit[/]")


@click.command()
@click.argument("interaction_id")
@click.argument("outcome", type=click.Choice(["success", "partial", "failure"]))
@click.option("-f", "--feedback", "user_feedback", type=click.Choice(["-1", "0", "1"]), help="What the user thought.")
@click.option("--iterations", type=int, default=1, show_default=True, help="How many attempts it took.")
@json_option
def outcome(interaction_id: str, outcome: str, user_feedback: str | None, iterations: int, as_json: bool) -> None:
    """Say what became of an answer: it is scored, and what helped gets its credit."""
    settled = call(
        "update_outcome",
        interaction_id=interaction_id,
        outcome=outcome,
        user_feedback=None if user_feedback is None else int(user_feedback),
        iterations=iterations,
    )
    print_json(settled) if as_json else show_value(settled)


@click.command()
@click.argument("query")
@click.argument("correction")
@click.option("-i", "--interaction", "interaction_id", help="The answer that is corrected.")
@click.option("-r", "--rating", type=click.Choice(["-1", "0", "1"]), default="1", show_default=True)
@json_option
def correct(query: str, correction: str, interaction_id: str | None, rating: str, as_json: bool) -> None:
    """Teach what the answer to a question should have been."""
    kept = call(
        "learning_feedback", query=query, correction=correction, interaction_id=interaction_id, rating=int(rating)
    )
    print_json(kept) if as_json else out.print(f"kept in {kept['collection']} as {kept['passage_id']}")


@click.command()
@click.argument("collection", type=collections)
@click.option("-n", "--limit", type=int, default=20, show_default=True, help="How many.")
@click.option("--after", help="The `next` of the page before.")
@json_option
def browse(collection: str, limit: int, after: str | None, as_json: bool) -> None:
    """Look through a collection."""
    page = call("browse", collection=collection, limit=limit, after=after)
    if as_json:
        print_json(page)
        return
    for passage in page["passages"]:
        usage = f"used {passage['payload']['access_count']}×, success rate {passage['payload']['success_rate']:.2f}"
        out.print(f"[cyan]{passage['id']}[/] [dim]{safe(passage['source'])}; {usage}[/]")
        out.print(safe(passage["text"][:400]), "\n")
    if page["next"]:
        err.print(f"[dim]more: --after {page['next']}[/]")
