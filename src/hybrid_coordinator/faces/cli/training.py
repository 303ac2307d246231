"""Commands that train: train, measure, deploy, and what can be done with the versions that came of it."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any, Self

import click
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn
from rich.table import Table

from hybrid_coordinator.errors import BadInput, Conflict
from hybrid_coordinator.faces.cli.session import call, json_option, print_json, run
from hybrid_coordinator.faces.cli.showing import err, out, safe
from hybrid_coordinator.faces.client import Client

COLOURS = {
    "serving": "green",
    "canary": "cyan",
    "held": "yellow",
    "rejected": "red",
    "rolled back": "red",
    "dropped": "red",
}
OF_THE_EVENT = ("event", "doing", "is_waiting")
"""What an event says besides the version it is about."""

MOST_RUNS = 100
"""Runs that are listed, the newest; more are not told at once."""

MOST_VERSIONS = 10
"""Versions that the report shows, the newest."""

STAGES = {
    "": "waiting",
    "load": "loading the base",
    "replay": "asking the base what to keep",
    "train": "training",
    "prefer": "learning what is preferred",
    "convert": "writing the adapter",
    "check": "checking it in llama.cpp",
    "likelihood": "measuring likelihoods",
    "measuring": "asking both versions",
}


@click.command()
@click.option("-r", "--recipe", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="A TOML file.")
@click.option("--backend", default="llama-cpp", show_default=True, help="Who trains: llama-cpp or openai.")
@click.option("--no-export", is_flag=True, help="Train on the dataset that was written last.")
@click.option("--detach", is_flag=True, help="Only begin, and print the run to ask for; a running server goes on.")
@click.option("--runs", "listed", is_flag=True, help="Only list the runs, the newest first.")
@click.option("--status", "status_of", metavar="RUN", help="Only say how a run stands.")
@click.option("--cancel", "cancel", metavar="RUN", help="End a run for good.")
@json_option
def train(
    recipe: Path | None,
    backend: str,
    no_export: bool,
    detach: bool,
    listed: bool,
    status_of: str | None,
    cancel: str | None,
    as_json: bool,
) -> None:
    """Train the local model on what turned out well, measure it, and decide: promote, hold or roll back.

    A run that was interrupted goes on where it was: the same command takes it up again.
    """
    if (status_of is not None) + (cancel is not None) + listed + detach > 1:
        raise BadInput("of --runs, --status, --cancel and --detach more than one was given: choose one")
    if listed:
        found = call("training_runs", limit=MOST_RUNS)
        print_json(found) if as_json else show_runs(found["runs"])
        return
    if status_of is not None or cancel is not None:
        told, is_served = run(lambda client: _look(client, status_of, cancel))
        print_json(told) if as_json else show_run(told, is_served=is_served)
        return
    fields = {
        "recipe": _read(recipe) if recipe else "",
        "model_backend": backend,
        "export": not no_export,
    }
    if detach:
        begun = run(lambda client: _begin(client, fields))
        print_json(begun) if as_json else out.print(f"run {safe(begun['id'])} has begun: train --status {begun['id']}")
        return
    err.quiet = as_json
    version = run(lambda client: _follow(client.train(fields)))
    print_json(version) if as_json else show_version(version)


@click.command()
@click.argument("name")
@json_option
def measure(name: str, as_json: bool) -> None:
    """Measure a version anew against what answers now, and decide."""
    err.quiet = as_json
    version = run(lambda client: _follow(client.measure_version({"name": name})))
    print_json(version) if as_json else show_version(version)


@click.command()
@click.argument("name")
@click.option("--everybody", is_flag=True, help="At once, without a trial.")
@click.option("--why", default="", help="For the log.")
@json_option
def deploy(name: str, everybody: bool, why: str, as_json: bool) -> None:
    """Let a version answer a share of the sessions, on trial; or everybody at once."""
    version = call("deploy_version", name=name, everybody=everybody, why=why)
    print_json(version) if as_json else show_version(version)


def _read(recipe: Path) -> str:
    try:
        return recipe.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"the recipe {str(recipe)!r} cannot be read ({error}); name a TOML file in UTF-8") from error


async def _look(client: Client, status_of: str | None, cancel: str | None) -> tuple[dict[str, Any], bool]:
    """A run, and whether there is a server that goes on with it."""
    operation, run_id = ("cancel_training", cancel) if status_of is None else ("training_run", status_of)
    return await client.call(operation, {"run_id": run_id}), client.is_server


async def _begin(client: Client, fields: dict[str, Any]) -> dict[str, Any]:
    if not client.is_server:
        raise Conflict("no server runs here that would go on with it: `serve` first, or leave out --detach")
    return await client.call("train_model", fields)


async def _follow(events: AsyncGenerator[dict[str, Any], None]) -> dict[str, Any]:
    with _Course() as course:
        run_id = ""
        async with aclosing(events):
            async for event in events:
                if event["event"] == "version" and (event["stage"] != "candidate" or event["decision"]):
                    return {name: value for name, value in event.items() if name not in OF_THE_EVENT}
                if event["event"] == "version":
                    words = f"{'waiting' if event['is_waiting'] else 'measuring'}: {safe(event['doing'] or '…')}"
                    course.show(words if event["is_waiting"] else STAGES["measuring"], words)
                    continue
                if event["id"] != run_id:
                    err.print(f"run {safe(event['id'])}: {event['rows']:,} rows, {event['pairs']:,} pairs")
                run_id, left = event["id"], event["seconds_left"]
                stage = STAGES.get(event["stage"], event["stage"])
                words = f"waiting: {safe(event['error'])}" if event["state"] == "waiting" and event["error"] else stage
                course.show(words, words, event["done"], event["total"] or None, left)
    raise click.ClickException(f"it ended without a version; `hybrid-coordinator train --status {run_id}` tells why")


class _Course:
    """How far it is: a bar on a terminal, and else, for a log, a line as each stage begins."""

    def __init__(self) -> None:
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("[dim]{task.fields[left]}"),
        )
        self._bar = Progress(*columns, console=err, transient=True, disable=not err.is_terminal)
        self._task = self._bar.add_task("waiting", total=None, left="")
        self._stage = ""

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def show(
        self, stage: str, words: str, done: int = 0, total: int | None = None, seconds_left: float | None = None
    ) -> None:
        """`words` may say more than the `stage`, and change with every event."""
        left = "" if seconds_left is None else f"about {_minutes(seconds_left)} left"
        self._bar.update(self._task, description=words, total=total, completed=done, left=left)
        if stage != self._stage and not err.is_terminal:
            err.print(f"{words}, {left}" if left else words)
        self._stage = stage


def _minutes(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"


def show_run(told: Mapping[str, Any], *, is_served: bool = True) -> None:
    """How a run stands, and what goes on with it."""
    out.print(f"[bold]{told['state']}[/] run {safe(told['id'])}: {told['rows']:,} rows, {told['pairs']:,} pairs")
    if told["state"] in ("running", "waiting"):
        left = "" if told["seconds_left"] is None else f", about {_minutes(told['seconds_left'])} left"
        out.print(f"{STAGES.get(told['stage'], told['stage'])}: {told['done']:,} of {told['total']:,}{left}")
        if not is_served:
            out.print("No server runs here, so it stands still: `train` takes it up, and `serve` goes on with it.")
    if told["error"]:
        out.print(f"[red]{safe(told['error'])}[/]")
    if told["version"]:
        out.print(f"it made [bold]{safe(told['version'])}[/]")


def show_runs(runs: Sequence[Mapping[str, Any]]) -> None:
    """Each run in a line: what came of it, or why it failed."""
    if not runs:
        out.print("nothing was trained yet: `hybrid-coordinator train`")
    for told in runs:
        came_to = f"[bold]{safe(told['version'])}[/]" if told["version"] else f"[red]{safe(told['error'])}[/]"
        what = f"{safe(told['id'])} {safe(told['model'])}, {told['rows']:,} rows"
        out.print(f"{told['created_at'][:16]} {told['state']:9} {what} {came_to}")


def show_version(version: Mapping[str, Any]) -> None:
    """A version with how it measured, and the decision."""
    colour = COLOURS.get(version["stage"], "bold")
    out.print(f"[bold]{safe(version['name'])}[/] [{colour}]{version['stage']}[/], of {version['rows']:,} rows")
    for title, measured in (
        (f"Measured against {version['measured_against']}", version["measured"]),
        ("On trial", version["canary"]),
    ):
        if measured:
            out.print(measured_table(title, measured))
    if version["decision"]:
        out.print(f"[bold]{version['decision']}[/]: {safe(version['decided'])}")
    if version["why"] != version["decided"]:
        out.print(safe(version["why"]))
    out.print(f"[dim]{safe(version['next'])}[/]")


def measured_table(title: str, measured: list[Mapping[str, Any]]) -> Table:
    """Each metric before and after, with the interval of the difference."""
    table = Table(title=safe(title), title_justify="left", box=None, pad_edge=False)
    table.add_column("metric")
    for name in ("items", "before", "after", "difference", "95 %"):
        table.add_column(name, justify="right")
    for one in measured:
        good = one["low"] > 0 if one["better"] == "higher" else one["high"] < 0
        bad = one["high"] < 0 if one["better"] == "higher" else one["low"] > 0
        colour = "green" if good else "red" if bad else "white"
        form = "{:+.1%}" if one["relative"] else "{:+.3f}"
        table.add_row(
            safe(one["metric"]),
            f"{one['items']:,}",
            f"{one['before']:.3f}",
            f"{one['after']:.3f}",
            f"[{colour}]{form.format(one['difference'])}[/]",
            f"{form.format(one['low'])} to {form.format(one['high'])}",
        )
    return table


def show_versions(listed: Mapping[str, Any]) -> None:
    """What answers now, and every version."""
    for model, name in listed["answering"].items():
        out.print(f"{safe(model)} answers as [bold]{safe(name)}[/]")
    for version in listed["versions"]:
        colour = COLOURS.get(version["stage"], "dim")
        why = f" [dim]{safe(version['why'])}[/]" if version["why"] else ""
        out.print(f"[{colour}]{version['stage']:11}[/] [bold]{safe(version['name'])}[/] {version['rows']:,} rows{why}")


def versions_table(versions: Sequence[Mapping[str, Any]]) -> Table:
    """Every version's numbers side by side: what each metric was with it."""
    metrics = list(dict.fromkeys(one["metric"] for version in versions for one in version["measured"]))
    table = Table(title="Versions of models", title_justify="left", box=None, pad_edge=False)
    for name in ("version", "stage", "rows"):
        table.add_column(name)
    for metric in metrics:
        table.add_column(safe(metric), justify="right")
    for version in versions[:MOST_VERSIONS]:
        measured = {one["metric"]: one for one in version["measured"]}
        figures = (f"{measured[metric]['after']:.2f}" if metric in measured else "–" for metric in metrics)
        table.add_row(safe(version["name"]), version["stage"], f"{version['rows']:,}", *figures)
    return table


