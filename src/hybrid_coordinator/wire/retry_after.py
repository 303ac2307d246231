"""The header in which a server asks to be left alone for a while."""

import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """The wait that a server asks for: its seconds, or its date measured from the server's own `Date`.

    Names of headers are in lower case, or the mapping does not mind.
    """
    asked = headers.get("retry-after", "")
    if re.fullmatch(r"\d{1,9}(\.\d+)?", asked):
        return float(asked)
    try:
        wait = parsedate_to_datetime(asked) - parsedate_to_datetime(headers.get("date", ""))
    except (ValueError, TypeError):  # not dates, or one with a zone and one without
        return None
    return max(0.0, wait.total_seconds())
