"""Which of two answers to one question is better, where somebody or something has judged it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID, uuid5

from hybrid_coordinator.domain.interaction import REJECTED_TAG, Correction, Interaction, OutcomeKind, PreferencePair
from hybrid_coordinator.domain.knowledge import Payload
from hybrid_coordinator.domain.trust import may_teach
from hybrid_coordinator.logic.experiments import variant_of
from hybrid_coordinator.logic.redaction import redact
from hybrid_coordinator.logic.training_rows import utc_text, why_untaught, why_unteachable

CORRECTION, EDIT, REGENERATION, EXPERIMENT = "correction", "edit", "regeneration", "experiment"
"""Who judged: a person said what is right, or changed the answer; it was asked again; another variant did better."""


_PAIRS = UUID("3c1b5f0e-7a2d-5e66-9d0b-4b8e2c5a9f13")


@dataclass(frozen=True, slots=True)
class PreferencePolicy:
    """A question asked again in its session within `regeneration_s` seconds says what the first answer was worth.

    Outcomes of the last `look_back_days` are looked at when the process starts, later ones once each. Of a question
    that is asked very often the newest `most_alike` answers are compared.
    """

    regeneration_s: float = 600.0
    look_back_days: float = 30.0
    most_alike: int = 50
    batch: int = 100


def correction_pair(
    correction: Correction, interaction: Interaction, excluded: Mapping[str, str]
) -> PreferencePair | None:
    """What a person says is right, against what was answered. An edited answer is a correction tagged `edit`."""
    if correction.rating < 0 or not may_teach(correction.origin) or why_untaught(interaction, excluded):
        return None
    why = EDIT if EDIT in correction.tags else CORRECTION
    return _pair(interaction, correction.id, correction.correction, interaction, why, correction)


def judged_pairs(
    settled: Interaction, alike: Sequence[Interaction], excluded: Mapping[str, str], policy: PreferencePolicy
) -> list[PreferencePair]:
    """What the outcome of an answer says about other answers to its question; `alike` may hold itself."""
    others = [one for one in alike if one.id != settled.id and not why_untaught(one, excluded)]
    if why_untaught(settled, excluded):
        return []
    return [*_regenerated(settled, others, policy), *_contested(settled, others)]


def _regenerated(settled: Interaction, others: Iterable[Interaction], policy: PreferencePolicy) -> list[PreferencePair]:
    """The last answer before it in the session, which did not do."""
    if not settled.session_id or not is_good(settled):
        return []
    before = [one for one in others if _asked_again(one, settled, policy)]
    last = max(before, key=lambda one: (one.created_at, one.id), default=None)
    if last is None or is_good(last):
        return []
    return _present(_pair(settled, settled.id, settled.response, last, REGENERATION, settled))


def _asked_again(first: Interaction, again: Interaction, policy: PreferencePolicy) -> bool:
    later = timedelta() <= again.created_at - first.created_at <= timedelta(seconds=policy.regeneration_s)
    return later and first.session_id == again.session_id and REJECTED_TAG not in first.tags


def _contested(settled: Interaction, others: Iterable[Interaction]) -> list[PreferencePair]:
    """Answers of other variants whose outcome was the opposite."""
    variant = variant_of(settled)
    rivals = [one for one in others if variant and variant_of(one) not in ("", variant)]
    if is_good(settled):
        pairs = [
            _pair(settled, settled.id, settled.response, one, EXPERIMENT, settled) for one in rivals if is_bad(one)
        ]
    elif is_bad(settled):
        pairs = [_pair(one, one.id, one.response, settled, EXPERIMENT, one) for one in rivals if is_good(one)]
    else:
        pairs = []
    return [pair for one in pairs for pair in _present(one)]


def is_good(interaction: Interaction) -> bool:
    """A success that nobody disliked."""
    outcome = interaction.outcome
    return outcome is not None and outcome.kind is OutcomeKind.SUCCESS and outcome.user_feedback != -1


def is_bad(interaction: Interaction) -> bool:
    """A failure, or an answer that somebody disliked."""
    outcome = interaction.outcome
    return outcome is not None and (outcome.kind is OutcomeKind.FAILURE or outcome.user_feedback == -1)


def _pair(
    asked: Interaction, chosen_id: str, chosen: str, rejected: Interaction, why: str, judge: Interaction | Correction
) -> PreferencePair | None:
    """A pair with the same id whenever it is found."""
    if chosen.strip() == rejected.response.strip() or why_unteachable(asked.query, chosen):
        return None
    return PreferencePair(
        id=str(uuid5(_PAIRS, f"{why}\0{chosen_id}\0{rejected.id}")),
        created_at=judge.created_at,
        prompt=redact(asked.query).text,
        chosen=redact(chosen).text,
        rejected=redact(rejected.response).text,
        why=why,
        chosen_id=chosen_id,
        rejected_id=rejected.id,
    )


def _present(pair: PreferencePair | None) -> list[PreferencePair]:
    return [] if pair is None else [pair]


def why_unpaired(pair: PreferencePair, halves: Mapping[str, Interaction], excluded: Mapping[str, str]) -> str:
    """Why a pair that was kept is not exported; "" when it is. `halves` are its interactions that exist, by id."""
    for known in (halves[one] for one in (pair.chosen_id, pair.rejected_id) if one in halves):
        if reason := why_untaught(known, excluded):
            return reason
    chosen, rejected = halves.get(pair.chosen_id), halves.get(pair.rejected_id)
    if rejected is None or (chosen is None and pair.why not in (CORRECTION, EDIT)):
        return "without its interactions"
    if (chosen is not None and is_bad(chosen)) or (chosen is not None and is_good(rejected)):
        return "judged otherwise since"
    return why_unteachable(pair.prompt, pair.chosen) or why_unteachable(pair.prompt, pair.rejected)


def pair_json(pair: PreferencePair) -> Payload:
    """The pair in the form of the users' "Continuous Learning System" document, redacted once more."""
    return {
        "prompt": redact(pair.prompt).text,
        "chosen": redact(pair.chosen).text,
        "rejected": redact(pair.rejected).text,
        "metadata": {
            "pair_id": pair.id,
            "why": pair.why,
            "chosen_id": pair.chosen_id,
            "rejected_id": pair.rejected_id,
            "timestamp": utc_text(pair.created_at),
        },
    }
