"""Which kind of search a question calls for, when the asker leaves it to us."""

import re
from enum import StrEnum


class QueryMode(StrEnum):
    """The modes of `route_query`."""

    AUTO = "auto"
    SQL = "sql"
    SEMANTIC = "semantic"
    KEYWORD = "keyword"
    HYBRID = "hybrid"


_SQL = re.compile(r"\s*(select\b.+\bfrom\b|with\b.+\bselect\b)", re.IGNORECASE | re.DOTALL)
_EXACT = re.compile(
    r'"[^"]{3,}"|`[^`]+`|\b0x[0-9a-fA-F]+\b|\b[A-Z][A-Z0-9]*_[A-Z0-9_]+\b|\bE[A-Z]{3,}\b|(?<!\w)/[\w.-]+/[\w./-]+|\b\w+_\w+\('
)
_QUESTION = re.compile(r"\?|^\s*(how|what|why|when|where|which|who|can|does|is|are|should)\b", re.IGNORECASE)


def choose_mode(text: str) -> tuple[QueryMode, str]:
    """The mode and the reason for it."""
    if _SQL.match(text):
        return QueryMode.SQL, "it is an SQL statement"
    if _EXACT.search(text):
        if _QUESTION.search(text):
            return QueryMode.HYBRID, "it is a question that names something exactly: words and meaning both count"
        return QueryMode.KEYWORD, "it names something exactly: words count"
    if len(text.split()) <= 2 and not _QUESTION.search(text):
        return QueryMode.KEYWORD, "it is one or two words: words count"
    return QueryMode.HYBRID, "it is a question in plain words: words and meaning both count"
