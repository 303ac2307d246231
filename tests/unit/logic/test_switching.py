"""Leaving a session's model is weighed in money."""

import pytest

from hybrid_coordinator.domain.route import Location, ModelCard
from hybrid_coordinator.logic.switching import KEPT_S, USUAL_ANSWER_TOKENS, Stay, weigh_switch

HOME = ModelCard("home", Location.LOCAL)
DEAR = ModelCard("dear", Location.REMOTE, input_price=3_000_000, output_price=15_000_000)
CHEAP = ModelCard("cheap", Location.REMOTE, input_price=300_000, output_price=1_500_000)


def test_going_home_saves_what_the_answer_would_cost_and_loses_the_cache() -> None:
    bargain = weigh_switch(Stay(DEAR, 10_000, 0.0), HOME, 12_000, confidence=1.0)

    assert bargain.saved == pytest.approx((10_000 * 0.1 + 2_000) * 3 + USUAL_ANSWER_TOKENS * 15)
    assert bargain.lost == pytest.approx(10_000 * 3 * (1.25 - 0.1))
    assert not bargain.worth_it


def test_a_cache_that_is_gone_is_no_reason_to_stay() -> None:
    kept = weigh_switch(Stay(DEAR, 10_000, KEPT_S - 1), HOME, 12_000, confidence=1.0)
    gone = weigh_switch(Stay(DEAR, 10_000, KEPT_S), HOME, 12_000, confidence=1.0)

    assert (kept.worth_it, gone.worth_it) == (False, True)
    assert gone.lost == 0


def test_the_less_likely_home_suffices_the_less_is_saved() -> None:
    saved = [weigh_switch(Stay(DEAR, 0, 0.0), HOME, 1_000, confidence).saved for confidence in (1.0, 0.5, 0.0)]

    assert saved == sorted(saved, reverse=True)
    assert saved[-1] == 0


def test_a_dearer_model_saves_nothing() -> None:
    assert not weigh_switch(Stay(CHEAP, 0, 0.0), DEAR, 1_000, confidence=1.0).worth_it


def test_more_in_the_cache_than_in_the_prompt_costs_no_less_than_reading_it() -> None:
    bargain = weigh_switch(Stay(DEAR, 10_000, 0.0), HOME, 0, confidence=1.0)

    assert bargain.saved == pytest.approx(10_000 * 0.1 * 3 + USUAL_ANSWER_TOKENS * 15)
