"""One sign by which planted texts are known."""

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rule:
    """A pattern, and what a person is told when it is found. The texts it meets are in lower case.

    Every gap in a pattern is bounded, so that the time is linear in the text.
    """

    reason: str
    pattern: re.Pattern[str]


def make_rule(reason: str, *patterns: str) -> Rule:
    """A rule that is met where one of the patterns is."""
    return Rule(reason, re.compile("|".join(f"(?:{pattern})" for pattern in patterns)))
