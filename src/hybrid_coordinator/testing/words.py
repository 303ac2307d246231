"""What the fakes take a text for: its words."""

import re


def split_words(text: str) -> list[str]:
    """Lower-case words in order."""
    return re.findall(r"\w+", text.lower())
