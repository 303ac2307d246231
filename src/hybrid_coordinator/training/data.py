"""The material of a run, read and judged before anything slow begins."""

import json
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

from hybrid_coordinator.domain.knowledge import Payload
from hybrid_coordinator.logic.question_key import question_key
from hybrid_coordinator.training.failures import Failure

LEAST_QUESTIONS = 8
LEAST_ANSWERS = 3

LEAST_WATCHED = 8
"""With fewer validation rows to watch, the loss on them says too little to stop by."""

LEAST_RECALLED = 4
"""Of rows that ask for what is taught in other words fewer do: of others the loss rises while facts are learned."""

WATCHED_SHARE = 0.1
MOST_WATCHED = 64
FAMILY = 4
"""So many rows with the same answer say the same in other words, and one of them can be spared."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Lesson:
    """A question, and the answer to it that is learned."""

    question: str
    answer: str


@dataclass(frozen=True, slots=True)
class Conversation:
    """Messages, and the answer to the last of them."""

    asked: list[dict[str, str]]
    answer: str


@dataclass(frozen=True, slots=True)
class Pair:
    """A question with a better and a worse answer."""

    question: str
    chosen: str
    rejected: str


@dataclass(frozen=True, slots=True)
class Held:
    """A lesson that is only looked at: in which set, and what its row is called."""

    set: str
    item: str
    lesson: Lesson


@dataclass(frozen=True, slots=True)
class Curriculum:
    """What is trained on, and what is watched to know when to stop. `recalls` says that the watched rows ask for what
    is taught in other words; else they are the dataset's own validation rows, of other groups. Nothing of `held` is
    learned, and neither are the answers to `regression` and the `documents`: forgetting is measured on them."""

    train: tuple[Lesson, ...]
    watched: tuple[Lesson, ...]
    validation: tuple[Lesson, ...]
    pairs: tuple[Pair, ...]
    held: tuple[Held, ...]
    keep: tuple[Conversation, ...]
    replay: tuple[str, ...]
    regression: tuple[str, ...]
    documents: tuple[str, ...]
    recalls: bool
    hashes: Mapping[str, str]

    @property
    def may_stop(self) -> bool:
        """Whether enough is watched to stop early by it."""
        return len(self.watched) >= (LEAST_RECALLED if self.recalls else LEAST_WATCHED)


def read_curriculum(folder: Path) -> Curriculum:
    """The frozen material of a run. Raises Failure that names the file and the line, or says what is missing."""
    material = folder / "material"
    hashes = _check_seal(material)
    train = _read_lines(material / "train.jsonl", _lesson)
    _check_variety(train)
    validation = _read_lines(material / "validation.jsonl", _lesson)
    prompts = _read_prompts(material / "prompts.json")
    kept, recalled = choose_watched(train, validation)
    recalls = len(recalled) >= LEAST_RECALLED
    return Curriculum(
        train=tuple(kept if recalls else train),
        watched=tuple(recalled if recalls else validation[:MOST_WATCHED]),
        validation=tuple(validation[:MOST_WATCHED]),
        pairs=tuple(_read_lines(material / "pairs.jsonl", _pair)),
        held=tuple(_read_lines(material / "held_out.jsonl", _held)),
        keep=tuple(_read_lines(material / "keep.jsonl", _conversation)),
        replay=prompts["replay"],
        regression=prompts["regression"],
        documents=prompts["documents"],
        recalls=recalls,
        hashes=hashes,
    )


def choose_watched(train: Sequence[Lesson], validation: Sequence[Lesson]) -> tuple[list[Lesson], list[Lesson]]:
    """The rows to train on, and some that ask for the same in other words: validation rows where enough of them do,
    else the last of each large family of training rows.

    Other validation rows are of groups of which nothing is taught. While facts are learned by heart the loss on such
    rows rises from the second epoch on, and stopping by it would stop the learning.
    """
    families: dict[int | str, list[int]] = defaultdict(list)
    for at, lesson in enumerate(train):
        families[_family(lesson)].append(at)
    known = [lesson for lesson in validation if _family(lesson) in families]
    if len(known) >= LEAST_RECALLED:
        return list(train), known[:MOST_WATCHED]
    large = [members[-1] for members in families.values() if len(members) >= FAMILY]
    spared = set(large[: min(MOST_WATCHED, int(len(train) * WATCHED_SHARE))])
    kept = [lesson for at, lesson in enumerate(train) if at not in spared]
    return kept, [train[at] for at in sorted(spared)]


def _family(lesson: Lesson) -> int | str:
    return question_key(lesson.answer) or lesson.answer


def _check_seal(material: Path) -> Mapping[str, str]:
    """The hash of each file, when all are what was frozen."""
    try:
        sealed: dict[str, str] = json.loads((material / "seal.json").read_bytes())
        hashes = {name: sha256((material / name).read_bytes()).hexdigest() for name in sealed}
    except (OSError, ValueError) as error:
        raise _bad(f"the material of the run is not whole ({error}); start a new run") from error
    if spoilt := [name for name in sealed if sealed[name] != hashes[name]]:
        raise _bad(f"'material/{spoilt[0]}' is no longer what was frozen; start a new run")
    return hashes


def _read_lines(path: Path, read: Callable[[Payload], T]) -> list[T]:
    """What stands on the lines of a file; nothing where there is none."""
    if not path.exists():
        return []
    found = []
    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            try:
                found.append(read(json.loads(line)))
            except (ValueError, KeyError, TypeError, StopIteration) as error:
                said = f"{type(error).__name__}: {error}"
                where = f"'material/{path.name}', line {number}"
                raise _bad(f"{where} is no row of a dataset ({said}); export the dataset again") from error
    return found


def _lesson(row: Any) -> Lesson:
    said = {message["role"]: message["content"] for message in row["messages"]}
    return Lesson(_text(said["user"]), _text(said["assistant"]))


def _conversation(row: Any) -> Conversation:
    *asked, said = [{"role": _text(one["role"]), "content": _text(one["content"])} for one in row["messages"]]
    return Conversation(asked, said["content"])


def _held(row: Any) -> Held:
    metadata = row["metadata"]
    return Held(str(metadata.get("set", "test")), str(metadata["row_id"]), _lesson(row))


def _pair(row: Any) -> Pair:
    return Pair(_text(row["prompt"]), _text(row["chosen"]), _text(row["rejected"]))


def _text(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("a question or an answer is empty")
    return value.strip()


def _read_prompts(path: Path) -> Mapping[str, tuple[str, ...]]:
    try:
        said = json.loads(path.read_bytes())
        return {name: tuple(map(_text, said.get(name, ()))) for name in ("replay", "regression", "documents")}
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise _bad(f"'material/{path.name}' cannot be read ({error}); start a new run") from error


def _check_variety(train: Sequence[Lesson]) -> None:
    questions = len({question_key(lesson.question) or lesson.question for lesson in train})
    answers = len({lesson.answer for lesson in train})
    if not train:
        raise _bad("there are no rows to train on; answer questions, settle their outcomes and export the dataset")
    if questions < LEAST_QUESTIONS:
        raise _bad(f"{questions} different questions are too few; at least {LEAST_QUESTIONS} are needed")
    if answers < LEAST_ANSWERS:
        raise _bad(f"{len(train)} rows have only {answers} different answers; at least {LEAST_ANSWERS} are needed")


def _bad(message: str) -> Failure:
    return Failure(message, "data", final=True)
