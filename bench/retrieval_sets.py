"""Sets to measure retrieval on: a folder with a corpus, queries, and what is relevant to each."""

import gzip
import json
from collections import defaultdict
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hybrid_coordinator.errors import BadInput

RELEVANCE = "test.tsv"


@dataclass(frozen=True, slots=True)
class RetrievalSet:
    """Texts by id, and for each query that has one, the gains of its relevant texts."""

    name: str
    corpus: Mapping[str, str]
    queries: Mapping[str, str]
    gains: Mapping[str, Mapping[str, float]]


def set_folders(data: Path) -> list[Path]:
    """The folders of `data` that hold a set, by name. Raises BadInput when there is none."""
    folders = sorted(path.parent for path in data.glob(f"*/{RELEVANCE}"))
    if not folders:
        raise BadInput(f"no folder in {str(data)!r} holds a {RELEVANCE}. Name the folder of the sets with --data")
    return folders


def read_set(folder: Path) -> RetrievalSet:
    """Read a set, of each text its body only: a title may hold the very name that a query asks for.

    Raises BadInput with the file and the line that is wrong.
    """
    corpus = {row["_id"]: row["text"] for row in _rows(folder, "corpus.jsonl")}
    queries = {row["_id"]: row["text"] for row in _rows(folder, "queries.jsonl")}
    gains = _read_gains(folder / RELEVANCE, queries, corpus)
    return RetrievalSet(folder.name, corpus, {name: queries[name] for name in gains}, gains)


def _rows(folder: Path, name: str) -> Generator[dict[str, Any]]:
    path = next((path for path in (folder / name, folder / f"{name}.gz") if path.exists()), None)
    if path is None:
        raise BadInput(f"{str(folder / name)!r} is missing, and so is its .gz. Restore it, or remove the folder")
    number = 0
    try:
        with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, start=1):
                yield _row(path, number, line)
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise _bad_line(path, number + 1, f"cannot be read ({error})") from error


def _row(path: Path, number: int, line: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise _bad_line(path, number, f"is not JSON ({error})") from error
    if not isinstance(row, dict) or not isinstance(row.get("_id"), str) or not isinstance(row.get("text"), str):
        raise _bad_line(path, number, 'is no object with the texts "_id" and "text"')
    return row


def _read_gains(path: Path, queries: Mapping[str, str], corpus: Mapping[str, str]) -> Mapping[str, Mapping[str, float]]:
    gains: dict[str, dict[str, float]] = defaultdict(dict)
    with path.open(encoding="utf-8") as lines:
        next(lines, None)  # the names of the columns
        for number, line in enumerate(lines, start=2):
            query, text, gain = _judgement(path, number, line)
            if query not in queries or text not in corpus:
                raise _bad_line(path, number, f"names {query!r} or {text!r}, which the set does not hold")
            if gain > 0:
                gains[query][text] = gain
    return gains


def _judgement(path: Path, number: int, line: str) -> tuple[str, str, float]:
    try:
        query, text, gain = line.rstrip("\n").split("\t")
        return query, text, float(gain)
    except ValueError as error:
        raise _bad_line(path, number, "is not a query id, a text id and a number between tabs") from error


def _bad_line(path: Path, number: int, what: str) -> BadInput:
    return BadInput(f"line {number} of {str(path)!r} {what}. Mend the line, or remove the folder")
