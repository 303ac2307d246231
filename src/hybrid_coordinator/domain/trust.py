"""Where a text comes from, and how far it is trusted because of that."""

from collections.abc import Iterable, Mapping
from enum import StrEnum


class Origin(StrEnum):
    """The source classes of OWASP's agent memory guide, the most trusted first. We bind one at every write."""

    DIRECT_USER = "direct_user"
    MODEL_INFERENCE = "model_inference"
    TOOL_OUTPUT_INTERNAL = "tool_output_internal"
    TOOL_OUTPUT_EXTERNAL = "tool_output_external"
    UNTRUSTED_DOCUMENT = "untrusted_document"


TRUST: Mapping[Origin, int] = {
    Origin.DIRECT_USER: 4,
    Origin.MODEL_INFERENCE: 3,
    Origin.TOOL_OUTPUT_INTERNAL: 2,
    Origin.TOOL_OUTPUT_EXTERNAL: 1,
    Origin.UNTRUSTED_DOCUMENT: 0,
}

LEAST_TRUST_TO_TEACH = TRUST[Origin.TOOL_OUTPUT_INTERNAL]
"""What is trusted less may inform an answer, and never becomes a skill, a fix or a training row."""


def lowest(origins: Iterable[Origin]) -> Origin:
    """The least trusted of a lineage: nothing is more trustworthy than what it was made of. Of nothing, a person's."""
    return min(origins, key=TRUST.__getitem__, default=Origin.DIRECT_USER)


def may_teach(origin: Origin) -> bool:
    """Whether something of this origin may become more than context."""
    return TRUST[origin] >= LEAST_TRUST_TO_TEACH
