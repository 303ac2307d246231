"""Which way of extracting is tried next: a bandit whose reward is how useful, later, what each way made turned out.

Each strategy's usefulness has a Beta posterior. Its prior is the share of its steps that held, as if seen on at most
`prior_weight` uses:

    k = min(tries, prior_weight)
    a = 1 + k · support + credit          b = 1 + k · (1 - support) + uses - credit
    sample = mean + deviation · Φ⁻¹(u)    u drawn for the interaction and the strategy

That is Thompson sampling (https://doi.org/10.1093/biomet/25.3-4.285) with a normal curve in place of the Beta, which
needs no chance but one number: the same interaction always gets the same strategy for the same counts.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist

from hybrid_coordinator.domain.learning import Learned, Uses
from hybrid_coordinator.logic.draws import draw

_NORMAL = NormalDist()
_EDGE = 1e-9


@dataclass(frozen=True, slots=True)
class StrategyRecord:
    """How a strategy fared. `tries` extractions kept the share `support` of their steps on average; answers with what
    it made were settled `uses` times and earned `credit` together, each in [0, 1]."""

    tries: int = 0
    support: float = 0.0
    uses: int = 0
    credit: float = 0.0


@dataclass(frozen=True, slots=True)
class Belief:
    """A Beta distribution of how useful a strategy is."""

    a: float
    b: float

    @property
    def mean(self) -> float:
        return self.a / (self.a + self.b)

    @property
    def deviation(self) -> float:
        total = self.a + self.b
        return math.sqrt(self.a * self.b / (total * total * (total + 1)))

    def sample(self, u: float) -> float:
        """The value at `u` in [0, 1), not cut to [0, 1]: what is cut could not be told apart."""
        return self.mean + self.deviation * _NORMAL.inv_cdf(min(max(u, _EDGE), 1 - _EDGE))


def believe(record: StrategyRecord, prior_weight: float) -> Belief:
    """What is known of a strategy."""
    known = min(record.tries, prior_weight)
    useful, useless = record.credit, record.uses - record.credit
    return Belief(1 + known * record.support + useful, 1 + known * (1 - record.support) + useless)


def rank_strategies(
    records: Mapping[str, StrategyRecord], strategies: Sequence[str], name: str, prior_weight: float
) -> list[str]:
    """The strategies for what has this name, the one to try first."""

    def sample(strategy: str) -> float:
        belief = believe(records.get(strategy, StrategyRecord()), prior_weight)
        return belief.sample(draw(f"strategy:{strategy}", name))

    return sorted(strategies, key=sample, reverse=True)


def tally(items: Sequence[Learned], uses: Mapping[str, Uses]) -> dict[str, StrategyRecord]:
    """How the strategies fared that made these items, or were tried for them."""
    records: dict[str, StrategyRecord] = {}
    for item in items:
        tried = str(item.draft.payload.get("strategy_tried", ""))
        if tried:
            records[tried] = _tried(records.get(tried, StrategyRecord()), float(item.draft.payload.get("support", 0.0)))
            made = records.get(item.strategy, StrategyRecord())
            treated = uses.get(item.id, Uses()).treated
            records[item.strategy] = replace(made, uses=made.uses + treated.uses, credit=made.credit + treated.credit)
    return records


def _tried(record: StrategyRecord, support: float) -> StrategyRecord:
    tries = record.tries + 1
    return replace(record, tries=tries, support=record.support + (support - record.support) / tries)
