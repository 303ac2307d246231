"""The kinds of settings: what a person is told to write, and how it is read."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from hybrid_coordinator.logic.budgets import BudgetPolicy
from hybrid_coordinator.settings.tree import Secret


@dataclass(frozen=True, slots=True)
class Kind:
    """A type of setting: what a person is told to write, and how it is read."""

    expected: str
    parse: Callable[[str], Any]


def _parse_bool(raw: str) -> bool:
    return {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}[
        raw.strip().lower()
    ]


def _within(low: float, high: float, parse: Callable[[str], Any]) -> Callable[[str], Any]:
    def parse_within(raw: str) -> Any:
        value = parse(raw)
        if not low <= value <= high:
            raise ValueError(raw)
        return value

    return parse_within


def _parse_url(*schemes: str) -> Callable[[str], str]:
    def parse(raw: str) -> str:
        url = raw.strip()
        if url and (urlsplit(url).scheme not in schemes or not urlsplit(url).hostname):
            raise ValueError(raw)
        return url.rstrip("/")

    return parse


def _parse_secret(raw: str) -> Secret:
    key = raw.strip()
    if not (key.isascii() and key.isprintable()):
        raise ValueError(raw)
    return Secret(key)


def _parse_pairs(raw: str) -> dict[str, str]:
    pairs = [item.partition("=") for item in raw.split(",") if item.strip()]
    named = {name.strip(): value.strip() for name, _, value in pairs}
    if not all(name and value for name, value in named.items()) or len(named) != len(pairs):
        raise ValueError(raw)
    return named


def _parse_named_secrets(raw: str) -> dict[str, Secret]:
    return {name: _parse_secret(key) for name, key in _parse_pairs(raw).items()}


def _parse_budgets(raw: str) -> dict[str, BudgetPolicy]:
    limits: dict[str, dict[str, float]] = {}
    kinds = {"soft_usd": float, "hard_usd": float, "soft_tokens": int, "hard_tokens": int}
    for name, value in _parse_pairs(raw).items():
        asker, _, limit = name.rpartition(".")
        limits.setdefault(asker, {})[limit] = _within(0, 1e15, kinds[limit])(value)
    return {asker: BudgetPolicy(**chosen) for asker, chosen in limits.items()}  # type: ignore[arg-type]


def _parse_sslmode(raw: str) -> str:
    if raw not in ("", "disable", "allow", "prefer", "require", "verify-ca", "verify-full"):
        raise ValueError(raw)
    return raw


BOOL = Kind("true or false", _parse_bool)
UNIT = Kind("a number from 0 to 1", _within(0.0, 1.0, float))
COUNT = Kind("a whole number from 1 to 1000000", _within(1, 1_000_000, int))
COUNT_OR_ZERO = Kind("a whole number from 0 to 1000", _within(0, 1000, int))
PORT = Kind("a port number from 0 to 65535 (0: any free one)", _within(0, 65_535, int))
CAUTION = Kind("a number from 0 to 100", _within(0.0, 100.0, float))
LIFETIME = Kind("a number of seconds from 1 to 31536000", _within(1.0, 31_536_000.0, float))
SECONDS = Kind("a number of seconds from 0.1 to 86400", _within(0.1, 86_400.0, float))
TEXT = Kind("text", str.strip)
SECRET = Kind("a key of ASCII letters, digits and signs", _parse_secret)
USD = Kind("dollars from 0 to 1000000 (0: no limit)", _within(0.0, 1_000_000.0, float))
TOKENS = Kind("a whole number of tokens (0: no limit)", _within(0, 10**15, int))
BUDGETS = Kind(
    "KEY.LIMIT=value pairs with commas between them, where LIMIT is soft_usd, hard_usd, soft_tokens or hard_tokens",
    _parse_budgets,
)
PAIRS = Kind("name=value pairs with commas between them", _parse_pairs)
NAMED_SECRETS = Kind("name=key pairs with commas between them", _parse_named_secrets)
PATH = Kind("a path", lambda raw: Path(raw.strip()))
URL = Kind("an http:// or https:// URL, or nothing", _parse_url("http", "https"))
REDIS = Kind("a redis:// or rediss:// URL, or nothing", _parse_url("redis", "rediss"))
SSLMODE = Kind("one of disable, allow, prefer, require, verify-ca, verify-full, or nothing", _parse_sslmode)
DAYS = Kind("a number of days from 0 to 36500", _within(0.0, 36_500.0, float))
PAUSE = Kind("a number of seconds from 0 to 86400", _within(0.0, 86_400.0, float))
SPAN = Kind("a number of days from 0.01 to 36500", _within(0.01, 36_500.0, float))
BYTES = Kind("a whole number of bytes", _within(0, 10**15, int))
RATE = Kind("a number from 0.0001 to 0.5", _within(0.0001, 0.5, float))
LOAD = Kind("a number from 0.01 to 1000", _within(0.01, 1000.0, float))
MINUTES = Kind("a number of minutes from 0.1 to 100000", _within(0.1, 100_000.0, float))
NAMES = Kind(
    "names with commas between them", lambda raw: tuple(part.strip() for part in raw.split(",") if part.strip())
)
