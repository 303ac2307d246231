"""Streams of questions whose right text is known, for learning curves: what is asked, in which order, about what."""

import ast
import gzip
import json
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.retrieval_sets import RetrievalSet, read_set

PHASES = ("first", "second")
COSQA_FUNCTIONS = 250
RECURRING = 207
SEED = 20261121

_SENTENCE_END = re.compile(r"(?<=[.!?])\s|\n\s*\n")


@dataclass(frozen=True, slots=True)
class Asked:
    """A question of one phase, and the id of the one text that answers it."""

    id: str
    text: str
    answer: str
    phase: str


@dataclass(frozen=True, slots=True)
class Stream:
    """Texts by id, and questions. `recurring` ones are drawn again and again; the others come once, phase by phase."""

    name: str
    corpus: Mapping[str, str]
    questions: Sequence[Asked]
    recurring: bool = False

    def order(self, seed: int) -> list[Asked]:
        """The questions in the order of this seed."""
        dice = random.Random(f"{SEED} {seed}")
        if self.recurring:
            return _draw(dice, self.questions)
        phases = [[one for one in self.questions if one.phase == phase] for phase in PHASES]
        return [one for phase in phases for one in dice.sample(phase, len(phase))]


def ops_stream(folder: Path, *, recurring: bool = False) -> Stream:
    """Alert summaries first, then descriptions; of each runbook the body only."""
    measured = read_set(folder)
    phases = {"summary": "first", "description": "second"}
    kinds = {row["_id"]: phases[row["metadata"]["kind"]] for row in _rows(folder)}
    asked = [Asked(name, text, _answer(measured, name), kinds[name]) for name, text in measured.queries.items()]
    return Stream("ops_recurring" if recurring else folder.name, measured.corpus, asked, recurring)


def cosqa_stream(folder: Path) -> Stream:
    """Python functions without their docstrings: first asked for by the docstring's first sentence, then by a question
    from the web. As many functions again that nobody asks for are mixed in."""
    measured = read_set(folder)
    told = {name: parts for name, code in measured.corpus.items() if (parts := _without_docstring(code)) is not None}
    names = [name for name in measured.queries if _answer(measured, name) in told]
    chosen = random.Random(SEED).sample(names, min(COSQA_FUNCTIONS, len(names)))
    wanted = [_answer(measured, name) for name in chosen]
    others = random.Random(SEED).sample(sorted(set(told) - set(wanted)), len(wanted))
    pairs = list(zip(chosen, wanted, strict=True))
    first = [Asked(f"{name} docstring", told[answer][1], answer, "first") for name, answer in pairs]
    second = [Asked(name, measured.queries[name], answer, "second") for name, answer in pairs]
    return Stream(folder.name, {name: told[name][0] for name in (*wanted, *others)}, first + second)


def _draw(dice: random.Random, questions: Sequence[Asked]) -> list[Asked]:
    """Some answers are wanted often and most seldom (Zipf); each time somebody asks for one in any of its ways."""
    ways: dict[str, list[Asked]] = {}
    for one in questions:
        ways.setdefault(one.answer, []).append(one)
    answers = dice.sample(sorted(ways), len(ways))
    drawn = dice.choices(answers, [1 / rank for rank in range(1, len(answers) + 1)], k=RECURRING)
    return [dice.choice(ways[answer]) for answer in drawn]


def _answer(measured: RetrievalSet, name: str) -> str:
    return next(iter(measured.gains[name]))


def _rows(folder: Path) -> list[dict[str, Any]]:
    with gzip.open(folder / "queries.jsonl.gz", "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def _without_docstring(code: str) -> tuple[str, str] | None:
    """The code without its docstring, and the docstring's first sentence; None for what has no telling one."""
    try:
        function = ast.parse(code).body[0]
    except (SyntaxError, IndexError, ValueError):
        return None
    if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef) or len(function.body) < 2:
        return None
    said = " ".join(_SENTENCE_END.split((ast.get_docstring(function) or "").strip())[0].split())
    docstring, lines = function.body[0], code.split("\n")
    body = "\n".join([*lines[: docstring.lineno - 1], *lines[docstring.end_lineno :]])
    return (body, said) if len(said.split()) >= 3 else None
