"""When two questions are the same but for how they were typed."""

import re
import unicodedata
from hashlib import blake2b

from hybrid_coordinator.domain.caching import CacheKey

_CASE_MATTERS = re.compile(r"[`\"“”_{}()\[\]=<>/\\$#@]|[a-z][A-Z]|[A-Z]{2}|\w\.\w|(?:^|\s)--?\w")
"""Marks of code, names and abbreviations: text that holds one is prose no more."""

_LAYOUT_MATTERS = re.compile(r"```|\n[ \t]+\S")
_FINAL = " \t\r\n.!?"


def typed_alike(text: str) -> str:
    """One form for all texts that differ in blanks and final punctuation only and, in prose, in case.

    The layout of code is kept, and so is the case of anything that may be a name.
    """
    text = unicodedata.normalize("NFC", text).rstrip(_FINAL).lstrip()
    if _LAYOUT_MATTERS.search(text):
        return text
    text = " ".join(text.split())
    return text if _CASE_MATTERS.search(text) else text.casefold()


def same_scope(*parts: str) -> str:
    """One short name for everything besides the question that shapes an answer, in the order given."""
    return blake2b(
        "\0".join(f"{len(part)}:{part}" for part in parts).encode("utf-8", "replace"), digest_size=16
    ).hexdigest()


def address(key: CacheKey) -> tuple[str, str, str]:
    """Equal for two keys whose answers are the same without asking anybody."""
    return key.tenant, key.scope, typed_alike(key.text)
