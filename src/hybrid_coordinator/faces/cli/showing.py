"""How things look in a terminal."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)


_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")


def bare(text: str) -> str:
    """Text from elsewhere without what a terminal would obey."""
    return _CONTROL.sub("", text)


def safe(text: str) -> str:
    """The same, and without what rich would take for markup."""
    return escape(bare(text))


def one_line(text: str, width: int = 90) -> str:
    """A text on one line, cut."""
    flat = " ".join(text.split())
    return flat if len(flat) <= width else flat[: width - 1] + "…"


def show_passages(passages: Sequence[Mapping[str, Any]], title: str = "") -> None:
    """A table of passages, best first."""
    if not passages:
        out.print("[dim]nothing found[/]")
        return
    if title:
        out.print(f"[bold]{title}[/]")
    out.print("[dim]score  sim. collection           passage[/]")
    for passage in passages:
        figures = f"{passage['score']:5.2f} {passage['similarity']:5.2f} [cyan]{passage['collection']:<20}[/]"
        learned = f"[green]learned, {passage['payload']['stage']}:[/] " if "stage" in passage["payload"] else ""
        out.print(f"{figures} {learned}{safe(one_line(passage['text'], max(20, out.width - 33)))}")


def show_route(route: Mapping[str, Any]) -> None:
    """Where a question goes, and why."""
    colour = {"local": "green", "remote": "magenta"}.get(route["target"], "yellow")
    out.print(
        f"[bold {colour}]{route['target']}[/] because {safe(route['reason'])} "
        f"[dim](confidence {route['confidence']:.2f}, complexity {route['complexity']}, {route['speciality']})[/]"
    )


def show_interaction(interaction: Mapping[str, Any]) -> None:
    """The line under an answer."""
    saved = f", saved ${interaction['cost_saved_usd']:.4f}" if interaction["cost_saved_usd"] else ""
    cost = f", cost ${interaction['cost_usd']:.4f}" if interaction["cost_usd"] else ""
    out.print(
        f"[dim]{safe(interaction['model_used'])}: {interaction['tokens_used']} tokens in "
        f"{interaction['latency_ms'] / 1000:.1f} s{cost}{saved}; interaction {interaction['interaction_id']}[/]"
    )


def show_value(settled: Mapping[str, Any]) -> None:
    """A value score with the sum it is made of."""
    weights = settled["value_weights"]
    terms = " + ".join(f"{weights[name]:.2f}·{part:.2f} {name}" for name, part in settled["value_parts"].items())
    out.print(f"value [bold]{settled['value_score']:.2f}[/] = {terms}")
    if settled["pattern_id"]:
        out.print(f"[dim]worth learning from: pattern {settled['pattern_id']}[/]")
    for passage_id, rate in settled["success_rates"].items():
        out.print(f"[dim]context {passage_id}: success rate now {rate:.2f}[/]")


def share(value: float | None) -> str:
    """A share in [0, 1] in percent; a dash where there is none."""
    return "–" if value is None else f"{value:.0%}"


def number(value: float | None) -> str:
    """A figure to two places; a dash where there is none."""
    return "–" if value is None else f"{value:.2f}"


def _gateway_rows(report: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What the cache, the checks, the budgets and the hold-out came to."""
    hits = ", ".join(f"{count:,} {kind}" for kind, count in report["cache_hits"].items()) or "none"
    yield "from the cache", f"{hits} ({share(report['cache_hit_share'])} of the answers)"
    yield "not trusted", f"{report['escalations']:,} local answers ({share(report['escalation_share'])}) were replaced"
    yield "audited", safe(report["savings"]["verdict"])
    for key, standing in report["budgets"].items():
        if standing["reason"]:
            yield f"budget of {safe(key or 'the owner')}", f"[yellow]{safe(standing['reason'])}[/]"


def show_report(report: Mapping[str, Any]) -> None:
    """What it came to, as a table."""
    span = f"the last {report['days']} days" if report["days"] else "everything so far"
    table = Table(title=f"Report: {span}", title_justify="left", box=None, show_header=False, pad_edge=False)
    for name, value in (
        ("interactions", f"{report['interactions']:,} ({report['failed']:,} cut short)"),
        (
            "answered at home",
            f"{report['local']:,} of {report['local'] + report['remote']:,} ({share(report['local_share'])})",
        ),
        ("success rate", f"{share(report['success_rate'])} of {sum(report['outcomes'].values()):,} with an outcome"),
        ("value", f"mean {number(report['mean_value'])}, {report['high_value']:,} of high value"),
        ("tokens", f"{report['tokens']:,}, of which {report['remote_tokens']:,} left this machine"),
        ("saved", f"{report['tokens_saved']:,} tokens, ${report['cost_saved_usd']:.4f} at the reference price"),
        ("spent", f"${report['cost_usd']:.4f}"),
        ("corrections", f"{report['corrections']:,}"),
    ):
        table.add_row(f"[dim]{name}[/]", value)
    for name, value in _gateway_rows(report):
        table.add_row(f"[dim]{name}[/]", value)
    for collection, count in report["passages"].items():
        table.add_row(f"[dim]{collection}[/]", f"{count:,} passages")
    out.print(table)
