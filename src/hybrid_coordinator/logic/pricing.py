"""What remote models cost, from the price list that the package `genai-prices` ships (nothing is fetched)."""

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache

import genai_prices
from genai_prices import calc_price

from hybrid_coordinator.domain.query import Usage

_SAMPLE = 1_000
"""Tokens priced at a time: small enough to stay on the first tier of a list that charges more for long prompts."""

_MANY = 1_000_000
"""So many are on the last tier, where there are any."""


def find_price(model: str) -> tuple[int, int] | None:
    """Micro-dollars per million input and output tokens at the list price, or None for a model the list lacks."""
    try:
        price = calc_price(genai_prices.Usage(input_tokens=_SAMPLE, output_tokens=_SAMPLE), model_ref=model)
    except LookupError:
        return None
    return _micro_dollars(price.input_price), _micro_dollars(price.output_price)


def price_usage(model: str, usage: Usage, at: datetime) -> int:
    """Micro-dollars for an answer given then, rounded up: what a prompt cache gave and took at its own price, and long
    prompts at theirs. 0 for a model that the list lacks, as for any other whose price is unknown.

    Where the vendor's counts contradict each other, the cache's are cut down to what was read.
    """
    read = min(usage.cache_read_tokens, usage.input_tokens)
    write = min(usage.cache_write_tokens, usage.input_tokens - read)
    rates = _find_rates(model, at.astimezone(UTC).replace(minute=0, second=0, microsecond=0))
    if rates is not None:
        return math.ceil(rates.total(usage.input_tokens - read - write, usage.output_tokens, read, write) * 1_000_000)
    return math.ceil((_total(model, at, usage.input_tokens, usage.output_tokens, read, write) or 0) * 1_000_000)


@dataclass(frozen=True, slots=True)
class _Rates:
    """Dollars per token, for a model whose price does not depend on the length of the prompt."""

    input: Decimal
    output: Decimal
    read: Decimal
    write: Decimal

    def total(self, fresh: int, output: int, read: int, write: int) -> Decimal:
        return self.input * fresh + self.output * output + self.read * read + self.write * write


@lru_cache(maxsize=1024)
def _find_rates(model: str, hour: datetime) -> _Rates | None:
    """The rates of that hour (some lists are cheaper at night); None where there are none, or not the same for all.

    Asking the list costs a hundred times what multiplying does, and every answer that passes is priced.
    """
    few, many = ([_total(model, hour, *counts) for counts in _counts(tokens)] for tokens in (_SAMPLE, _MANY))
    each = [_each(price, _SAMPLE) for price in few]
    if any(price is None for price in few) or each != [_each(price, _MANY) for price in many]:
        return None
    return _Rates(*each)


def _counts(tokens: int) -> tuple[tuple[int, int, int, int], ...]:
    """Input, output, cache reads and cache writes, each alone; what a cache gives or takes is read, too."""
    return (tokens, 0, 0, 0), (0, tokens, 0, 0), (tokens, 0, tokens, 0), (tokens, 0, 0, tokens)


def _total(model: str, at: datetime, input: int, output: int, read: int, write: int) -> Decimal | None:
    counted = genai_prices.Usage(
        input_tokens=input, output_tokens=output, cache_read_tokens=read, cache_write_tokens=write
    )
    try:
        return calc_price(counted, model_ref=model, genai_request_timestamp=at).total_price
    except LookupError:
        return None


def _each(price: Decimal | None, tokens: int) -> Decimal:
    return (price or Decimal(0)) / tokens


def _micro_dollars(dollars: Decimal) -> int:
    return int((dollars * 1_000_000 * 1_000_000 / _SAMPLE).to_integral_value())
