"""The bandit finds the better way, and sticks to what it chose for an interaction."""

from dataclasses import replace
from datetime import UTC, datetime

from hybrid_coordinator.domain.knowledge import Collection, Draft
from hybrid_coordinator.domain.learning import Arm, Learned, Stage, Uses
from hybrid_coordinator.domain.trust import Origin
from hybrid_coordinator.logic.draws import draw
from hybrid_coordinator.logic.strategies import StrategyRecord, believe, rank_strategies, tally

USEFULNESS = {"extract_skill_v1": 0.5, "extract_skill_v2": 0.6, "extract_skill_v3": 0.55, "extractive": 0.8}
TURNS = 2_000


def simulate(seed: int) -> list[str]:
    """What was chosen when each choice is settled at once, by chance, at the usefulness of its strategy."""
    records = {name: StrategyRecord() for name in USEFULNESS}
    chosen = []
    for turn in range(TURNS):
        name = rank_strategies(records, list(USEFULNESS), f"{seed}-{turn}", prior_weight=4)[0]
        credit = float(draw("world", f"{seed}-{turn}-{name}") < USEFULNESS[name])
        was = records[name]
        records[name] = replace(was, tries=was.tries + 1, support=0.7, uses=was.uses + 1, credit=was.credit + credit)
        chosen.append(name)
    return chosen


def mean_regret(chosen: list[str]) -> float:
    return sum(max(USEFULNESS.values()) - USEFULNESS[name] for name in chosen) / len(chosen)


def test_the_better_strategy_is_found_and_regret_falls() -> None:
    runs = [simulate(seed) for seed in range(6)]

    shares = [run[-500:].count("extractive") / 500 for run in runs]
    early = mean_regret([name for run in runs for name in run[:200]])
    late = mean_regret([name for run in runs for name in run[-500:]])
    assert min(shares) > 0.7
    assert late < early / 3


def test_the_same_interaction_gets_the_same_strategy() -> None:
    records = {"extractive": StrategyRecord(uses=3, credit=2.0)}

    assert rank_strategies(records, list(USEFULNESS), "one", 4) == rank_strategies(records, list(USEFULNESS), "one", 4)
    assert len({rank_strategies({}, list(USEFULNESS), str(number), 4)[0] for number in range(50)}) == len(USEFULNESS)


def test_support_is_a_prior_that_use_outweighs() -> None:
    held = believe(StrategyRecord(tries=100, support=1.0), prior_weight=4)
    unused = believe(StrategyRecord(), prior_weight=4)
    useless = believe(StrategyRecord(tries=100, support=1.0, uses=40, credit=4.0), prior_weight=4)

    assert useless.mean < unused.mean == 0.5 < held.mean
    assert held.deviation > useless.deviation


def item(name: str, strategy: str, tried: str, support: float) -> Learned:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    draft = Draft(name, Collection.SKILLS, name, name, {"strategy_tried": tried, "support": support})
    return Learned(name, Stage.CANDIDATE, draft, Origin.MODEL_INFERENCE, (name,), strategy, at, at)


def test_a_fallback_counts_against_what_was_tried_and_its_use_for_what_made_it() -> None:
    items = [item("a", "extract_skill_v1", "extract_skill_v1", 1.0), item("b", "extractive", "extract_skill_v1", 0.0)]
    uses = {"a": Uses(treated=Arm(uses=2, credit=1.0)), "b": Uses(treated=Arm(uses=4, credit=4.0))}

    records = tally(items, uses)

    assert records["extract_skill_v1"] == StrategyRecord(tries=2, support=0.5, uses=2, credit=1.0)
    assert records["extractive"] == StrategyRecord(uses=4, credit=4.0)


def test_what_was_made_in_other_ways_is_not_counted() -> None:
    assert tally([replace(item("a", "error_fix", "", 0.0))], {}) == {}
