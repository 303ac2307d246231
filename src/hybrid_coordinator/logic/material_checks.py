"""Why nothing can be learned from rows: what is missing, in sentences for the person who has to find more."""

from collections import Counter
from collections.abc import Iterator, Sequence

from hybrid_coordinator.domain.knowledge import Payload
from hybrid_coordinator.logic.taught_rows import answer_of, key_of

LEAST_QUESTIONS = 8
"""Different questions, without which a model learns a sentence by heart."""

LEAST_ANSWERS = 3
"""Different answers, without which it learns to say one thing to everything."""

SHOWN = 60
"""Characters of a text that is shown."""


def malformed(rows: Sequence[Payload], part: str) -> list[str]:
    """Which rows of a part are none, in one sentence; nothing for a part that is whole."""
    bad = [number for number, row in enumerate(rows, 1) if not _is_row(row)]
    if not bad:
        return []
    return [f"{len(bad):,} of {len(rows):,} rows of {part!r} are malformed (the first is row {bad[0]:,}): export again"]


def malformed_pairs(pairs: Sequence[Payload]) -> list[str]:
    """The same of preference pairs."""
    bad = [number for number, pair in enumerate(pairs, 1) if not _is_pair(pair)]
    if not bad:
        return []
    return [f"{len(bad):,} of {len(pairs):,} pairs are malformed (the first is pair {bad[0]:,}): export again"]


def shortcomings(train: Sequence[Payload], least_rows: int) -> list[str]:
    """What whole rows lack for a training; nothing when they will do."""
    if not train:
        return ["there is no row to train on; answers become rows once they have succeeded and are worth enough"]
    empty = sum(not answer_of(row).strip() for row in train)
    found = [f"{empty:,} of {len(train):,} rows have no answer"] if empty else []
    if len(train) < least_rows:
        missing = least_rows - len(train)
        found.append(f"{len(train):,} rows to train on where {least_rows:,} are needed: {missing:,} are missing")
    return [*found, *_monotony(train)]


def _monotony(train: Sequence[Payload]) -> Iterator[str]:
    questions, answers = {key_of(row) for row in train}, Counter(_plain(answer_of(row)) for row in train)
    if len(questions) < LEAST_QUESTIONS:
        yield f"{len(questions):,} different questions where {LEAST_QUESTIONS} are needed"
    if len(answers) < LEAST_ANSWERS:
        [(common, count)] = answers.most_common(1)
        told = f"{len(answers):,} different answers where {LEAST_ANSWERS} are needed"
        yield f"{told} ({common[:SHOWN]!r} stands in {count:,} of {len(train):,} rows)"


def _plain(text: str) -> str:
    return " ".join(text.lower().split())


def _is_row(row: object) -> bool:
    match row:
        case {"messages": [*_, asked, answered], **rest}:
            spoken = (_said(asked, "user") or "").strip() and _said(answered, "assistant") is not None
            return bool(spoken) and _is_named(rest, "row_id")
        case _:
            return False


def _said(message: object, role: str) -> str | None:
    match message:
        case {"role": speaker, "content": str(content)} if speaker == role:
            return content
        case _:
            return None


def _is_pair(pair: object) -> bool:
    match pair:
        case {"prompt": str(), "chosen": str(), "rejected": str(), **rest}:
            return _is_named(rest, "pair_id")
        case _:
            return False


def _is_named(rest: object, name: str) -> bool:
    match rest:
        case {"metadata": {"timestamp": str(), "split": str(), **metadata}}:
            return isinstance(metadata.get(name), str)
        case _:
            return False
