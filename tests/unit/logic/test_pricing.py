"""What remote answers cost, by the list of prices that is shipped."""

import math
from datetime import UTC, datetime

import genai_prices
import pytest

from hybrid_coordinator.domain.query import Usage
from hybrid_coordinator.logic.pricing import find_price, price_usage

MILLION = 1_000_000

NOW = datetime(2026, 11, 21, 12, 30, tzinfo=UTC)


def test_without_a_prompt_cache_the_list_price_is_paid() -> None:
    input_price, output_price = find_price("claude-sonnet-4-5") or (0, 0)

    cost = price_usage("claude-sonnet-4-5", Usage(10_000, 2_000), NOW)

    assert cost == (10_000 * input_price + 2_000 * output_price) // MILLION


def test_reading_a_prompt_cache_is_cheap_and_writing_it_dear() -> None:
    plain = price_usage("claude-sonnet-4-5", Usage(10_000, 0), NOW)
    read = price_usage("claude-sonnet-4-5", Usage(10_000, 0, cache_read_tokens=10_000), NOW)
    written = price_usage("claude-sonnet-4-5", Usage(10_000, 0, cache_write_tokens=10_000), NOW)

    assert (read, plain, written) == (3_000, 30_000, 37_500)


def test_no_use_is_free_by_rounding() -> None:
    assert price_usage("claude-sonnet-4-5", Usage(1, 0, cache_read_tokens=1), NOW) == 1


def test_a_model_that_is_not_on_the_list_costs_nothing_that_is_known() -> None:
    assert price_usage("no-such-model", Usage(10, 10), NOW) == 0


@pytest.mark.parametrize("usage", [Usage(100, 1, 900, 0), Usage(100, 1, 60, 60), Usage(0, 0, 5, 5)])
def test_counts_that_contradict_each_other_are_priced_as_far_as_they_go(usage: Usage) -> None:
    cost = price_usage("claude-sonnet-4-5", usage, NOW)

    assert 0 <= cost <= 1_000


@pytest.mark.parametrize("model", ["claude-sonnet-4-5", "gpt-4o", "gemini-2.5-pro", "deepseek-chat", "claude-opus-4-5"])
@pytest.mark.parametrize("usage", [Usage(7, 3), Usage(900, 50, 800, 90), Usage(350_000, 9_000, 200_000, 50_000)])
def test_what_is_multiplied_is_what_the_list_gives(model: str, usage: Usage) -> None:
    counted = genai_prices.Usage(
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cache_read_tokens=usage.cache_read_tokens,
        cache_write_tokens=usage.cache_write_tokens,
    )
    listed = genai_prices.calc_price(counted, model_ref=model, genai_request_timestamp=NOW).total_price

    assert price_usage(model, usage, NOW) == math.ceil(listed * MILLION)
