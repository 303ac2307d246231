"""Answers that are none: the model says that it cannot, may not or does not know."""

import re

OPENING = 200
"""Characters of apologies that may come before a refusal."""

SUBSTANCE = 160
"""Characters that, after a `but`, say something all the same."""

_AM = r"i(?:'m| am)"
_SUBJECT = r"(?:context|passages?|text|information|documents?)"
_LACKING = "|".join((
    "information", "context", "answer", "details?", "mention", "data", "knowledge", "access", "idea", "ability",
    "capability", "memory", "opinions?", "feelings?", "beliefs?", "preferences", "experiences?", "body",
))  # fmt: skip
_DEEDS = "|".join((
    "help", "assist", "answer", "provide", "give", "comply", "fulfill?", "access", "find", "say", "tell", "determine",
    "browse", "open", "see", "view", "read", "discuss", "create", "write", "generate", "share", "support", "offer",
    "process", "verify", "confirm", "engage", "continue", "complete", "do", "perform", "run", "recommend", "know",
    "understand", "respond", "identify",
))  # fmt: skip

_PRELUDES = (
    r"[\s>*_\"'#:,.!-]",
    r"(?:well|hi|hello|oh|hmm+|unfortunately|sadly|sorry|answer|but|however|that)\b",
    rf"(?:{_AM} (?:so |very |really |truly )?(?:sorry|afraid)|i apologi[sz]e|(?:my )?apologies)\b"
    r"(?: (?:for|about) (?:the|any|this|that|my) [\w ]{1,30}(?=[,.]))?",
)
_REFUSALS = (
    rf"(?:as|{_AM}(?: just| only)?|being) an? (?:ai|artificial intelligence|(?:large )?language model)"
    r"(?: (?:language )?(?:model|assistant|chatbot))?\b(?=\s*[,.]| and | i\b| \w+ by )",
    rf"i (?:can(?:not|'t| not)|could(?: not|n't)|won't|will not) (?:really |currently |directly )?(?:{_DEEDS})\b",
    rf"{_AM} (?:not able|unable) to (?:{_DEEDS})\b",
    r"i (?:must|have to) (?:respectfully )?(?:decline|refuse)\b",
    r"i (?:really |honestly )?(?:do not|don't) (?:really |actually )?know(?=\s*[.,;!\n]|\s*$"
    r"| (?:the (?:answer|exact)|what|how|who|where|when|why|which|if|whether|anything|enough|about))",
    r"i (?:currently )?(?:do not|don't) (?:currently |actually )?have "
    rf"(?:(?:access|any|enough|the|specific|sufficient|real-time|personal|direct) ){{0,3}}(?:{_LACKING})\b",
    rf"i have no (?:{_LACKING})\b",
    rf"{_AM} not (?:sure|certain|aware|familiar)(?=\s*[.!\n]|\s*$| (?:what|how|about|with|of|if|whether|i) )",
    rf"(?:there is|there's|i (?:see|found|find)) (?:no|not enough|insufficient) (?:{_LACKING})\b",
    rf"(?:the|this|that|your) (?:\w+ ){{0,2}}{_SUBJECT} (?:above |below |given |provided )?"
    r"(?:do(?:es)? not|do(?:es)?n't) (?:\w+ )?(?:mention|say|contain|provide|include|specify|state|answer|give|tell)\b",
    r"(?:could|can|would) you (?:please )?(?:provide|clarify|specify|share|give|tell me)\b",
    r"please (?:provide|clarify|specify)\b",
    r"i (?:would |'d )?need (?:some |a bit )?more (?:information|context|details)\b",
    r"(?:not|un)known (?:from|in) the (?:context|passages)\b",
    r"unknown\W*$",
)
_PRELUDE = re.compile(f"(?i)(?:{'|'.join(_PRELUDES)})*")
_REFUSAL = re.compile(f"(?i){'|'.join(_REFUSALS)}")
_TURN = re.compile(r"(?i)\b(?:but|however|that said|instead|here(?:'s| is| are)|nevertheless|still)\b")


def find_refusal(text: str) -> str | None:
    """What it says instead of an answer. One that turns round and says something after all is none."""
    said = text.strip().replace("’", "'")
    opening = _PRELUDE.match(said[:OPENING])
    start = opening.end() if opening else 0
    found = _REFUSAL.match(said, start)
    if not found or "```" in said:
        return None
    turn = _TURN.search(said, found.end())
    if turn and len(said) - turn.end() >= SUBSTANCE:
        return None
    return f"it begins with {found.group()[:60]!r}, which is no answer"
