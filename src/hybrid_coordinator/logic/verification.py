"""Whether an answer that no person judged may be learned from.

Nothing may be wrong with it as far as its text can tell, a second answer to the same question has to agree with it,
and the figures and identifiers it names have to stand in that answer, in the passages it was grounded in or in the
question. A model that errs the same way twice is not found out.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from hybrid_coordinator.domain.interaction import AgentType, Interaction
from hybrid_coordinator.domain.knowledge import Passage, Vector
from hybrid_coordinator.domain.query import Completion, Finished, Prompt, Role, Speciality, StopReason, Turn, Usage
from hybrid_coordinator.logic.agreement import AgreementPolicy, Candidate, choose_by_agreement
from hybrid_coordinator.logic.statements import names_in, numbers_in
from hybrid_coordinator.logic.validation import ValidationPolicy, check_answer


@dataclass(frozen=True, slots=True)
class VerificationPolicy:
    """How far two answers have to agree, and what share of the facts of the first has to be backed, in [0, 1] each."""

    min_agreement: float = 0.85
    min_backed: float = 0.8


@dataclass(frozen=True, slots=True)
class Verification:
    """Whether the first answer may be learned from, how far the second agrees with it, in [0, 1], and why."""

    verified: bool
    agreement: float
    why: str


@dataclass(frozen=True, slots=True)
class Answer:
    """A recorded answer, the unit vector of its text, and the passages it was grounded in."""

    record: Interaction
    vector: Vector
    passages: Sequence[Passage]


def verify(first: Answer, second: Answer, max_tokens: int, policy: VerificationPolicy) -> Verification:
    """Judge the first of two answers to one question. Both were asked for with at most `max_tokens`."""
    for answer in (first, second):
        if why := _find_flaw(answer, max_tokens):
            return Verification(False, 0.0, why)
    verdict = choose_by_agreement(
        [
            Candidate(name, Speciality.GENERAL, answer.record.response, answer.vector)
            for name, answer in (("the first answer", first), ("the second answer", second))
        ],
        Speciality.GENERAL,
        AgreementPolicy(policy.min_agreement),
    )
    if not verdict.trusted:
        why = f"the two answers agree at {verdict.agreement:.2f}, under {policy.min_agreement:.2f}"
        return Verification(False, verdict.agreement, why)
    backed = _backed(first, second)
    if backed < policy.min_backed:
        return Verification(False, verdict.agreement, f"only {backed:.0%} of the facts that it names are backed")
    return Verification(True, verdict.agreement, f"two answers agree at {verdict.agreement:.2f}")


def _find_flaw(answer: Answer, max_tokens: int) -> str | None:
    record = answer.record
    if record.agent_type is not AgentType.REMOTE:
        return f"{record.model_used!r} is a local model, and it is local models that are to learn"
    cut = record.output_tokens >= max_tokens
    usage = Usage(record.input_tokens, record.output_tokens)
    finished = Finished(record.model_used, usage, StopReason.LENGTH if cut else StopReason.END)
    prompt = Prompt((Turn(Role.USER, (record.query,)),), max_tokens=max_tokens)
    completion = Completion(record.response, finished)
    flaw = check_answer(prompt, completion, answer.passages, ValidationPolicy(), limit_is_ours=True)
    return flaw.why if flaw else None


def _backed(first: Answer, second: Answer) -> float:
    named = _facts(first.record.response)
    if not named:
        return 1.0
    told = (second.record.response, first.record.query, *(passage.text for passage in first.passages))
    return len(named & _facts("\n".join(told))) / len(named)


def _facts(text: str) -> frozenset[str]:
    return numbers_in(text) | names_in(text)