@click.command("show")
@click.argument("name")
@json_option
def show(name: str, as_json: bool) -> None:
    """A version: where it came from, how it measured, and what became of it."""
    lineage = call("model_version", name=name)
    if as_json:
        print_json(lineage)
        return
    show_version(lineage["version"])
    version = lineage["version"]
    out.print(f"[dim]base {safe(version['base'])}, sha256 {version['base_sha256'][:12]}[/]")
    out.print(f"[dim]dataset {version['dataset_hash'][:12]}, {lineage['sources']:,} sources[/]")
    if lineage["excluded"]:
        out.print(f"[red]{len(lineage['excluded']):,} of its sources are excluded now:[/] models drop {safe(name)}")
    for entry in lineage["log"]:
        before = f"{entry['before']} → " if entry["before"] else ""
        out.print(f"{entry['at'][:19]} {entry['actor']}: {before}{entry['after']} [dim]{safe(entry['why'])}[/]")


@click.command("promote")
@click.argument("name")
@click.option("--why", default="", help="For the log.")
@json_option
def promote(name: str, why: str, as_json: bool) -> None:
    """Let a version answer everybody."""
    version = call("deploy_version", name=name, everybody=True, why=why)
    print_json(version) if as_json else show_version(version)


@click.command("rollback")
@click.argument("name", default="")
@click.option("--why", default="", help="For the log.")
@json_option
def roll_back(name: str, why: str, as_json: bool) -> None:
    """Go back to the version that answered before, or to the base.

    NAME is the version to be taken back, or the model that answers with it; it can be left out where only one does.
    """
    listed = call("roll_back_version", model=name, why=why)
    print_json(listed) if as_json else show_versions(listed)


@click.command("drop")
@click.argument("name")
@click.option("--why", default="", help="For the log.")
@click.option("--rebuild", is_flag=True, help="Train anew without what has been excluded.")
@json_option
def drop(name: str, why: str, rebuild: bool, as_json: bool) -> None:
    """Take a version out of service and delete its weights."""
    listed = call("drop_version", name=name, why=why, rebuild=rebuild)
    print_json(listed) if as_json else show_versions(listed)


VERSION_COMMANDS = (show, promote, roll_back, drop)
"""Commands of the group `models`."""
