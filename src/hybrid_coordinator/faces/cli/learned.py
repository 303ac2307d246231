"""Commands about what was learned: look at it, judge it, undo it."""

import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import click
from rich.tree import Tree

from hybrid_coordinator.domain.learning import Stage
from hybrid_coordinator.errors import BadInput
from hybrid_coordinator.faces.cli.session import call, json_option, print_json
from hybrid_coordinator.faces.cli.showing import err, one_line, out, safe

MOST_SHOWN = 8
"""Skills that a branch of the tree shows by name."""


@click.command()
@click.argument("path", nargs=-1)
@click.option("-q", "--query", help="The branches that a question belongs to, instead.")
@json_option
def skills(path: tuple[str, ...], query: str | None, as_json: bool) -> None:
    """The tree of skills, from PATH down (such as `skills kubernetes troubleshooting`)."""
    found = call("skills", path=list(path) or None, query=query)
    if as_json:
        print_json(found)
        return
    for branch in found["branches"]:
        _grow(branch, Tree(_title(branch)), root=True)


def _title(branch: Mapping[str, Any]) -> str:
    return f"[bold]{safe(branch['path'][-1] if branch['path'] else 'skills')}[/] [dim]{branch['size']:,}[/]"


def _grow(branch: Mapping[str, Any], tree: Tree, *, root: bool = False) -> None:
    for inner in branch["branches"]:
        _grow(inner, tree.add(_title(inner)))
    for skill in branch["skills"][:MOST_SHOWN]:
        tree.add(f"{safe(one_line(skill['name'], 70))} [dim]{skill['id']}[/]")
    if len(branch["skills"]) > MOST_SHOWN:
        tree.add(f"[dim]and {len(branch['skills']) - MOST_SHOWN:,} more[/]")
    if root:
        out.print(tree)


@click.command()
@click.argument("item_id", required=False)
@click.option("--stage", type=click.Choice([stage.value for stage in Stage]), help="Only what is at this stage.")
@click.option("-n", "--limit", type=int, default=20, show_default=True, help="How many.")
@json_option
def learned(item_id: str | None, stage: str | None, limit: int, as_json: bool) -> None:
    """What was learned; with an ITEM_ID everything about that: its text, its credit, its history."""
    if item_id:
        found = call("learned_item", id=item_id)
        print_json(found) if as_json else _show_item(found)
        return
    listed = call("learned_items", stage=stage, limit=limit)
    if as_json:
        print_json(listed)
        return
    for item in listed["items"]:
        out.print(_line(item))
    if not listed["items"]:
        out.print("nothing yet: say what became of answers, and run `hybrid-coordinator learn`")


def _line(item: Mapping[str, Any]) -> str:
    return f"{item['id']} [cyan]{item['stage']:<11}[/] {item['strategy']:<16} {safe(one_line(item['name'], 60))}"


def _show_item(found: Mapping[str, Any]) -> None:
    item, uses = found["item"], found["uses"]
    out.print(f"[bold]{safe(one_line(item['name']))}[/] [cyan]{item['stage']}[/] in {item['collection']}")
    out.print(safe(item["text"]))
    out.print(f"[dim]by {item['strategy']}, origin {item['origin']}; {safe(item['why'])}[/]")
    out.print(f"with it: {_fared(uses['uses'], uses['mean_credit'])}")
    out.print(f"without it, by chance: {_fared(uses['withheld'], uses['mean_credit_without'])}")
    for change in found["changes"]:
        _show_change(change)


def _fared(count: int, credit: float | None) -> str:
    return "not yet" if credit is None else f"{count:,} answers, mean credit {credit:.2f}"


@click.command()
@click.argument("error")
@json_option
def fix(error: str, as_json: bool) -> None:
    """What fixed this ERROR before; - reads it from stdin. Times, paths, ids, hosts and numbers may differ."""
    found = call("known_fix", error=sys.stdin.read() if error == "-" else error)
    if as_json:
        print_json(found)
    elif found["fix"]:
        out.print(safe(found["fix"]["text"]))
        out.print(f"[dim]{found['fix']['id']}, {found['fix']['stage']}[/]")
    else:
        out.print("this error is not known")
        sys.exit(1)


@click.command()
@click.option("-n", "--limit", type=int, default=10, show_default=True, help="How many.")
@json_option
def review(limit: int, as_json: bool) -> None:
    """What waits for your word, why, and how it differs from what is served. Then `approve` or `reject` it."""
    found = call("review", limit=limit)
    if as_json:
        print_json(found)
        return
    for held in found["held"]:
        out.print(f"\n[bold]{held['item']['id']}[/] {safe(one_line(held['item']['name']))}")
        out.print(f"[yellow]{safe('; '.join(held['reasons']))}[/]")
        out.print(f"[dim]origin {held['item']['origin']}, from {len(held['learned_from']):,} answers[/]")
        out.print(safe(held["diff"]))
    if not found["held"]:
        out.print("nothing waits")


@click.command()
@click.argument("item_id")
@click.option("--why", default="", help="What to note beside it.")
@json_option
def approve(item_id: str, why: str, as_json: bool) -> None:
    """Let something that waits be served. From then on it is your word."""
    _tell_stage(call("approve", id=item_id, why=why), as_json=as_json)


