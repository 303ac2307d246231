"""Telling an error message from a question."""

import re

_ERROR = re.compile(
    r"\b\w*(Error|Exception|Warning)\b"
    r"|\b(error|errno|fatal|panic|traceback|segfault|exit code|failed|failure|denied|refused"
    r"|cannot|can't|could not|couldn't|not found|no such|undefined|unexpected|timed? ?out)\b",
    re.IGNORECASE,
)


def looks_like_error(text: str) -> bool:
    """Whether a question is about something that went wrong."""
    return _ERROR.search(text) is not None
