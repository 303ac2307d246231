"""What remote answers cost, by the list of prices that is shipped."""

import pytest

from hybrid_coordinator.domain.query import Usage
from hybrid_coordinator.logic.pricing import find_price, price_usage

MILLION = 1_000_000


def test_without_a_prompt_cache_the_list_price_is_paid() -> None:
    input_price, output_price = find_price("claude-sonnet-4-5") or (0, 0)

    cost = price_usage("claude-sonnet-4-5", Usage(10_000, 2_000))

    assert cost == (10_000 * input_price + 2_000 * output_price) // MILLION


def test_reading_a_prompt_cache_is_cheap_and_writing_it_dear() -> None:
    plain = price_usage("claude-sonnet-4-5", Usage(10_000, 0))
    read = price_usage("claude-sonnet-4-5", Usage(10_000, 0, cache_read_tokens=10_000))
    written = price_usage("claude-sonnet-4-5", Usage(10_000, 0, cache_write_tokens=10_000))

    assert (read, plain, written) == (3_000, 30_000, 37_500)


def test_no_use_is_free_by_rounding() -> None:
    assert price_usage("claude-sonnet-4-5", Usage(1, 0, cache_read_tokens=1)) == 1


def test_a_model_that_is_not_on_the_list_costs_nothing_that_is_known() -> None:
    assert price_usage("no-such-model", Usage(10, 10)) == 0


@pytest.mark.parametrize("usage", [Usage(100, 1, 900, 0), Usage(100, 1, 60, 60), Usage(0, 0, 5, 5)])
def test_counts_that_contradict_each_other_are_priced_as_far_as_they_go(usage: Usage) -> None:
    cost = price_usage("claude-sonnet-4-5", usage)

    assert 0 <= cost <= 1_000
