"""Telling an error message from a question."""

import re

_ERROR = re.compile(
    r"\b\w*(Error|Exception|Warning)\b"
    r"|\b(error|errno|fatal|panic|traceback|segfault|exit code|failed|failure|denied|refused"
    r"|cannot|can't|could not|couldn't|not found|no such|undefined|unexpected|timed? ?out)\b",
    re.IGNORECASE,
)


def error_lines(material: str, most: int = 3, characters: int = 400) -> str:
    """The last lines of material that tell of an error, in order: a log's cause stands near its end."""
    telling = [line.strip() for line in material.splitlines() if looks_like_error(line[:2000])]
    return "\n".join(dict.fromkeys(telling[-most:]))[:characters]


def looks_like_error(text: str) -> bool:
    """Whether a question is about something that went wrong."""
    return _ERROR.search(text) is not None
