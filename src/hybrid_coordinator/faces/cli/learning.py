"""The command that learns: once, for ever, or only saying how it stands."""

import logging
import signal
import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import anyio
import click
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from hybrid_coordinator.errors import BadInput
from hybrid_coordinator.faces.cli.session import call, json_option, print_json, run, unwrap
from hybrid_coordinator.faces.cli.showing import err, out, safe
from hybrid_coordinator.faces.client import Client
from hybrid_coordinator.quick_imports import quick_imports
from hybrid_coordinator.settings import load_settings

WORDS = {
    "learn": "learned",
    "quarantine": "held for your review",
    "retire": "retired",
    "promote": "promoted",
    "hold": "still on trial",
    "merge": "merged",
    "supersede": "superseded",
    "archive": "archived",
    "stale": "out of date",
    "known": "known already",
    "told": "own events kept",
    "written": "own events written",
    "related": "skills related",
}
"""Counts of the steps, in words for people."""


@click.command()
@click.option("--once", "mode", flag_value="once", default=True, help="Until nothing is left to learn (the default).")
@click.option("--forever", "mode", flag_value="forever", help="Again and again, until stopped.")
@click.option("--status", "mode", flag_value="status", help="Only say how learning stands.")
@click.option("-s", "--step", "steps", multiple=True, help="Only this step; may be repeated.")
@json_option
def learn(mode: str, steps: tuple[str, ...], as_json: bool) -> None:
    """Learn from what was answered: ingest, score, extract, curate, train, deploy, measure.

    A running server does this by itself. A round that was interrupted goes on where it was.
    """
    if mode != "once" and steps:
        raise BadInput("--step goes with a single round; leave it out, or --forever and --status")
    if mode == "forever":
        logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s: %(message)s")
        unwrap(_learn_for_ever)
        return
    if mode == "status":
        status = call("learning_status")
        print_json(status) if as_json else show_status(status)
        return
    err.quiet = as_json
    learned = run(lambda client: _learn_once(client, steps))
    print_json(learned) if as_json else show_learned(learned)
    if any(step["error"] for step in learned["steps"]):
        sys.exit(1)


async def _learn_for_ever() -> None:
    with quick_imports():
        from hybrid_coordinator.app import open_house  # takes a second

    settings = load_settings()
    settings = replace(settings, pace=replace(settings.pace, enabled=True))
    async with open_house(settings, keep_up=True):
        with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
            async for _ in signals:
                return


async def _learn_once(client: Client, steps: tuple[str, ...]) -> dict[str, Any]:
    fields: dict[str, Any] = {"batches": None} | ({"steps": list(steps)} if steps else {})
    done = await follow_learning(client.learn(fields))
    return {"steps": done, "stages": (await client.call("learning_status", {}))["stages"]}


async def follow_learning(events: AsyncGenerator[dict[str, Any], None]) -> list[dict[str, Any]]:
    """Show a round as it goes; what each step came to."""
    stepped: list[dict[str, Any]] = []
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as bar:
        task = bar.add_task("learning", total=None)
        async with aclosing(events):
            async for event in events:
                if event["event"] == "stepped":
                    stepped.append({name: value for name, value in event.items() if name != "event"})
                else:
                    told = _tell_counts(event["counts"]) or f"{event['done']:,}"
                    bar.update(task, description=safe(f"{event['step']}: {told}"))
    return stepped


def show_learned(learned: Mapping[str, Any]) -> None:
    """What each step of a round came to."""
    for step in learned["steps"]:
        if step["error"]:
            out.print(f"[red]{step['step']:8}[/] {safe(step['error'])}")
        else:
            out.print(
                f"[bold]{step['step']:8}[/] {safe(_tell_counts(step['counts']) or step['detail'] or 'nothing to do')}"
            )
    _show_stages(learned["stages"])


def show_status(status: Mapping[str, Any]) -> None:
    """How each step stands, and what was learned."""
    out.print("a daemon is learning" if status["learning"] else "no daemon is at work right now")
    for step in status["steps"]:
        when = step["ran_at"][:19].replace("T", " ") if step["ran_at"] else "never"
        told = f"[red]{safe(step['error'])}[/]" if step["error"] else safe(step["detail"])
        out.print(f"[bold]{step['step']:8}[/] {when:19}  {step['done']:>9,} done  {told}")
    for event, count in status["events"].items():
        out.print(f"[dim]{safe(event)}: {count:,} events in seven days[/]")
    _show_stages(status["stages"])


def _show_stages(stages: Mapping[str, int]) -> None:
    if stages:
        out.print("learned so far: " + ", ".join(f"{count:,} {stage}" for stage, count in stages.items()))
    if stages.get("quarantined"):
        out.print(f"[yellow]{stages['quarantined']:,} wait for your word:[/] hybrid-coordinator review")


def _tell_counts(counts: Mapping[str, int]) -> str:
    told = ((count, WORDS.get(name, name.replace("_", " "))) for name, count in counts.items() if count)
    return ", ".join(f"{count:,} {words}" for count, words in told)
