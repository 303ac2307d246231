"""Text that programs put among what people wrote: ours is marked, and everybody's is taken out again."""

from hybrid_coordinator.domain.gateway import CONTEXT_TAG

_TAGS = (CONTEXT_TAG, "system-reminder", "environment_context", "user_instructions")
"""Ours, Claude Code's, and two of Codex's."""


BILLING_MARK = "x-anthropic-billing-header:"
"""How the first system text of Claude Code begins, which means nothing to other models."""


def strip_injected(text: str) -> str:
    """What the user wrote. A tag that is opened and not closed is the user's own. Takes linear time."""
    for tag in _TAGS:
        text = _strip_tag(text, tag)
    return text.strip()


def _strip_tag(text: str, tag: str) -> str:
    opening, closing = f"<{tag}", f"</{tag}>"
    kept: list[str] = []
    at = 0
    while (start := text.find(opening, at)) >= 0 and (end := text.find(closing, start)) >= 0:
        if text[start + len(opening)] in " >\n":
            kept.append(text[at:start])
            at = end + len(closing)
        else:
            kept.append(text[at : start + len(opening)])
            at = start + len(opening)
    return "".join(kept) + text[at:]
