"""Commands about what goes badly: gaps, what to ask about them, filling them; and experiments."""

from collections.abc import Mapping
from contextlib import aclosing
from typing import Any

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from hybrid_coordinator.faces.cli.session import call, json_option, print_json, run
from hybrid_coordinator.faces.cli.showing import err, one_line, out, safe
from hybrid_coordinator.faces.client import Client


@click.group(invoke_without_command=True)
@json_option
@click.pass_context
def gaps(context: click.Context, as_json: bool) -> None:
    """What is asked and goes badly, by kind: failed, disliked, replaced, of low value."""
    if context.invoked_subcommand:
        return
    found = call("gaps")
    if as_json:
        print_json(found)
        return
    for gap in found["gaps"]:
        _show_gap(gap)
    if not found["gaps"]:
        out.print("no gaps: nothing that was asked went badly twice")


def _show_gap(gap: Mapping[str, Any]) -> None:
    troubles = ", ".join(f"{count:,} {trouble}" for trouble, count in gap["troubles"].items())
    state = "[green]filled[/]" if gap["filled"] else "[yellow]open[/]"
    out.print(f"[bold]{safe(gap['name'])}[/] {state} {troubles}, ${gap['cost_usd']:.4f} ({gap['cost_share']:.0%})")
    for example in gap["examples"][:3]:
        out.print(f"  [dim]{safe(one_line(example['question'], 80))}[/]")
    if gap["known"]:
        near = f"{safe(one_line(gap['known']['title'], 60))} (similarity {gap['known']['similarity']:.2f})"
        out.print(f"  [dim]the nearest that is known: {near}[/]")


@gaps.command()
@click.argument("name")
@json_option
def show(name: str, as_json: bool) -> None:
    """One gap."""
    gap = call("gap", name=name)
    print_json(gap) if as_json else _show_gap(gap)


@gaps.command()
@click.argument("name")
@click.option("-n", "--count", type=int, default=5, show_default=True, help="How many questions.")
@json_option
def propose(name: str, count: int, as_json: bool) -> None:
    """Questions to ask about a gap. Nothing leaves this machine."""
    found = call("propose_questions", name=name, count=count)
    if as_json:
        print_json(found)
        return
    for proposal in found["proposals"]:
        out.print(f"{safe(proposal['question'])} [dim]{proposal['way']}[/]")


@gaps.command()
@click.argument("name")
@click.option("--budget", "budget_usd", type=float, required=True, help="Dollars that the answers may cost together.")
@click.option("-n", "--questions", type=int, default=10, show_default=True, help="How many questions at most.")
@click.option("--yes", "permitted", is_flag=True, help="Ask remote models, and spend the money, without asking first.")
@json_option
def fill(name: str, budget_usd: float, questions: int, permitted: bool, as_json: bool) -> None:
    """Ask remote models about a gap and learn from the answers that can be verified. Stops at the budget.

    A run that was interrupted goes on where it was.
    """
    call("gap", name=name)
    permitted = permitted or click.confirm(f"Ask remote models about {name!r} for at most ${budget_usd:.2f}?", err=True)
    fields = {"name": name, "budget_usd": budget_usd, "questions": questions, "permitted": permitted}
    err.quiet = as_json
    summary = run(lambda client: _follow(client, fields))
    if as_json:
        print_json(summary)
        return
    out.print(
        f"{summary['verified']:,} of {summary['judged']:,} answers verified, {summary['unanswered']:,} without one, "
        f"${summary['spent_usd']:.4f} of ${summary['budget_usd']:.2f} spent; {safe(summary['why'])}"
    )


async def _follow(client: Client, fields: dict[str, Any]) -> dict[str, Any]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=err, transient=True) as bar:
        task = bar.add_task("asking", total=None)
        async with aclosing(client.fill_gap(fields)) as events:
            async for event in events:
                if event["event"] == "summary":
                    return event
                if event["event"] == "planned":
                    bar.update(task, total=len(event["questions"]))
                else:
                    bar.update(task, advance=1, description=safe(one_line(event["question"], 60)))
    raise click.ClickException("the run ended without a summary; run it again")


@click.command("compare")
@click.argument("variant_a")
@click.argument("variant_b")
@json_option
def compare(variant_a: str, variant_b: str, as_json: bool) -> None:
    """Which of two variants is better, by the feedback and outcomes of answers tagged variant:<name>."""
    found = call("ab_compare", variant_a=variant_a, variant_b=variant_b)
    if as_json:
        print_json(found)
        return
    for name in ("rating", "success"):
        measure = found[name]
        for variant, side in ((variant_a, "a"), (variant_b, "b")):
            mean = "–" if measure[side]["mean"] is None else f"{measure[side]['mean']:.3f}"
            told = f"{measure[side]['answers']:,} answers in {measure[side]['sessions']:,} sessions"
            out.print(f"{name:8} {safe(variant):<12} {mean} [dim]{told}[/]")
        out.print(f"         {safe(measure['verdict'])}")
    out.print(f"[bold]{safe(found['verdict'])}[/]")
