"""What remote models cost, from the price list that the package `genai-prices` ships (nothing is fetched)."""

from decimal import Decimal

from genai_prices import Usage, calc_price

_SAMPLE = 1_000
"""Tokens priced at a time: small enough to stay on the first tier of a list that charges more for long prompts."""


def find_price(model: str) -> tuple[int, int] | None:
    """Micro-dollars per million input and output tokens at the list price, or None for a model the list lacks."""
    try:
        price = calc_price(Usage(input_tokens=_SAMPLE, output_tokens=_SAMPLE), model_ref=model)
    except LookupError:
        return None
    return _micro_dollars(price.input_price), _micro_dollars(price.output_price)


def _micro_dollars(dollars: Decimal) -> int:
    return int((dollars * 1_000_000 * 1_000_000 / _SAMPLE).to_integral_value())
