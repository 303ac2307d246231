"""A reusable pattern out of one good answer, made only of what the answer itself says."""

import re
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate, islice

from hybrid_coordinator.domain.interaction import Interaction
from hybrid_coordinator.domain.knowledge import Collection, Draft
from hybrid_coordinator.logic.extraction_segments import Segment, SegmentKind, segments_of
from hybrid_coordinator.logic.sections import code_blocks
from hybrid_coordinator.logic.support import Source

PATTERNS = uuid.UUID("6f2f5c0e-0d1e-5b7e-9a53-3f1c8a1f2b10")
"""Namespace of pattern ids, so that an interaction has at most one pattern, ever."""

MAX_STEPS = 12
LONGEST_STEP = 400
LONGEST_STEPS = 1_800
LONGEST_EXAMPLE = 800
LONGEST_QUESTION = 400
"""Characters of a step, of all steps, of an example and of the question: a stored pattern stays under 10 KB."""

LEAST_WORDS = 4
"""Of a sentence, to be a step; a point of a list may be shorter."""

_WORD = re.compile(r"[a-z0-9][a-z0-9+#.-]*")
_NO_STEP = re.compile(
    r"^(?:sure|certainly|of course|great question|hope|i hope|let me know|feel free|happy to|you['’]re welcome|thanks?"
    r"|here(?:['’]s| is| are)\b.*:$|\|)|\?$",
    re.IGNORECASE,
)
# fmt: off
_FILLER = frozenset((
    "a", "an", "and", "are", "as", "at", "be", "but", "by", "can", "do", "does", "for", "from", "how", "i",
    "if", "in", "is", "it", "me", "my", "of", "on", "or", "please", "show", "should", "so", "that", "the",
    "there", "this", "to", "use", "using", "was", "what", "when", "where", "which", "why", "will", "with",
    "would", "you", "your",
))
# fmt: on


@dataclass(frozen=True, slots=True)
class Pattern:
    """A skill: what it is called, what it solves, what it needs, how to apply it. The answer says every step of it."""

    name: str
    description: str
    steps: tuple[str, ...]
    tags: tuple[str, ...]
    example: str
    prerequisites: tuple[str, ...] = ()


def pattern_id_of(interaction_id: str) -> str:
    """The id that what is learned from an interaction has, whether it exists or not."""
    return str(uuid.uuid5(PATTERNS, interaction_id))


def extract_pattern(query: str, response: str) -> Pattern | None:
    """The steps, commands and code of an answer, or None when it holds nothing that could be applied again.

    What the answer warns of is left out.
    """
    tags = find_tags(query)
    steps, example = _steps_of(segments_of(response)), _example_of(response)
    if not tags or not (steps or example):
        return None
    return Pattern(
        name="_".join(tags),
        description=query.strip()[:LONGEST_QUESTION],
        steps=steps,
        tags=tags,
        example=example,
    )


def _steps_of(segments: list[Segment]) -> tuple[str, ...]:
    """The points of its lists, else its sentences."""
    good = [segment for segment in segments if not segment.warned and len(segment.text) <= LONGEST_STEP]
    points = [segment.text for segment in good if segment.kind is SegmentKind.POINT]
    sentences = [segment.text for segment in good if segment.kind is SegmentKind.SENTENCE and _is_telling(segment.text)]
    return fitting_steps(dict.fromkeys(points or sentences))


def fitting_steps(steps: Iterable[str]) -> tuple[str, ...]:
    """The first steps, as many as one pattern keeps."""
    kept = list(islice(steps, MAX_STEPS))
    ends = list(accumulate(map(len, kept)))
    return tuple(step for step, end in zip(kept, ends, strict=True) if end <= LONGEST_STEPS)


def _is_telling(sentence: str) -> bool:
    return len(sentence.split()) >= LEAST_WORDS and not _NO_STEP.search(sentence)


def _example_of(response: str) -> str:
    """The first block of code that is short enough and not warned of, as it is."""
    source = Source(response)
    blocks = (block.strip() for block in code_blocks(response))
    return next((block for block in blocks if len(block) <= LONGEST_EXAMPLE and source.supports_code(block)), "")


def find_tags(query: str) -> tuple[str, ...]:
    """The telling words of a question, in order, at most five."""
    words = dict.fromkeys(word.strip(".-") for word in _WORD.findall(query.lower()) if word not in _FILLER)
    return tuple(word for word in words if word)[:5]


def pattern_draft(draft_id: str, pattern: Pattern, interaction: Interaction, value: float) -> Draft:
    """The pattern as a passage of `skills-patterns`, found by the question that was asked."""
    usage = "\n".join(f"{number}. {step}" for number, step in enumerate(pattern.steps, 1))
    asked = interaction.query.strip()[:LONGEST_QUESTION]
    text = "\n".join(dict.fromkeys(part for part in (asked, pattern.description, usage, pattern.example) if part))
    return Draft(
        id=draft_id,
        collection=Collection.SKILLS,
        key=asked,
        text=text,
        payload={
            "skill_name": pattern.name,
            "description": pattern.description,
            "usage_pattern": usage,
            "success_examples": [pattern.example] if pattern.example else [],
            "prerequisites": list(pattern.prerequisites),
            "value_score": value,
            "tags": list(pattern.tags),
            "source_query": asked,
            "agent_type": interaction.agent_type.value,
            "model_used": interaction.model_used,
            "created_at": interaction.created_at.isoformat(),
        },
        source=f"interaction:{interaction.id}",
    )
