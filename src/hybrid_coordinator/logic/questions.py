"""What may be asked at all."""

import re

from hybrid_coordinator.errors import BadInput

MAX_QUESTION = 100_000
MAX_MATERIAL = 4_000_000
"""Characters. A question is read by people and embedders; what is longer is material, and belongs in `context`."""

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_ANSI = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")


def check_question(text: str, name: str = "query") -> str:
    """The text without the blanks around it; BadInput for an empty, overlong, non-UTF-8 or control-character one."""
    text = text.strip()
    if not text:
        raise BadInput(f"{name} is empty; say what you want to know")
    if len(text) > MAX_QUESTION:
        raise BadInput(
            f"{name} is {len(text):,} characters long and at most {MAX_QUESTION:,} are read; "
            "send long material as context beside a short question"
        )
    check_text(text, name)
    return text


def check_text(text: str, name: str) -> None:
    """BadInput for text that holds control characters or could not be written as UTF-8."""
    found = _CONTROL.search(text)
    if found:
        raise BadInput(
            f"{name} holds the control character {found.group()!r} at position {found.start()}; remove it and ask again"
        )
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise BadInput(f"{name} is not valid UTF-8 at position {error.start}; send it in UTF-8") from error


def clean_material(text: str) -> str:
    """Material as a model should see it: terminal colours and control characters gone. BadInput when too long."""
    if len(text) > MAX_MATERIAL:
        raise BadInput(f"context is {len(text):,} characters long and at most {MAX_MATERIAL:,} are read; send less")
    cleaned = _CONTROL.sub("", _ANSI.sub("", text))
    return cleaned.encode("utf-8", "replace").decode()
