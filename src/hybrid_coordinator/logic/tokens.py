"""How many tokens a text is likely to cost, without a tokenizer."""

import math

CHARACTERS_PER_TOKEN = 3.2
"""Between what SmolLM2's tokenizer gives for code (3.6) and for dense Markdown (2.8); see docs/lab.md."""


def estimate_tokens(text: str) -> int:
    """Tokens a text will cost, rounded up. Good to about a fifth for English and code; budgets leave room for that."""
    return math.ceil(len(text) / CHARACTERS_PER_TOKEN)


def cut_to_tokens(text: str, tokens: int) -> str:
    """The beginning of a text that fits, ending at a line's end where there is one in the last half."""
    room = max(0, int(tokens * CHARACTERS_PER_TOKEN))
    if len(text) <= room:
        return text
    head = text[:room]
    line_end = head.rfind("\n")
    return head[:line_end] if line_end > room // 2 else head
