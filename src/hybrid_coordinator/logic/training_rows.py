"""Fine-tuning rows in the OpenAI chat format, and why something does not become one."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID, uuid5

from hybrid_coordinator.domain.interaction import UNRECORDED_TAG, Correction, Interaction, OutcomeKind
from hybrid_coordinator.domain.knowledge import Payload
from hybrid_coordinator.domain.learning import Learned
from hybrid_coordinator.domain.trust import Origin, may_teach
from hybrid_coordinator.logic.grounding import SYSTEM_PROMPT
from hybrid_coordinator.logic.patterns import find_tags
from hybrid_coordinator.logic.question_key import question_key
from hybrid_coordinator.logic.redaction import redact
from hybrid_coordinator.logic.screening import screen

IMPORT = "import"
"""The strategy of what was read from documents, and the backend that its rows name."""

LONGEST_ROW = 32_000
"""Characters of a question or an answer: no model that is tuned here reads more."""

_ROWS = UUID("7a0c3e52-93f4-5b1c-8a55-2f1f6a6f7d01")


@dataclass(frozen=True, slots=True)
class TrainingRow:
    """A question with the answer that a model is to learn.

    `source_id` is the interaction, correction or learned thing it was made of, `interaction_id` the interaction, if
    any. `standing` orders rows that say the same: a person's correction stands above any value in [0, 1]. `ties` name
    what binds rows together: its session, the learned things it rests on. `redacted` counts what was taken out now.
    """

    question: str
    answer: str
    source_id: str
    at: datetime
    backend: str
    standing: float
    origin: Origin
    channel: str = ""
    interaction_id: str | None = None
    value: float | None = None
    iterations: int = 1
    tags: tuple[str, ...] = ()
    ties: tuple[str, ...] = ()
    pattern: str = ""
    place: str = ""
    redacted: Mapping[str, int] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """The same for the same question and answer, wherever they come from."""
        return str(uuid5(_ROWS, f"{self.question}\0{self.answer}"))


CORRECTION_STANDING = 3.0
VERIFIED_STANDING = 2.0


def why_unfit(interaction: Interaction, least_value: float, excluded: Mapping[str, str]) -> str:
    """Why nothing may be trained on an interaction; "" when something may."""
    reason = why_untaught(interaction, excluded)
    outcome = interaction.outcome
    if reason:
        return reason
    if outcome is None or outcome.kind is not OutcomeKind.SUCCESS or outcome.user_feedback == -1:
        return "no success"
    if interaction.value is None or interaction.value.total < least_value:
        return "worth too little"
    return ""


def why_untaught(interaction: Interaction, excluded: Mapping[str, str]) -> str:
    """Why an interaction teaches nothing whatever became of it; "" when it does."""
    checks: Mapping[str, Callable[[], bool]] = {
        UNRECORDED_TAG: lambda: UNRECORDED_TAG in interaction.tags,
        "excluded": lambda: interaction.id in excluded,
        "cut short": lambda: interaction.failure is not None or not interaction.response.strip(),
        "untrusted origin": lambda: not may_teach(interaction.origin),
    }
    return next((reason for reason, holds in checks.items() if holds()), "")


def why_unteachable(question: str, answer: str) -> str:
    """Why a question with its answer makes no row, by its words alone; "" when it does."""
    if not question_key(question):
        return "question without telling words"
    if not answer.strip():
        return "cut short"
    if max(len(question), len(answer)) > LONGEST_ROW:
        return "too long"
    return "screened" if screen(f"{question}\n\n{answer}") else ""


def interaction_row(interaction: Interaction, learned: tuple[Learned, ...]) -> TrainingRow:
    """The row of a valuable interaction; `learned` are the things it was answered with, and those made of it."""
    made = next((item for item in learned if interaction.id in item.learned_from), None)
    session = (f"session:{interaction.session_id}",) if interaction.session_id else ()
    value = interaction.value.total if interaction.value else None
    return _without_secrets(
        TrainingRow(
            question=interaction.query,
            answer=interaction.response,
            source_id=interaction.id,
            at=interaction.created_at,
            backend=interaction.model_used,
            standing=value or 0.0,
            origin=interaction.origin,
            channel=interaction.channel,
            interaction_id=interaction.id,
            value=value,
            iterations=interaction.outcome.iterations if interaction.outcome else 1,
            tags=interaction.tags,
            ties=(*session, *(f"learned:{item.id}" for item in learned)),
            pattern=str(made.draft.payload.get("skill_name") or made.id) if made else "",
        )
    )


def correction_row(correction: Correction, corrected: Interaction | None) -> TrainingRow:
    """The row of what a person says is right."""
    session = (f"session:{corrected.session_id}",) if corrected and corrected.session_id else ()
    return _without_secrets(
        TrainingRow(
            question=correction.query,
            answer=correction.correction,
            source_id=correction.id,
            at=correction.created_at,
            backend="correction",
            standing=CORRECTION_STANDING,
            origin=correction.origin,
            channel="correction",
            interaction_id=correction.interaction_id,
            tags=correction.tags,
            ties=(*session, f"learned:{correction.id}"),
        )
    )


def imported_row(item: Learned) -> TrainingRow:
    """The row of a question that a document answers."""
    question = item.draft.key
    return _without_secrets(
        TrainingRow(
            question=question,
            answer=item.draft.text.removeprefix(question).strip(),
            source_id=item.id,
            at=item.created_at,
            backend=IMPORT,
            standing=VERIFIED_STANDING if item.draft.payload.get("verified") else 0.0,
            origin=item.origin,
            channel=IMPORT,
            tags=tuple(item.draft.payload.get("tags", ())),
            ties=(f"learned:{item.id}",),
            place=item.draft.source,
        )
    )


def _without_secrets(row: TrainingRow) -> TrainingRow:
    """Once more on the way out: a rule may be younger than the record."""
    question, answer = redact(_writable(row.question)), redact(_writable(row.answer))
    counts = Counter(question.counts) + Counter(answer.counts)
    return replace(row, question=question.text.strip(), answer=answer.text.strip(), redacted=dict(counts))


def _writable(text: str) -> str:
    """What UTF-8 cannot say becomes a question mark."""
    return text.encode("utf-8", "replace").decode()


def row_json(row: TrainingRow) -> Payload:
    """The row with the metadata fields of the users' "Continuous Learning System" document, and where it came from."""
    tags = find_tags(row.question)
    return {
        "messages": [
            {"role": "system", "content": SYSTEM_PROMPT},
            {"role": "user", "content": row.question},
            {"role": "assistant", "content": row.answer},
        ],
        "metadata": {
            "pattern_id": row.pattern or "_".join(tags),
            "value_score": row.value,
            "iterations": row.iterations,
            "backend": row.backend,
            "timestamp": utc_text(row.at),
            "tags": list(dict.fromkeys((*tags, *row.tags))),
            "row_id": row.id,
            "interaction_id": row.interaction_id,
            "source_id": row.source_id,
            "origin": row.origin.value,
            "channel": row.channel,
            "place": row.place,
        },
    }


def utc_text(at: datetime) -> str:
    """`2026-01-09T10:30:00Z`."""
    return at.isoformat().replace("+00:00", "Z")
