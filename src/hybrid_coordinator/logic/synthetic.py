"""Questions that nobody asked, to try out what this machine cannot do yet: only questions, never a fact.

A question may name no figure and no identifier that the examples do not name, so that nothing is asked about that does
not exist. What a model proposes is taken as text to be checked, like anything from outside.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hybrid_coordinator.domain.query import Prompt, Role, Turn
from hybrid_coordinator.logic.question_key import question_key
from hybrid_coordinator.logic.statements import names_in, numbers_in

Floats = NDArray[np.float32]

SYSTEM_PROMPT = "You write questions that users of a system might ask. You only write questions."
LONGEST_EXAMPLE = 300
MOST_QUOTED = 3
"""Examples in one prompt: a small model loses itself in more."""

SHORTEST, LONGEST = 12, 200
"""Characters of a question."""


@dataclass(frozen=True, slots=True)
class Angle:
    """A side from which any trouble can be asked about: what a model is told, how its question must begin (a regular
    expression), and what follows the trouble's own words where there is no model."""

    name: str
    asks: str
    beginning: str
    ending: str


ANGLES = (
    Angle("cause", "asks for the cause", "Why (is|are|does|do|has|have)", "what are the usual causes?"),
    Angle("fix", "asks how to fix it", "How (do|can) I (fix|solve|resolve|end)", "which steps solve it, in order?"),
    Angle("check", "asks what to check", "(Where|Which|What) (can|should|is|are)", "what should be checked first?"),
    Angle("verify", "asks how to verify the fix", "How do I (check|verify|see)", "how is it known to be solved?"),
    Angle("prevent", "asks how to prevent it", "How (do|can) I (prevent|avoid|stop)", "how can it be prevented?"),
)

_WORDS = r"( [A-Za-z-]{1,16}){3,16}\?"
"""What follows a beginning: words without figures, and not for ever."""


@dataclass(frozen=True, slots=True)
class SyntheticPolicy:
    """A question from `same` similarity on has been asked already; under `on_topic` to the nearest example it is about
    something else. A model that has said nothing whole after `time_limit_s` is not waited for."""

    same: float = 0.95
    on_topic: float = 0.5
    time_limit_s: float = 60.0
    max_tokens: int = 400


class Way(StrEnum):
    """Who made a question up."""

    MODEL = "model"
    TEMPLATE = "template"


@dataclass(frozen=True, slots=True)
class Proposal:
    """A question to ask. `similarity` is that to the nearest example, in [0, 1]."""

    question: str
    way: Way
    similarity: float


@dataclass(frozen=True, slots=True, eq=False)
class Draft:
    """A question with its unit vector, before it is chosen."""

    question: str
    way: Way
    vector: Floats


def questions_schema() -> Mapping[str, Any]:
    """One question from each angle. Its beginning is prescribed: a small model copies the examples otherwise."""
    questions = {angle.name: {"type": "string", "pattern": f"^{angle.beginning}{_WORDS}$"} for angle in ANGLES}
    return {"type": "object", "properties": questions, "required": list(questions)}


def questions_prompt(examples: Sequence[str], policy: SyntheticPolicy) -> Prompt:
    """Ask a model about the first examples from every angle. At temperature 0 the same examples give the same."""
    quoted = "\n".join(
        f"- {json.dumps(example[:LONGEST_EXAMPLE], ensure_ascii=False)}" for example in examples[:MOST_QUOTED]
    )
    wanted = "; ".join(f'"{angle.name}" {angle.asks}' for angle in ANGLES)
    asked = (
        f"Users reported:\n{quoted}\n\n"
        f"Write questions that these users ask about it: {wanted}. Mention nothing else. Answer with JSON."
    )
    return Prompt(
        (Turn(Role.USER, (asked,)),),
        system=SYSTEM_PROMPT,
        max_tokens=policy.max_tokens,
        temperature=0.0,
        schema=questions_schema(),
    )


def read_questions(text: str) -> list[str]:
    """The questions in a model's answer, in order; of one that is cut off or nonsense none."""
    try:
        told = json.loads(text)
    except ValueError:
        return []
    return [" ".join(one.split()) for one in told.values() if isinstance(one, str)] if isinstance(told, dict) else []


def ask_from_angles(examples: Iterable[str]) -> Iterator[str]:
    """The examples from each angle in turn, in their own words: what can be asked without any model."""
    subjects = [" ".join(example.split())[: LONGEST - 60].rstrip("?.! ") for example in examples]
    return (f"{subject}: {angle.ending}" for angle in ANGLES for subject in subjects if subject)


def is_sound(question: str, examples: Sequence[str]) -> bool:
    """Whether it is one question of a fit length that names nothing unheard of."""
    fits = SHORTEST <= len(question) <= LONGEST and question.endswith("?") and question.count("?") <= 2
    heard = "\n".join(examples)
    return fits and numbers_in(question) <= numbers_in(heard) and names_in(question) <= names_in(heard)


def choose_proposals(
    drafts: Sequence[Draft], examples: Floats, asked: Floats, count: int, policy: SyntheticPolicy
) -> list[Proposal]:
    """The first so many that are on the subject and neither asked already nor proposed before.

    `examples` and `asked` are rows of unit vectors; the examples count as asked.
    """
    taken = [*examples, *asked]
    chosen: dict[int, Proposal] = {}
    for draft in drafts:
        near = float(max(examples @ draft.vector, default=0.0))
        repeated = any(float(one @ draft.vector) >= policy.same for one in taken)
        key = question_key(draft.question)
        if len(chosen) < count and near >= policy.on_topic and not repeated and key not in chosen:
            taken.append(draft.vector)
            chosen[key] = Proposal(draft.question, draft.way, min(1.0, near))
    return list(chosen.values())
