"""Which part of a text asks: what stands before it may be instructions and worked examples that say nothing of it."""

import re

CUE_CHARACTERS = 60
"""A cue is a short word at the very end."""

_CUE = re.compile(r"(?<!\w)(\w+:)\s*\Z")


def asked_part(text: str) -> str:
    """The text after its last answered example, or all of it.

    A text that ends with a cue such as `Answer:` is asked to go on in the manner of its examples. An example is
    answered where the same cue stands before an answer of one line and an empty line.
    """
    cue = _CUE.search(text[-CUE_CHARACTERS:])
    if cue is None:
        return text
    answered = re.compile(rf"(?<!\w){re.escape(cue.group(1))}[ \t]*\n?[^\n]+\n[ \t]*\n")
    start = 0
    for example in answered.finditer(text):
        start = example.end()
    return text[start:]
