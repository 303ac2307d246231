"""Rows of questions and answers, in the shapes people keep them."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hybrid_coordinator.domain.knowledge import Collection, Draft, Payload
from hybrid_coordinator.domain.trust import Origin
from hybrid_coordinator.logic.errors_in_text import looks_like_error
from hybrid_coordinator.logic.provenance import IMPORTS
from hybrid_coordinator.logic.purposes import first_sentence
from hybrid_coordinator.logic.redaction import redact
from hybrid_coordinator.logic.sections import code_blocks
from hybrid_coordinator.logic.splitting import passage_id
from hybrid_coordinator.logic.topics import name_topic

QUESTION_NAMES = ("question", "query", "q", "prompt")
ANSWER_NAMES = ("answer", "response", "a", "completion", "solution")
COLLECTIONS = (Collection.ERRORS, Collection.PRACTICES, Collection.SKILLS)
"""Where an answer may go."""
MAX_QUESTION = 10_000
MAX_ANSWER = 100_000
_VERIFIED_CONFIDENCE = 0.9
_CONFIDENCE = 0.5


@dataclass(frozen=True, slots=True)
class QuestionAnswer:
    """One question with its answer. `verified` says that somebody tried it."""

    question: str
    answer: str
    collection: Collection
    tags: tuple[str, ...] = ()
    verified: bool = False


def read_row(line: bytes) -> list[QuestionAnswer]:
    """The pairs of one JSON line: one under the names above, or each turn of a row of OpenAI `messages`.

    Raises ValueError with a reason for a person.
    """
    row = _load(line)
    pairs = list(_turns(row["messages"])) if "messages" in row else [_named_pair(row)]
    if not pairs:
        raise ValueError("messages hold no question of a user that is followed by an answer of an assistant")
    return [_checked(question, answer, row) for question, answer in pairs]


def _load(line: bytes) -> dict[str, Any]:
    try:
        row = json.loads(line.decode())
    except UnicodeDecodeError as error:
        raise ValueError(f"not UTF-8 at byte {error.start}") from error
    except RecursionError as error:
        raise ValueError("nested too deep") from error
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON: {error.msg} at column {error.colno}") from error
    match row:
        case dict():
            return row
        case _:
            raise ValueError(f"not a JSON object but {type(row).__name__}")


def _named_pair(row: Mapping[str, Any]) -> tuple[str, str]:
    return _text_under(row, QUESTION_NAMES), _text_under(row, ANSWER_NAMES)


def _text_under(row: Mapping[str, Any], names: Sequence[str]) -> str:
    for name in names:
        if row.get(name) is not None:
            return _text(row[name], name)
    raise ValueError(f"no field {' or '.join(map(repr, names))}")


def _text(value: Any, name: str) -> str:
    """A string, or the text parts of a list as chat messages have them."""
    if isinstance(value, list):
        value = "\n".join(
            part["text"] for part in value if isinstance(part, dict) and isinstance(part.get("text"), str)
        )
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{name!r} is empty or no text")
    return value.strip()


def _turns(messages: Any) -> Iterator[tuple[str, str]]:
    """What the user said last before each answer."""
    if not isinstance(messages, list) or not all(isinstance(message, dict) for message in messages):
        raise ValueError("'messages' is not a list of objects")
    asked = ""
    for message in messages:
        if message.get("role") == "user":
            asked = _text(message.get("content"), "content")
        elif message.get("role") == "assistant" and asked:
            yield asked, _text(message.get("content"), "content")
            asked = ""


def _checked(question: str, answer: str, row: Mapping[str, Any]) -> QuestionAnswer:
    if len(question) > MAX_QUESTION or len(answer) > MAX_ANSWER:
        raise ValueError(f"longer than {MAX_QUESTION:,} characters of question or {MAX_ANSWER:,} of answer")
    if "\0" in question or "\0" in answer:
        raise ValueError("holds a NUL character")
    return QuestionAnswer(question, answer, _collection(row, question), _tags(row), row.get("verified") is True)


def _collection(row: Mapping[str, Any], question: str) -> Collection:
    """Where the row wants to go; without a wish, errors go to the errors and all else to the practices."""
    wish = row.get("collection")
    if wish is None:
        return Collection.ERRORS if looks_like_error(question) else Collection.PRACTICES
    if wish not in COLLECTIONS:
        raise ValueError(f"collection {wish!r} is none of {', '.join(map(repr, map(str, COLLECTIONS)))}")
    return Collection(wish)


def _tags(row: Mapping[str, Any]) -> tuple[str, ...]:
    tags = row.get("tags", [])
    if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
        raise ValueError("'tags' is not a list of texts")
    return tuple(tags)


def answer_draft(pair: QuestionAnswer, source: str, origin: Origin = IMPORTS) -> Draft:
    """The pair as a passage. The id comes from the question, so that a corrected answer takes the old one's place."""
    asked = " ".join(pair.question.lower().split())
    return Draft(
        id=passage_id("answer", pair.collection, asked),
        collection=pair.collection,
        key=pair.question,
        text=f"{pair.question}\n\n{pair.answer}",
        payload={**_fields(pair), "tags": list(pair.tags), "origin": origin.value},
        source=source,
    )


def without_secrets(pair: QuestionAnswer) -> tuple[QuestionAnswer, Mapping[str, int]]:
    """The pair as it may be stored, and what was taken out of it."""
    question, answer = redact(pair.question), redact(pair.answer)
    clean = QuestionAnswer(question.text, answer.text, pair.collection, pair.tags, pair.verified)
    kinds = {**question.counts, **answer.counts}
    return clean, {kind: question.counts.get(kind, 0) + answer.counts.get(kind, 0) for kind in kinds}


def _fields(pair: QuestionAnswer) -> Payload:
    topic = name_topic(pair.question, pair.answer)
    if pair.collection is Collection.ERRORS:
        return {
            "error_message": pair.question,
            "error_type": topic,
            "solution": pair.answer,
            "solution_verified": pair.verified,
            "confidence_score": _VERIFIED_CONFIDENCE if pair.verified else _CONFIDENCE,
        }
    if pair.collection is Collection.SKILLS:
        said = first_sentence(pair.answer)
        return {"skill_name": pair.question, "description": said, "usage_pattern": pair.answer}
    examples = code_blocks(pair.answer)
    return {"category": topic, "title": pair.question, "description": pair.answer, "examples": examples}
