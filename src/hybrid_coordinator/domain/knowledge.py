"""The five kinds of knowledge, and what is kept in each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

Payload = Mapping[str, Any]
"""JSON values by field name."""

Vector = Sequence[float]
"""A dense embedding of unit length."""


class Collection(StrEnum):
    """The users' five collections, under their names."""

    CODEBASE = "codebase-context"
    SKILLS = "skills-patterns"
    ERRORS = "error-solutions"
    INTERACTIONS = "interaction-history"
    PRACTICES = "best-practices"


CONTEXT_COLLECTIONS = (Collection.CODEBASE, Collection.SKILLS, Collection.ERRORS, Collection.PRACTICES)
"""What a query is grounded in: everything but the raw history."""

FIELDS: Mapping[Collection, Payload] = {
    Collection.CODEBASE: {
        "file_path": "",
        "code_snippet": "",
        "language": "",
        "framework": "",
        "purpose": "",
    },
    Collection.SKILLS: {
        "skill_name": "",
        "description": "",
        "usage_pattern": "",
        "success_examples": [],
        "failure_examples": [],
        "prerequisites": [],
        "related_skills": [],
        "value_score": 0.0,
    },
    Collection.ERRORS: {
        "error_message": "",
        "error_type": "",
        "context": "",
        "solution": "",
        "solution_verified": False,
        "success_count": 0,
        "failure_count": 0,
        "confidence_score": 0.5,
    },
    Collection.INTERACTIONS: {
        "query": "",
        "response": "",
        "agent_type": "",
        "model_used": "",
        "context_provided": [],
        "outcome": None,
        "user_feedback": None,
        "tokens_used": 0,
        "latency_ms": 0,
        "value_score": None,
    },
    Collection.PRACTICES: {
        "category": "",
        "title": "",
        "description": "",
        "examples": [],
        "anti_patterns": [],
        "references": [],
        "endorsement_count": 0,
    },
}
"""The payload fields of the users' documents, with what a field holds when nothing is known."""

USAGE_FIELDS: Payload = {"access_count": 0, "success_rate": 0.5}
"""Kept on every passage of every collection: times retrieved, and the success rate when used as context."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A passage about to be stored.

    `key` is what a question about it would resemble: it is embedded. `text` is what a reader is shown and what words
    are matched in. `source` names where it came from, so that everything from one origin can be found and removed.
    """

    id: str
    collection: Collection
    key: str
    text: str
    payload: Payload = field(default_factory=dict)
    source: str = ""


@dataclass(frozen=True, slots=True)
class Passage:
    """A retrieved text.

    `similarity` in [0, 1] is how much its key means the same as the query (1.0 for the identical text): routing reads
    it. `score` in [0, 1] is the fused score that orders a result, best first.
    """

    id: str
    collection: Collection
    text: str
    payload: Payload
    similarity: float
    score: float
    source: str = ""


class SearchMode(StrEnum):
    """Which signals order a result."""

    SEMANTIC = "semantic"
    KEYWORD = "keyword"
    HYBRID = "hybrid"


@dataclass(frozen=True, slots=True)
class Probe:
    """A query as the knowledge store needs it: its words and its unit vector."""

    text: str
    vector: Vector


@dataclass(frozen=True, slots=True)
class EmbedderIdentity:
    """Which embedder made a vector. Vectors of different identities are never compared."""

    name: str
    dimension: int


@dataclass(frozen=True, slots=True)
class Source:
    """A file that was indexed: what it held then, and the passages made from it."""

    root: str
    path: str
    content_hash: str
    passage_ids: tuple[str, ...]
