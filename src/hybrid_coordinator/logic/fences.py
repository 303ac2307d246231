"""Code blocks in Markdown."""

import re

_FENCE = re.compile(r"^ {0,3}(?:[-*>] |\d+\. )? {0,8}(```+|~~~+)", re.MULTILINE)


def ends_in_code(text: str) -> bool:
    """Whether the last code block was opened and not closed."""
    opened = ""
    for fence in _FENCE.findall(text):
        if not opened:
            opened = fence
        elif fence[0] == opened[0] and len(fence) >= len(opened):
            opened = ""
    return bool(opened)


def split_code(text: str) -> tuple[str, str]:
    """The prose of a text, and the content of its code blocks."""
    prose: list[str] = []
    code: list[str] = []
    for number, piece in enumerate(re.split(r"^ {0,3}(?:```|~~~).*$", text, flags=re.MULTILINE)):
        (code if number % 2 else prose).append(piece)
    return "\n".join(prose), "\n".join(code)
