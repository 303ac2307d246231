"""Commands about the cache: what it holds, what it would do, and to forget."""

from collections.abc import Mapping
from typing import Any

import click

from hybrid_coordinator.faces.cli.session import call, json_option, print_json
from hybrid_coordinator.faces.cli.showing import one_line, out, safe


@click.group(invoke_without_command=True)
@click.option("-k", "--key", help="Only what the key of this name asked.")
@click.option("-n", "--limit", type=int, default=50, show_default=True, help="How many, the newest first.")
@json_option
@click.pass_context
def cache(context: click.Context, key: str | None, limit: int, as_json: bool) -> None:
    """Answers that are given again: what is held, and how far hits were right."""
    if context.invoked_subcommand:
        return
    held = call("cache_entries", key=key, limit=limit)
    if as_json:
        print_json(held)
        return
    for entry in held["entries"]:
        _show_entry(entry)
    out.print(
        f"{held['total']:,} answers; {held['requests']:,} questions since the start, {held['semantic_hits']:,} of them "
        f"got the answer to another; {held['wrong']:,} of {held['judged']:,} that were judged were wrong"
    )


@cache.command()
@click.argument("query")
@click.option("-k", "--key", default="", help="Ask as the key of this name.")
@json_option
def test(query: str, key: str, as_json: bool) -> None:
    """What the cache would say to QUERY now, and why. Nothing is counted."""
    verdict = call("cache_test", query=query, key=key)
    if as_json:
        print_json(verdict)
        return
    mark = "[green]hit[/]" if verdict["hit"] else "[yellow]miss[/]"
    out.print(f"{mark}: {safe(verdict['reason'])}")
    if verdict["nearest"]:
        figures = f"similarity {verdict['similarity']:.2f}, chance that its answer fits {verdict['probability']:.3f}"
        out.print(f"[dim]nearest ({figures}):[/]")
        _show_entry(verdict["nearest"])


@cache.command()
@click.argument("ids", nargs=-1)
@click.option("-k", "--key", help="Everything the key of this name asked.")
@click.option("--all", "everything", is_flag=True, help="Everything.")
@json_option
def purge(ids: tuple[str, ...], key: str | None, everything: bool, as_json: bool) -> None:
    """Forget answers: those of IDS, those of a key, or all."""
    chosen = {"ids": list(ids) or None, "key": key, "everything": everything or None}
    done = call("purge_cache", **chosen)
    print_json(done) if as_json else out.print(f"{done['purged']:,} answers forgotten")


def _show_entry(entry: Mapping[str, Any]) -> None:
    trust = "" if entry["trusted"] else " [red]distrusted[/]"
    out.print(f"[dim]{entry['id']}[/] [cyan]{entry['hits']:>4} hits[/]{trust} {safe(one_line(entry['query'], 70))}")
    out.print(f"     [dim]{safe(one_line(entry['answer'], 90))}[/]")