@click.command()
@click.argument("item_id")
@click.option("--why", default="", help="What to note beside it.")
@json_option
def reject(item_id: str, why: str, as_json: bool) -> None:
    """Refuse something that waits, for good."""
    _tell_stage(call("reject", id=item_id, why=why), as_json=as_json)


@click.command()
@click.argument("item_id")
@json_option
def restore(item_id: str, as_json: bool) -> None:
    """Bring back what was archived, stale or retired."""
    _tell_stage(call("restore", id=item_id), as_json=as_json)


@click.command()
@click.argument("item_id")
@json_option
def unmerge(item_id: str, as_json: bool) -> None:
    """Take a merge apart again: both come back as they were."""
    parts = call("unmerge", id=item_id)
    if as_json:
        print_json(parts)
        return
    for item in parts["items"]:
        out.print(_line(item))


def _tell_stage(item: Mapping[str, Any], *, as_json: bool) -> None:
    print_json(item) if as_json else out.print(_line(item))


@click.command()
@click.option("--after", type=int, default=0, help="The place in the log to go on after.")
@click.option("-i", "--item", "item_id", help="Only of this item.")
@click.option("-n", "--limit", type=click.IntRange(1, 100), default=50, show_default=True, help="How many.")
@json_option
def changes(after: int, item_id: str | None, limit: int, as_json: bool) -> None:
    """The log of every change of what was learned, and whether anybody has tampered with it."""
    found = call("changes", after=after, item_id=item_id, limit=limit)
    if as_json:
        print_json(found)
    else:
        for change in found["changes"]:
            _show_change(change)
    if found["broken_at"] is not None:
        err.print(
            f"[red]somebody has tampered: entry {found['broken_at']}, or what it says of its item, was altered[/]"
        )
        sys.exit(1)


def _show_change(change: Mapping[str, Any], *, undone: bool = False) -> None:
    when = change["at"][:19].replace("T", " ") if change["at"] else "done now" if undone else "planned"
    stages = f"{change['before'] or 'nothing'} -> {change['after'] or 'nothing'}"
    out.print(
        f"[dim]{change['place']:>6} {when}[/] {change['action']:<10} {stages:<24} by {safe(change['actor'])}: "
        f"{safe(one_line(change['name'], 50))} [dim]{safe(change['why'])}[/]"
    )


@click.command()
@click.option("--since", help="Undo everything from this moment on: 2026-01-31, or 2026-01-31T10:00:00Z.")
@click.option(
    "--origin", help="Undo everything with this in its lineage: an origin, a channel, an asker, a file, an id."
)
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
@json_option
def rollback(since: str | None, origin: str | None, dry_run: bool, as_json: bool) -> None:
    """Undo what was learned. Nothing is lost: the log keeps everything, and a rollback can be rolled back."""
    moment = _read_moment(since).isoformat() if since else None
    done = call("rollback", since=moment, origin=origin, dry_run=dry_run)
    if as_json:
        print_json(done)
        return
    for change in done["changes"]:
        _show_change(change, undone=not dry_run)
    if origin and not done["changes"]:
        out.print(f"nothing that is learned has {safe(repr(origin))} in its lineage; `trace` shows what something has")
    verb = "would be undone" if dry_run else "undone"
    out.print(f"{len(done['changes']):,} changes {verb}, {done['answers_forgotten']:,} remembered answers forgotten")


def _read_moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise BadInput(f"{text!r} is no moment; write 2026-01-31 or 2026-01-31T10:00:00Z") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


@click.command()
@click.argument("interaction_id")
@click.option("--why", help="What to note beside it.")
@json_option
def exclude(interaction_id: str, why: str | None, as_json: bool) -> None:
    """Keep an interaction, and everything built on it, out of what is learned and out of training data."""
    done = call("exclude", interaction_id=interaction_id, why=why)
    if as_json:
        print_json(done)
        return
    out.print(
        f"excluded; {len(done['retired']):,} learned things retired, {len(done['kept']):,} stay without it, "
        f"{done['answers_forgotten']:,} remembered answers forgotten"
    )
    for version in done["versions"]:
        name = safe(version)
        out.print(f"[yellow]{name} was trained on it:[/] hybrid-coordinator models drop {name} --rebuild")


@click.command()
@click.argument("id")
@json_option
def trace(id: str, as_json: bool) -> None:
    """Where something came from, and what was made of it: of an interaction, a passage, a learned thing or a row."""
    found = call("trace", id=id)
    if as_json:
        print_json(found)
        return
    for interaction in found["interactions"]:
        told = f"{interaction['origin']} by {interaction['channel'] or 'an older release'}"
        out.print(
            f"interaction {interaction['interaction_id']} [dim]{told}[/] {safe(one_line(interaction['query'], 60))}"
        )
    for passage in found["passages"]:
        out.print(f"passage {safe(passage['id'])} [dim]{safe(passage['source'])}[/]")
    for item in found["learned"]:
        out.print(f"learned {_line(item)}")
    for excluded, why in found["excluded"].items():
        out.print(f"[yellow]excluded {safe(excluded)}: {safe(why)}[/]")
