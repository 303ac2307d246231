"""How learning went, in a terminal of eighty columns: a table of days, and the measures beside their targets."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.table import Table

from hybrid_coordinator.faces.cli.showing import number, safe, share

MOST_DAYS = 14
"""Days that the table shows, the latest."""

_BLOCKS = " ▁▂▃▄▅▆▇█"


def bar(value: float | None, width: int = 8) -> str:
    """A share in [0, 1] as a bar; blank for None. What is over 1 fills it."""
    if value is None:
        return " " * width
    eighths = round(8 * width * min(max(value, 0.0), 1.0))
    return ("█" * (eighths // 8) + " ▏▎▍▌▋▊▉"[eighths % 8]).strip().ljust(width)[:width]


def spark(values: Sequence[float]) -> str:
    """One block a value, the highest in full; zero is blank."""
    top = max(values, default=0.0)
    return "".join(_BLOCKS[max(round(8 * value / top), value > 0)] if top else " " for value in values)


def measure_tables(report: Mapping[str, Any]) -> list[Table]:
    """The days, the measures beside their targets, and what was learned; without what there is nothing of yet."""
    measures, tables = report["measures"], []
    if measures["by_day"]:
        tables.append(_days(measures["by_day"]))
    tables.append(_goals(measures))
    if measures["learned"]:
        tables.append(_shelves(report["collections"], measures["credit_of_documents"]))
    return tables


def _days(days: Sequence[Mapping[str, Any]]) -> Table:
    title = "By day (UTC)" if len(days) <= MOST_DAYS else f"The latest {MOST_DAYS} days (UTC)"
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    table.add_column("day")
    for name in ("asked", "home", "", "success", "", "learned", "tokens", "spent", "saved"):
        table.add_column(name, justify="left" if not name else "right", style="cyan" if not name else "")
    for day in days[-MOST_DAYS:]:
        table.add_row(
            day["day"][5:],
            f"{day['interactions']:,}",
            share(day["local_share"]),
            bar(day["local_share"], 6),
            share(day["success_rate"]),
            bar(day["success_rate"], 6),
            f"{day['learned']:,}",
            short(day["tokens"]),
            dollars(day["cost_usd"]),
            dollars(day["cost_saved_usd"]),
        )
    return table


def short(count: int) -> str:
    """A count in at most five characters, up to a thousand billions."""
    for size, letter in ((10**9, "G"), (10**6, "M"), (10**4, "k")):
        if count >= size:
            unit = 1_000 if letter == "k" else size
            return f"{count / unit:.1f}{letter}" if count / unit < 100 else f"{count / unit:.0f}{letter}"
    return f"{count:,}"


def dollars(usd: float) -> str:
    """An amount that is not negative, in at most seven characters."""
    if 0 < usd < 0.01:
        return "<$0.01"
    return f"${usd:.2f}" if usd < 1_000 else f"${short(round(usd))}"


def _goals(measures: Mapping[str, Any]) -> Table:
    title = f"How learning goes, over {measures['days']} days"
    table = Table(title=title, title_justify="left", box=None, show_header=False, pad_edge=False)
    table.add_column(style="dim")
    for name, value, note in _rows(measures):
        table.add_row(name, value, safe(note))
    return table


def _rows(measures: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    yield "learned a day", *_goal(measures["patterns_a_day"], "{:,.1f}")
    growth = f"  {spark(list(measures['examples_by_week'].values()))} by week"
    value, note = _goal(measures["examples_a_week"], "{:,.1f}")
    yield "examples a week", value, note + growth
    yield "answers with context", *_goal(measures["reuse_rate"], "{:.0%}")
    yield "… something learned", *_goal(measures["learned_reuse_rate"], "{:.0%}")
    yield "bytes a pattern", *_goal(measures["bytes_per_pattern"], "{:,.0f}")
    yield "added to an answer", *_goal(measures["added_latency_ms"], "{:.2f} ms")
    yield "success this week", *_trend(measures["success_trend"])
    yield from _values(measures)
    yield from _crossings(measures["crossings"])


def _goal(goal: Mapping[str, Any], form: str) -> tuple[str, str]:
    """The figure in the colour of its standing, and the target."""
    low, high = form.format(goal["low"]), form.format(goal["high"])
    target = f"target at most {high}" if not goal["low"] else f"target {low} to {high}"
    if goal["value"] is None:
        return "–", target
    colour = "green" if goal["standing"] == "within" else "yellow"
    return f"[{colour}]{form.format(goal['value'])}[/]", f"{target}: {goal['standing']}"


def _trend(trend: Mapping[str, Any] | None) -> tuple[str, str]:
    if trend is None:
        return "–", "needs outcomes in this week and the last"
    interval = f"{100 * trend['low']:+.0f} to {100 * trend['high']:+.0f} points"
    return f"{trend['now']:.0%}", f"{trend['before']:.0%} the week before ({interval}): {trend['verdict']}"


def _values(measures: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    for band in measures["values"]:
        yield f"value {band['name']}", f"{band['share']:.0%}", f"{bar(band['share'], 10)} target {band['target']:.0%}"
    yield "… their spread", "", measures["values_verdict"]


def _crossings(crossings: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str, str]]:
    for crossing in crossings:
        name = f"{crossing['taught_by']} taught {crossing['answered_by']}"
        fared = f"used {crossing['uses']:,} times, mean credit {number(crossing['mean_credit'])}"
        yield name, f"{crossing['items']:,}", fared


def _shelves(collections: Sequence[Mapping[str, Any]], documents: float | None) -> Table:
    table = Table(title="What was learned", title_justify="left", box=None, pad_edge=False)
    table.add_column("collection")
    for name in ("uses", "credit", "kB"):
        table.add_column(name, justify="right")
    table.add_column("by stage")
    for shelf in collections:
        if shelf["learned"]:
            stages = ", ".join(f"{count:,} {stage}" for stage, count in shelf["learned"].items())
            figures = (f"{shelf['uses']:,}", number(shelf["mean_credit"]), f"{shelf['bytes'] / 1024:,.0f}")
            table.add_row(shelf["collection"], *figures, stages)
    table.add_row("[dim]not learned[/]", "", f"[dim]{number(documents)}[/]", "")
    return table
