"""Commands that fill the collections: index, import, reindex."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from pathlib import Path
from typing import Any

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from hybrid_coordinator.app import rebuild_knowledge
from hybrid_coordinator.errors import BadInput
from hybrid_coordinator.faces.cli.session import json_option, print_json, run, unwrap
from hybrid_coordinator.faces.cli.showing import err, out, safe
from hybrid_coordinator.faces.client import Client
from hybrid_coordinator.settings import load_settings


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
        console=err, transient=True,
    )  # fmt: skip


@click.command()
@click.argument("paths", nargs=-1, required=True)
@json_option
def index(paths: tuple[str, ...], as_json: bool) -> None:
    """Read files and folders into the collections; what is unchanged is passed over, what is gone is removed.

    Code is split along functions and classes, Markdown by heading. Files that git ignores are left out, and secrets are
    redacted before anything is stored. A run that was interrupted goes on where it was.
    """
    if not all(paths):
        raise BadInput("a path is empty; name a file or a folder (`.` for this one)")
    absolute = [str(Path(path).absolute()) for path in paths]
    err.quiet = as_json
    summary = run(lambda client: show_index(client, absolute, silent=as_json))
    if as_json:
        print_json(summary)


async def show_index(client: Client, paths: list[str], *, silent: bool = False) -> dict[str, Any]:
    """Index with a progress bar; the summary comes back and is shown."""
    summary = await _follow(client.index(paths), "indexing", "files")
    with err.status("building the search indexes"):
        await client.call("tidy", {})
    if not silent:
        _show_summary(summary)
    return summary


async def _follow(events: AsyncGenerator[dict[str, Any], None], verb: str, total: str) -> dict[str, Any]:
    with _progress() as bar:
        task = bar.add_task(verb, total=None)
        async with aclosing(events):
            async for event in events:
                if event["event"] == "summary":
                    return event
                if event["event"] == "walked":
                    bar.update(task, total=event[total])
                elif event["event"] != "skipped":
                    bar.update(task, advance=1, description=f"{verb} {safe(event.get('path', ''))[-40:]}")
    raise click.ClickException("the run ended without a summary; run it again")


def _show_summary(summary: Mapping[str, Any]) -> None:
    out.print(
        f"{summary['indexed']:,} files indexed, {summary['unchanged']:,} unchanged, {summary['removed']:,} gone, "
        f"in {summary['seconds']:.1f} s"
    )
    for collection, count in summary["passages"].items():
        out.print(f"  {count:,} passages into [cyan]{collection}[/]")
    for reason, tally in summary["skipped"].items():
        out.print(f"  [dim]skipped {tally['count']:,} {reason}: {safe(', '.join(tally['examples']))}[/]")
    if summary["redacted"]:
        found = ", ".join(f"{count} {kind}" for kind, count in summary["redacted"].items())
        out.print(f"  [yellow]secrets redacted: {found}[/]")


@click.command("import")
@click.argument("file")
@json_option
def import_(file: str, as_json: bool) -> None:
    """Read a JSONL file of questions and answers into the collections."""
    err.quiet = as_json
    summary = run(lambda client: _follow(client.import_answers(str(Path(file).absolute())), "importing", "rows"))
    if as_json:
        print_json(summary)
        return
    out.print(
        f"{summary['added']:,} added, {summary['replaced']:,} replaced, {summary['unchanged']:,} unchanged "
        f"of {summary['rows']:,} rows"
    )
    for malformed in summary["malformed"]:
        err.print(f"[yellow]line {malformed['line']}: {safe(malformed['reason'])}[/]")
    rest = summary["malformed_count"] - len(summary["malformed"])
    if rest > 0:
        err.print(f"[yellow]and {rest:,} more[/]")


@click.command()
@json_option
def reindex(as_json: bool) -> None:
    """Embed all knowledge anew, after the embedder was changed. The old vectors serve until the new ones are whole."""
    settings = load_settings()
    err.quiet = as_json
    with _progress() as bar:
        task = bar.add_task("embedding")
        passages = unwrap(
            lambda: rebuild_knowledge(settings, lambda done, total: bar.update(task, completed=done, total=total))
        )
    print_json({"passages": passages}) if as_json else out.print(f"{passages:,} passages embedded anew")
