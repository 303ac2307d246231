"""What remote models cost, from the price list that the package `genai-prices` ships (nothing is fetched)."""

import math
from decimal import Decimal

import genai_prices
from genai_prices import calc_price

from hybrid_coordinator.domain.query import Usage

_SAMPLE = 1_000
"""Tokens priced at a time: small enough to stay on the first tier of a list that charges more for long prompts."""


def find_price(model: str) -> tuple[int, int] | None:
    """Micro-dollars per million input and output tokens at the list price, or None for a model the list lacks."""
    try:
        price = calc_price(genai_prices.Usage(input_tokens=_SAMPLE, output_tokens=_SAMPLE), model_ref=model)
    except LookupError:
        return None
    return _micro_dollars(price.input_price), _micro_dollars(price.output_price)


def price_usage(model: str, usage: Usage) -> int:
    """Micro-dollars for an answer, rounded up: what a prompt cache gave and took at its own price, and long prompts at
    theirs. 0 for a model that the list lacks, as for any other whose price is unknown.

    Where the vendor's counts contradict each other, the cache's are cut down to what was read.
    """
    read = min(usage.cache_read_tokens, usage.input_tokens)
    counted = genai_prices.Usage(
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cache_read_tokens=read,
        cache_write_tokens=min(usage.cache_write_tokens, usage.input_tokens - read),
    )
    try:
        price = calc_price(counted, model_ref=model)
    except LookupError:
        return 0
    return math.ceil(price.total_price * 1_000_000)


def _micro_dollars(dollars: Decimal) -> int:
    return int((dollars * 1_000_000 * 1_000_000 / _SAMPLE).to_integral_value())
