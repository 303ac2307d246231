"""Regular expressions of JSON Schema in the part of their language that llama.cpp's grammar reads."""

import re

LONGEST_RUN = 24
"""What `+` and `*` are cut to: a small model would go on for ever."""

_CLASSES = {r"\d": "0-9", r"\w": "A-Za-z0-9_", r"\s": " "}
_RUNS = {"+": f"{{1,{LONGEST_RUN}}}", "*": f"{{0,{LONGEST_RUN}}}"}
_PIECE = re.compile(r"\\.|\[(?:\\.|[^\]\\])+\]|\{\d+,\}|.", re.DOTALL)
_UNREADABLE = re.compile(r"\(\?(?!:)|\\[bBDWSAZzkpPux1-9]|[+*?}][?+]")


def bound_pattern(pattern: str) -> str | None:
    """A pattern for the whole text whose matches the original finds too, none of them long; None when the grammar
    cannot say it."""
    if _UNREADABLE.search(pattern):
        return None
    starts, ends = pattern.startswith("^"), pattern.endswith("$") and not pattern.endswith(r"\$")
    inner = pattern[starts : len(pattern) - ends]
    if "^" in re.sub(r"\[\^|\\\^", "", inner) or "$" in re.sub(r"\[[^\]]*\]|\\\$", "", inner):
        return None
    readable = "".join(_bound_piece(piece) for piece in _PIECE.findall(inner.replace("(?:", "(")))
    return f"^({readable})$" if "|" in readable else f"^{readable}$"


def _bound_piece(piece: str) -> str:
    if piece in _CLASSES:
        return f"[{_CLASSES[piece]}]"
    if piece.startswith("["):
        for short, written in _CLASSES.items():
            piece = piece.replace(short, written)
        return piece
    if piece.startswith("{"):
        least = int(piece[1:-2]) if piece.endswith(",}") else None
        return piece if least is None else f"{{{least},{least + LONGEST_RUN}}}"
    return _RUNS.get(piece, piece)
