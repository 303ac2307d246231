"""Sets to measure the cache on: a stream of questions in order, or pairs of a stored question and an asked one."""

import gzip
import json
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hybrid_coordinator.errors import BadInput


@dataclass(frozen=True, slots=True)
class Question:
    """A question of a stream; questions of one class may share an answer."""

    text: str
    answer: str


@dataclass(frozen=True, slots=True)
class Pair:
    """What is stored, what is then asked, and whether the two may share an answer."""

    stored: str
    asked: str
    alike: bool


@dataclass(frozen=True, slots=True)
class Mock:
    """A text to store and one that asks for it again."""

    origin: str
    similar: str


def set_name(path: Path) -> str:
    """The file's name without what it ends in."""
    return path.name.removesuffix(".gz").removesuffix(".jsonl")


def read_stream(path: Path) -> list[Question]:
    """Rows {"query", "class_id"}, in order. Raises BadInput with the line that is wrong."""
    return [
        Question(_text(path, line, row, "query"), str(_field(path, line, row, "class_id"))) for line, row in _rows(path)
    ]


def read_pairs(path: Path) -> list[Pair]:
    """Rows {"a", "b", "label"}, label 1 for alike and 0 for not. Raises BadInput with the line that is wrong."""
    return [
        Pair(_text(path, line, row, "a"), _text(path, line, row, "b"), _label(path, line, row))
        for line, row in _rows(path)
    ]


def read_mock(path: Path) -> list[Mock]:
    """Rows {"origin", "similar"}. Raises BadInput with the line that is wrong."""
    return [Mock(_text(path, line, row, "origin"), _text(path, line, row, "similar")) for line, row in _rows(path)]


def _rows(path: Path) -> Generator[tuple[int, dict[str, Any]]]:
    number = 0
    try:
        with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    yield number, _row(path, number, line)
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise _bad_line(path, number + 1, f"cannot be read ({error})") from error


def _row(path: Path, number: int, line: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise _bad_line(path, number, f"is not JSON ({error})") from error
    if not isinstance(row, dict):
        raise _bad_line(path, number, "is no JSON object")
    return row


def _field(path: Path, number: int, row: dict[str, Any], name: str) -> Any:
    if name not in row:
        raise _bad_line(path, number, f"has no {name!r}")
    return row[name]


def _text(path: Path, number: int, row: dict[str, Any], name: str) -> str:
    value = _field(path, number, row, name)
    if not isinstance(value, str):
        raise _bad_line(path, number, f"has a {name!r} that is no text")
    return value


def _label(path: Path, number: int, row: dict[str, Any]) -> bool:
    value = _field(path, number, row, "label")
    if value not in (0, 1):
        raise _bad_line(path, number, "has a 'label' that is neither 0 nor 1")
    return bool(value)


def _bad_line(path: Path, number: int, what: str) -> BadInput:
    return BadInput(f"line {number} of {str(path)!r} {what}. Mend the line, or name another file")
