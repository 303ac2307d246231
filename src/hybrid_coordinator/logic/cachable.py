"""Whether an answer may be kept for others at all."""

import re

from hybrid_coordinator.domain.caching import Circumstances

LONGEST = 4_000
"""Characters of a question. What is longer is material, and never the same twice."""

HOTTEST = 1.0
"""Above this temperature the asker wants variety."""

_OF_THE_MOMENT = re.compile(
    r"\b(today|tonight|tomorrow|yesterday|now|nowadays|currently|latest|newest|recent|recently"
    r"|this (week|month|year|morning|afternoon|evening)|(last|next) (week|month|year|night)"
    r"|at the moment|so far|right now|up to date|breaking|news"
    r"|weather|stock price|exchange rate|what time|what day|uptime)\b",
    re.IGNORECASE,
)
_OF_WHAT_WENT_BEFORE = re.compile(
    r"^\s*(and|but|so|also|then|ok|okay|yes|no|continue|go on|again|why\?|how so|more)\b[\s\S]{0,60}$"
    r"|\b(the (above|previous|former|latter|following)|(that|this|these|those) (file|function|class|method|code"
    r"|error|bug|test|line|log|output|message|one|ones|change|diff|commit|branch|script|repo|project|command|answer)"
    r"|as (before|above)|you (just )?(said|wrote|suggested|mentioned)|your (last|previous) answer"
    r"|same (thing )?again)\b",
    re.IGNORECASE,
)
_LONE_PRONOUN = re.compile(
    r"^\W*(?:\w+\W+){0,3}(it|them|that|this|these|those)\W*$"
    r"|^\W*(explain|fix|run|check|show|test|delete|change|refactor|rewrite|translate"
    r"|summari[sz]e|debug|improve|use|try)"
    r"\W+(it|them|that|this|these|those)\b",
    re.IGNORECASE,
)
_OF_AN_ANSWER = re.compile(
    r"\b(make|keep|put|turn|write|say) (it|this|that|them)\b|\b(wrong|right|happening) with (it|this|that)\b"
    r"|\banother (one|joke|example|way|version|option)\b",
    re.IGNORECASE,
)
_RANDOM = re.compile(
    r"\b(random|roll a|flip a coin|shuffle|surprise me|uuid|guid|generate an? (password|token|key))\b", re.I
)
_SECRET = re.compile(r"\b(password|passwd|api[ _-]?key|secret|token|bearer)\s*[:=]\s*\S|-----BEGIN", re.IGNORECASE)


def why_not_cached(asked: Circumstances) -> str | None:
    """Why neither a look-up nor a store may happen, or None when both may."""
    return _why_of_the_request(asked) or _why_of_the_text(asked.text)


def _why_of_the_request(asked: Circumstances) -> str | None:
    if asked.tools:
        return "a tool turn: the answer depends on what tools do"
    if asked.images:
        return "images came along"
    if asked.earlier_turns:
        return "earlier turns of the conversation may matter"
    if asked.context:
        return "material came along"
    if asked.temperature > HOTTEST:
        return f"temperature {asked.temperature:g} asks for variety"
    return None


def _why_of_the_text(text: str) -> str | None:
    if not text.strip():
        return "the question is empty"
    if len(text) > LONGEST:
        return f"the question is longer than {LONGEST:,} characters"
    if _SECRET.search(text):
        return "the question may hold a secret"
    if found := _OF_THE_MOMENT.search(text):
        return f"the answer changes with time: {found.group().lower()!r}"
    if any(pattern.search(text) for pattern in (_LONE_PRONOUN, _OF_WHAT_WENT_BEFORE, _OF_AN_ANSWER)):
        return "the question refers to something outside it"
    return "the answer is meant to vary" if _RANDOM.search(text) else None
