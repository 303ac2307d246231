"""What a request asks for or brings along that no local model can do or see."""

from collections.abc import Mapping
from typing import Any

from hybrid_coordinator.domain.query import Image, Prompt

LEFT_OUT = ": left out]"
"""How the decoders mark a part that has no place in a prompt here, such as `[file: left out]`."""


def why_not_home(body: Mapping[str, Any], prompt: Prompt) -> str:
    """Why only the vendor whose request this is can answer; "" where a local model can, too."""
    parts = [part for turn in prompt.turns for part in turn.parts]
    if any(isinstance(part, Image) for part in parts):
        return "it holds pictures, which local models cannot see"
    if any(isinstance(part, str) and part.endswith(LEFT_OUT) for part in parts):
        return "it holds files or recordings, which local models cannot read"
    if body.get("n") not in (None, 1):
        return "several answers at once were asked for"
    if body.get("logprobs") or body.get("top_logprobs"):
        return "the probabilities of tokens were asked for"
    return ""
