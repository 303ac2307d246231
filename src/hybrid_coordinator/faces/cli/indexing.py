"""Commands that fill the collections: index, import, reindex."""

import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from pathlib import Path
from typing import Any

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from hybrid_coordinator.errors import BadInput
from hybrid_coordinator.faces.cli.session import call, json_option, print_json, run, unwrap
from hybrid_coordinator.faces.cli.showing import err, out, safe
from hybrid_coordinator.faces.client import Client
from hybrid_coordinator.quick_imports import quick_imports
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


MARKDOWN = (".md", ".markdown")


@click.command("import")
@click.argument("files", nargs=-1, required=True)
@click.option("--verified", is_flag=True, help="Somebody tried the answers of these documents.")
@click.option("--untrusted", is_flag=True, help="Strangers wrote them: they inform, and teach nothing by themselves.")
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="Only write a dataset of documents here."
)
@json_option
def import_(files: tuple[str, ...], verified: bool, untrusted: bool, output: Path | None, as_json: bool) -> None:
    """Read questions and answers: JSONL files, FAQs and troubleshooting guides in Markdown."""
    err.quiet = as_json
    absolute = [str(Path(file).absolute()) for file in files]
    documents = [path for path in absolute if path.lower().endswith(MARKDOWN)]
    if output is not None:
        _convert(absolute, output, verified=verified, as_json=as_json)
        return
    summaries = [_import_rows(path, untrusted=untrusted) for path in absolute if path not in documents]
    if documents:
        summaries.append(call("import_documents", paths=documents, verified=verified, untrusted=untrusted))
    if as_json:
        print_json(summaries[0] if len(summaries) == 1 else summaries)
        return
    for summary in summaries:
        _show_documents(summary) if "seeds" in summary else _show_rows(summary)


def _import_rows(path: str, *, untrusted: bool) -> dict[str, Any]:
    return run(lambda client: _follow(client.import_answers(path, untrusted=untrusted), "importing", "rows"))


def _convert(paths: list[str], output: Path, *, verified: bool, as_json: bool) -> None:
    rows = call("convert_documents", paths=paths, verified=verified)["rows"]
    part = output.with_name(f"{output.name}.part")
    part.write_text("".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows), encoding="utf-8")
    part.replace(output)
    if as_json:
        print_json({"dataset_path": str(output), "examples": len(rows)})
    else:
        out.print(f"{len(rows):,} examples in {safe(str(output))}")


def _show_documents(summary: Mapping[str, Any]) -> None:
    for path, count in summary["seeds"].items():
        out.print(f"{count:,} answers in {safe(path)}")
    out.print(
        f"{summary['added']:,} added, {summary['changed']:,} changed, {summary['retired']:,} retired, "
        f"{summary['unchanged']:,} unchanged"
    )
    if summary["quarantined"]:
        out.print(f"[yellow]{summary['quarantined']:,} wait for your word:[/] hybrid-coordinator review")


def _show_rows(summary: Mapping[str, Any]) -> None:
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
    with quick_imports():
        from hybrid_coordinator.app import rebuild_knowledge  # takes a second

    settings = load_settings()
    err.quiet = as_json
    with _progress() as bar:
        task = bar.add_task("embedding")
        passages = unwrap(
            lambda: rebuild_knowledge(settings, lambda done, total: bar.update(task, completed=done, total=total))
        )
    print_json({"passages": passages}) if as_json else out.print(f"{passages:,} passages embedded anew")
