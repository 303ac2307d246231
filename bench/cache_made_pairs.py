"""Pairs of questions and statements that are made, not found: reworded ones, and ones that differ in a single word.

Found pairs hardly ever differ in one word only, and it is there that a near text is another question.
"""

import random
import re
from collections.abc import Sequence
from itertools import chain

from bench.cache_sets import Pair
from hybrid_coordinator.logic.cache_terms import FUNCTION_WORDS

MADE = 260
"""So many statements get a word exchanged, and so many questions are reworded."""

MADE_LOG_LINES = 120
FEWEST_WORDS = 3
"""Of content; in a shorter statement an exchange leaves nothing to recognise."""

VERBS = (
    *("restart", "configure", "monitor", "debug", "deploy", "install", "test", "secure", "scale", "migrate"),
    *("profile", "document", "back up", "replicate", "benchmark"),
)
THINGS = (
    *("nginx", "apache", "redis", "the database", "the api gateway", "the worker queue", "the scheduler"),
    *("the payment service", "the login page", "the cron job", "the backup script", "the load balancer"),
    *("the mail server", "the search index", "the dashboard", "the firewall", "the proxy", "the cluster"),
    *("the container", "the message broker"),
)
PLACES = (
    *("in production", "on the staging host", "inside a container", "from the command line", "behind a firewall"),
    *("on a laptop", "in the cloud", "with a script", "for a new customer", "without downtime"),
)
NOWHERE = ("",) * 6
"""Beside the places, so that a third of the questions names none."""

PARTS = (VERBS, THINGS, PLACES)
FRAMES = (
    "How do I {} {} {}?",
    "What is the way to {} {} {}?",
    "Steps to {} {} {}",
    "Can you explain how to {} {} {}?",
    "How can I {} {} {}?",
    "I want to {} {} {}, how do I do that?",
    "What are the steps to {} {} {}?",
    "Please tell me how to {} {} {}",
)
LOG_LINES = (
    "connection to {} refused by {}",
    "worker {} finished job {}",
    "user {} logged in from {}",
    "cannot mount {} on {}",
    "timeout while reading {} from {}",
)
NAMES = ("alpha", "bravo", "charlie", "delta", "echo", "foxtrot", "golf", "hotel", "india", "juliet", "kilo", "lima")
"""Written small: no guard knows them for names."""

_LOOSE = re.compile(r"\s+([?,.]|$)")


def made_pairs(statements: Sequence[str], seed: int) -> list[Pair]:
    """All kinds, in the same order for the same statements and seed."""
    chance = random.Random(seed)
    asked = chain.from_iterable(_questions(chance) for _ in range(MADE))
    return [*_exchanged(statements, chance), *asked, *(_log_lines(chance) for _ in range(MADE_LOG_LINES))]


def _exchanged(statements: Sequence[str], chance: random.Random) -> list[Pair]:
    """Statements beside themselves with one word of content replaced by one from another: not alike."""
    vocabulary = [word for statement in statements for word in _content(statement) if word.islower()]
    chosen = chance.sample(statements, min(MADE, len(statements)))
    return [_exchange(one, vocabulary, chance) for one in chosen if len(_content(one)) >= FEWEST_WORDS]


def _exchange(statement: str, vocabulary: Sequence[str], chance: random.Random) -> Pair:
    word = chance.choice(_content(statement))
    other = chance.choice([one for one in vocabulary if one != word.lower()])
    put = other if word.islower() else other.capitalize()
    return Pair(re.sub(rf"\b{word}\b", put, statement, count=1), statement, alike=False)


def _content(statement: str) -> list[str]:
    return [word for word in re.findall(r"\b[A-Za-z]{4,}\b", statement) if word.lower() not in FUNCTION_WORDS]


def _questions(chance: random.Random) -> tuple[Pair, Pair]:
    """One question in two frames, and beside the same with another verb, thing or place."""
    parts = [chance.choice(VERBS), chance.choice(THINGS), chance.choice(PLACES + NOWHERE)]
    one, other = chance.sample(FRAMES, 2)
    asked = _filled(one, parts)
    place = chance.randrange(len(PARTS))
    changed = [*parts]
    changed[place] = chance.choice([part for part in PARTS[place] if part != parts[place]])
    near = _filled(chance.choice((one, other)), changed)
    return Pair(_filled(other, parts), asked, alike=True), Pair(near, asked, alike=False)


def _filled(frame: str, parts: Sequence[str]) -> str:
    return _LOOSE.sub(r"\1", frame.format(*parts))


def _log_lines(chance: random.Random) -> Pair:
    """The same line with another name in one of its two places."""
    line = chance.choice(LOG_LINES)
    here, there, elsewhere = chance.sample(NAMES, 3)
    names = (here, elsewhere) if chance.random() < 0.5 else (elsewhere, there)
    return Pair(line.format(*names), line.format(here, there), alike=False)
