"""What an interaction is worth to learn from: the value score of the users' "Continuous Learning System" document."""

import re
from dataclasses import dataclass

from hybrid_coordinator.domain.interaction import Outcome, OutcomeKind, ValueScore

SIMILAR_QUERY = 0.85
"""From this similarity on, an earlier query counts as the same question (reusability)."""

SIMILAR_PATTERN = 0.90
"""From this similarity on, a known pattern takes novelty away."""

_CODE_BLOCK = re.compile(r"```.*?(```|\Z)", re.DOTALL)
_STEP = re.compile(r"^\s*(?:\d+[.)]|step\s+\d+\b)", re.IGNORECASE | re.MULTILINE)
_FILE = re.compile(
    r"(?<![\w/])[\w./-]*\w\.(?:py|js|jsx|ts|tsx|go|rs|nix|sh|toml|ya?ml|json|md|c|h|cpp|java|conf|service)\b"
)
_COMMAND = re.compile(
    r"^\s*(?:\$ |sudo |apt |pip |npm |git |docker |podman |systemctl |nix|kubectl |curl |make\b)", re.MULTILINE
)


@dataclass(frozen=True, slots=True)
class ScoringPolicy:
    """The weights of the parts, which sum to 1, and the value from which an interaction is learned from."""

    outcome_weight: float = 0.40
    feedback_weight: float = 0.20
    reusability_weight: float = 0.20
    complexity_weight: float = 0.10
    novelty_weight: float = 0.10
    high_value_threshold: float = 0.7


@dataclass(frozen=True, slots=True)
class Neighbourhood:
    """What lies near an interaction: earlier queries at 0.85 or more, and the similarity of the nearest pattern."""

    similar_queries: int = 0
    nearest_pattern: float = 0.0


def score_value(response: str, outcome: Outcome, near: Neighbourhood, policy: ScoringPolicy) -> ValueScore:
    """The weighted sum of five parts, each in [0, 1]."""
    parts = {
        "outcome": outcome_quality(outcome),
        "feedback": feedback_quality(outcome),
        "reusability": reusability(near.similar_queries),
        "complexity": answer_complexity(response),
        "novelty": novelty(near.nearest_pattern),
    }
    weights = {
        "outcome": policy.outcome_weight,
        "feedback": policy.feedback_weight,
        "reusability": policy.reusability_weight,
        "complexity": policy.complexity_weight,
        "novelty": policy.novelty_weight,
    }
    total = sum(weights[name] * part for name, part in parts.items())
    return ValueScore(min(1.0, round(total, 6)), parts, weights)


def outcome_quality(outcome: Outcome) -> float:
    """1.0, 0.8 or 0.6 for a success within 3, 5 or more iterations; 0.4 partial; 0.2 failure."""
    if outcome.kind is OutcomeKind.PARTIAL:
        return 0.4
    if outcome.kind is OutcomeKind.FAILURE:
        return 0.2
    if outcome.iterations <= 3:
        return 1.0
    return 0.8 if outcome.iterations <= 5 else 0.6


def feedback_quality(outcome: Outcome) -> float:
    """1.0, 0.5 or 0.0 for what was said; when nothing was said, 0.8 for a copied answer and 0.6 for an edited one.

    The document's own code can never reach its implicit signals, because it takes silence for neutral feedback; here
    silence is told apart from it.
    """
    if outcome.user_feedback is not None:
        return {1: 1.0, 0: 0.5, -1: 0.0}[outcome.user_feedback]
    if outcome.copied:
        return 0.8
    return 0.6 if outcome.modified else 0.5


def reusability(similar_queries: int) -> float:
    """How often the like was asked before: 1.0 from five times, 0.7 from three, 0.5 from once, else 0.3."""
    if similar_queries >= 5:
        return 1.0
    if similar_queries >= 3:
        return 0.7
    return 0.5 if similar_queries >= 1 else 0.3


def answer_complexity(response: str) -> float:
    """0.3 for several steps, 0.2 for commands to run, 0.3 for more than three files, 0.2 for code with explanation."""
    prose = _CODE_BLOCK.sub("", response)
    has_code = "```" in response
    parts = (
        0.3 * (len(_STEP.findall(response)) > 1),
        0.2 * bool(_COMMAND.search(response)),
        0.3 * (len(set(_FILE.findall(response))) > 3),
        0.2 * (has_code and len(prose.split()) >= 8),
    )
    return min(1.0, sum(parts))


def novelty(nearest_pattern: float) -> float:
    """1.0 when no known pattern is at 0.90 or more, else what is missing to 1."""
    return 1.0 if nearest_pattern < SIMILAR_PATTERN else max(0.0, 1.0 - nearest_pattern)


def credit_for(kind: OutcomeKind) -> float:
    """What a passage earns for having been the context of an answer."""
    return {OutcomeKind.SUCCESS: 1.0, OutcomeKind.PARTIAL: 0.5, OutcomeKind.FAILURE: 0.0}[kind]


def success_rate(uses: int, credit: float) -> float:
    """(credit + 1) / (uses + 2): the mean of a Beta(1, 1) prior, so that the unknown stands at the documents' 0.5."""
    return (credit + 1.0) / (uses + 2.0)
