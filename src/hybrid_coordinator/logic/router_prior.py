"""How likely local is to suffice before any outcome is known: the decision tree, made finer by a question's size."""

import math
import re

from hybrid_coordinator.domain.evidence import Asked
from hybrid_coordinator.domain.query import Profile
from hybrid_coordinator.logic.complexity import estimate_complexity
from hybrid_coordinator.logic.routing import RoutingPolicy, local_bar, local_confidence

STEEPNESS = 2.5
"""What a step of 1 beyond the tree's bar counts, in logits."""

USUAL_WORDS = 20
SIZE_WEIGHT = 0.4
NUMBER_WEIGHT = 0.2

_NUMBER = re.compile(r"\d+")


def tree_confidence(asked: Asked) -> float:
    """What the tree says of a question at its default thresholds."""
    threshold = RoutingPolicy().local_confidence_threshold
    bar = local_bar(estimate_complexity(asked.text), Profile.DEFAULT, threshold)
    return local_confidence(_relevance(asked), bar, threshold)


def prior_confidence(asked: Asked) -> float:
    """In (0, 1). It falls with complexity, length and numbers and rises with what was found; no outcome has a say."""
    threshold = RoutingPolicy().local_confidence_threshold
    bar = local_bar(estimate_complexity(asked.text), Profile.DEFAULT, threshold)
    beyond = STEEPNESS * (_relevance(asked) - bar + threshold)
    size = SIZE_WEIGHT * math.log((1 + len(asked.text.split())) / (1 + USUAL_WORDS))
    numbers = NUMBER_WEIGHT * math.log1p(len(_NUMBER.findall(asked.text)))
    return 1.0 / (1.0 + math.exp(size + numbers - beyond))


def _relevance(asked: Asked) -> float:
    return max(asked.similarities.values(), default=0.0)
