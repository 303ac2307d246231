"""A reusable pattern out of one good answer, made only of what the answer itself says."""

import re
from dataclasses import dataclass

from hybrid_coordinator.domain.interaction import Interaction
from hybrid_coordinator.domain.knowledge import Collection, Draft

_CODE_BLOCK = re.compile(r"```[^\n]*\n(.*?)```", re.DOTALL)
_NUMBERED = re.compile(r"^\s*(?:\d+[.)]|[-*•])\s+(.+)$", re.MULTILINE)
_SENTENCE = re.compile(r"[^.!?\n]+[.!?]?")
_WORD = re.compile(r"[a-z0-9][a-z0-9+#.-]*")
# fmt: off
_FILLER = frozenset((
    "a", "an", "and", "are", "as", "at", "be", "but", "by", "can", "do", "does", "for", "from", "how", "i",
    "if", "in", "is", "it", "me", "my", "of", "on", "or", "please", "show", "should", "so", "that", "the",
    "there", "this", "to", "use", "using", "was", "what", "when", "where", "which", "why", "will", "with",
    "would", "you", "your",
))
# fmt: on
MAX_STEPS = 12


@dataclass(frozen=True, slots=True)
class Pattern:
    """A skill: what it is called, what it solves, how to apply it. Every step stands word for word in the answer."""

    name: str
    description: str
    steps: tuple[str, ...]
    tags: tuple[str, ...]
    example: str


def extract_pattern(query: str, response: str) -> Pattern | None:
    """The steps, commands and code of an answer, or None when it holds nothing that could be applied again."""
    code = [block.strip() for block in _CODE_BLOCK.findall(response) if block.strip()]
    prose = _CODE_BLOCK.sub("\n", response)
    steps = [step.strip() for step in _NUMBERED.findall(prose)]
    if not steps:
        steps = [sentence.strip() for sentence in _SENTENCE.findall(prose) if len(sentence.split()) >= 4]
    tags = find_tags(query)
    if not tags or not (steps or code):
        return None
    return Pattern(
        name="_".join(tags),
        description=query.strip(),
        steps=tuple(steps[:MAX_STEPS]),
        tags=tags,
        example=code[0] if code else "",
    )


def find_tags(query: str) -> tuple[str, ...]:
    """The telling words of a question, in order, at most five."""
    words = dict.fromkeys(word.strip(".-") for word in _WORD.findall(query.lower()) if word not in _FILLER)
    return tuple(word for word in words if word)[:5]


def pattern_draft(draft_id: str, pattern: Pattern, interaction: Interaction, value: float) -> Draft:
    """The pattern as a passage of `skills-patterns`."""
    usage = "\n".join(f"{number}. {step}" for number, step in enumerate(pattern.steps, 1))
    text = "\n".join(part for part in (pattern.description, usage, pattern.example) if part)
    return Draft(
        id=draft_id,
        collection=Collection.SKILLS,
        key=pattern.description,
        text=text,
        payload={
            "skill_name": pattern.name,
            "description": pattern.description,
            "usage_pattern": usage,
            "success_examples": [pattern.example] if pattern.example else [],
            "value_score": value,
            "tags": list(pattern.tags),
            "source_query": interaction.query,
            "created_at": interaction.created_at.isoformat(),
        },
        source=f"interaction:{interaction.id}",
    )
