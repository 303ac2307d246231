"""Draw docs/demo.svg from what the demo printed: `FORCE_COLOR=1 COLUMNS=118 make demo | python docs/picture.py`.

Shown are the first question that was answered right, the first that was taught and then answered right, and the report.
"""

import io
import re
import sys
from itertools import pairwise
from pathlib import Path

from rich.console import Console
from rich.text import Text

WIDTH = 118
ESCAPES = re.compile(r"\x1b\[[0-9;]*m")


def plain(line: str) -> str:
    return ESCAPES.sub("", line)


def sections(lines: list[str]) -> tuple[list[list[str]], list[str]]:
    """Every question with what followed it, and the report."""
    starts = [number for number, line in enumerate(lines) if plain(line).startswith(("? ", "3. ", "4. ", "Taught:"))]
    bounds = [*starts, len(lines)]
    parts = [lines[begin:end] for begin, end in pairwise(bounds)]
    report = next(part for part in parts if plain(part[0]).startswith("4. "))
    return [part for part in parts if plain(part[0]).startswith(("? ", "Taught:"))], report


def is_right(part: list[str]) -> bool:
    return any(plain(line).startswith("judged right") for line in part)


def main() -> None:
    questions, report = sections(sys.stdin.read().splitlines())
    taught = [number for number, part in enumerate(questions) if plain(part[0]).startswith("Taught:")]
    first = next(part for part in questions if is_right(part))
    lesson = next((number for number in taught if is_right(questions[number + 1])), None)
    shown = first + (questions[lesson] + questions[lesson + 1] if lesson is not None else []) + report[:15]
    console = Console(record=True, width=WIDTH, file=io.StringIO())
    for line in shown:
        console.print(Text.from_ansi(line), no_wrap=False)
    svg = console.export_svg(title="make demo")
    Path(__file__).with_name("demo.svg").write_text(svg, encoding="utf-8")


if __name__ == "__main__":
    main()
