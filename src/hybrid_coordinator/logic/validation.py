"""Whether an answer can be trusted, as far as its text, its form and its passages can tell."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from hybrid_coordinator.domain.knowledge import Passage
from hybrid_coordinator.domain.query import Completion, Prompt, Role, StopReason
from hybrid_coordinator.logic.call_checks import find_call_fault, find_json_fault
from hybrid_coordinator.logic.contradictions import find_contradiction
from hybrid_coordinator.logic.fences import ends_in_code
from hybrid_coordinator.logic.refusals import find_refusal
from hybrid_coordinator.logic.repetition import find_loop
from hybrid_coordinator.logic.words import words_of

SHORTEST_ECHO = 4
"""Words; shorter questions such as "True or false?" may well be answered in their own words."""


class FlawKind(StrEnum):
    """What can be wrong with an answer."""

    EMPTY = "empty"
    TRUNCATED = "truncated"
    REFUSAL = "refusal"
    BAD_TOOL_CALL = "bad_tool_call"
    BAD_JSON = "bad_json"
    REPETITION = "repetition"
    ECHO = "echo"
    CONTRADICTION = "contradiction"
    LOW_CONFIDENCE = "low_confidence"


@dataclass(frozen=True, slots=True)
class Flaw:
    """Why an answer is not trusted; `why` is a clause that a person would accept."""

    kind: FlawKind
    why: str


@dataclass(frozen=True, slots=True)
class ValidationPolicy:
    """What is held against an answer.

    `min_confidence` is low on purpose: of 85 right answers of SmolLM2 none was under 0.31, of 25 wrong ones five were,
    and above that they overlap (docs/lab.md). 0 turns it off.
    """

    min_confidence: float = 0.3
    check_contradictions: bool = True


def check_answer(
    prompt: Prompt,
    completion: Completion,
    passages: Sequence[Passage],
    policy: ValidationPolicy,
    *,
    limit_is_ours: bool = False,
) -> Flaw | None:
    """The first flaw found, or None. `passages` are those that the prompt was grounded in.

    An answer as long as `prompt.max_tokens` is what the asker wanted, unless that limit is ours.
    """
    case = _Case(prompt, completion, passages, policy, limit_is_ours)
    return next((Flaw(kind, why) for kind, check in _CHECKS if (why := check(case))), None)


@dataclass(frozen=True, slots=True)
class _Case:
    """An answer and everything it is judged by."""

    prompt: Prompt
    completion: Completion
    passages: Sequence[Passage]
    policy: ValidationPolicy
    limit_is_ours: bool

    @property
    def text(self) -> str:
        return self.completion.text.strip()

    @property
    def is_prose(self) -> bool:
        """Not a tool call and not JSON that was asked for: what words alone may be judged in."""
        return not self.completion.calls and self.prompt.schema is None


def _find_void(case: _Case) -> str | None:
    return None if case.text or case.completion.calls else "it said nothing"


def _find_cut(case: _Case) -> str | None:
    stop, said = case.completion.finished.stop, case.completion.finished.usage.output_tokens
    if stop is StopReason.LENGTH and case.limit_is_ours:
        return "it was cut at a limit that the asker did not set"
    if stop is StopReason.LENGTH and 0 < said < case.prompt.max_tokens:
        return f"it was cut after {said:,} tokens, where the context was full"
    return "it ends in the middle of a code block" if ends_in_code(case.text) else None


def _find_refusal(case: _Case) -> str | None:
    if case.completion.finished.stop is StopReason.REFUSED:
        return "the model refused"
    return find_refusal(case.text) if case.is_prose else None


def _find_bad_call(case: _Case) -> str | None:
    return find_call_fault(case.prompt, case.completion)


def _find_bad_json(case: _Case) -> str | None:
    if case.prompt.schema is None or case.completion.calls:
        return None
    return find_json_fault(case.prompt.schema, case.text)


def _find_loop(case: _Case) -> str | None:
    return find_loop(case.text) if case.is_prose else None


def _find_echo(case: _Case) -> str | None:
    question = next((turn.text for turn in reversed(case.prompt.turns) if turn.role is Role.USER), "")
    last_line = question.strip().splitlines()[-1:]
    asked = words_of(" ".join(last_line))
    if not case.is_prose or len(asked) < SHORTEST_ECHO or words_of(case.text) not in (asked, words_of(question)):
        return None
    return "it only says the question again"


def _find_contradiction(case: _Case) -> str | None:
    if not case.policy.check_contradictions or not case.is_prose:
        return None
    asked = "\n".join(_said(case.prompt))
    return find_contradiction(case.text, [passage.text for passage in case.passages], asked)


def _said(prompt: Prompt) -> Iterator[str]:
    yield prompt.system
    yield from (turn.text for turn in prompt.turns)


def _find_guess(case: _Case) -> str | None:
    confidence = case.completion.finished.confidence
    if confidence is None or confidence >= case.policy.min_confidence:
        return None
    return f"its own confidence was {confidence:.2f}, under {case.policy.min_confidence:.2f}"


_CHECKS: Sequence[tuple[FlawKind, Callable[[_Case], str | None]]] = (
    (FlawKind.EMPTY, _find_void),
    (FlawKind.REFUSAL, _find_refusal),
    (FlawKind.BAD_TOOL_CALL, _find_bad_call),
    (FlawKind.BAD_JSON, _find_bad_json),
    (FlawKind.REPETITION, _find_loop),
    (FlawKind.TRUNCATED, _find_cut),
    (FlawKind.ECHO, _find_echo),
    (FlawKind.CONTRADICTION, _find_contradiction),
    (FlawKind.LOW_CONFIDENCE, _find_guess),
)
"""In the order in which they are told: a loop that ran into a limit is a loop."""
