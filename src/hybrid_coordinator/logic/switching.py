"""Whether a session leaves its model: what a prompt cache would cost to build again, against what leaving saves.

Prices of a prompt cache, as shares of the input price, are those of Anthropic's list
(https://docs.anthropic.com/en/docs/build-with-claude/prompt-caching): reading 0.1, writing 1.25, kept for 5 minutes.
Vendors that cache by themselves charge nothing for writing, so for them the loss is overstated.
"""

from dataclasses import dataclass

from hybrid_coordinator.domain.route import Location, ModelCard

READ_SHARE = 0.1
WRITE_SHARE = 1.25
KEPT_S = 300.0

USUAL_ANSWER_TOKENS = 400
"""What an answer is taken to be long, before it is known."""


@dataclass(frozen=True, slots=True)
class Stay:
    """Where a session is: its model, and how much of its prompt that model's vendor had in a cache `age_s` ago."""

    card: ModelCard
    cached_tokens: int
    age_s: float


@dataclass(frozen=True, slots=True)
class Bargain:
    """What leaving a model would save and lose, in micro-dollars."""

    saved: float
    lost: float

    @property
    def worth_it(self) -> bool:
        return self.saved > self.lost


def weigh_switch(stay: Stay, to: ModelCard, prompt_tokens: int, confidence: float) -> Bargain:
    """Compare one answer by `to` with one by the session's model.

    `confidence` is the probability that the other answer suffices: one that does not is paid for twice.
    """
    cached = stay.cached_tokens if stay.age_s < KEPT_S else 0
    here = _cost(stay.card, prompt_tokens, cached)
    there = _cost(to, prompt_tokens, 0)
    lost = cached * stay.card.input_price * (WRITE_SHARE - READ_SHARE) / 1e6
    return Bargain(saved=confidence * here - there, lost=lost)


def _cost(card: ModelCard, prompt_tokens: int, cached_tokens: int) -> float:
    if card.location is Location.LOCAL:
        return 0.0
    fresh = max(0, prompt_tokens - cached_tokens)
    read = cached_tokens * READ_SHARE + fresh
    return (read * card.input_price + USUAL_ANSWER_TOKENS * card.output_price) / 1e6
