"""Learned things and interactions as tests need them."""

from datetime import UTC, datetime, timedelta
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from hybrid_coordinator.domain.interaction import AgentType, Interaction, Outcome, OutcomeKind
from hybrid_coordinator.domain.knowledge import Collection, Draft
from hybrid_coordinator.domain.learning import Learned, Stage
from hybrid_coordinator.domain.trust import Origin
from hybrid_coordinator.logic.skill_tree import Skill, see_skill
from hybrid_coordinator.logic.words import words_of

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
SUCCESS = Outcome(OutcomeKind.SUCCESS)
FAILURE = Outcome(OutcomeKind.FAILURE)


def vector_of(text: str) -> NDArray[np.float32]:
    """A unit vector from words alone: texts that share words are near."""
    vector = np.full(256, 1e-3, np.float32)
    for word in words_of(text):
        vector[crc32(word.encode()) % 256] += 1.0
    unit: NDArray[np.float32] = vector / np.linalg.norm(vector)
    return unit


def learned_skill(id: str, key: str, kind: Collection = Collection.SKILLS, stage: Stage = Stage.CANDIDATE) -> Learned:
    return Learned(
        id=id,
        stage=stage,
        draft=Draft(id, kind, key, f"{key}\n1. Do it.", {"skill_name": f"skill_{id}"}),
        origin=Origin.MODEL_INFERENCE,
        learned_from=(f"of-{id}",),
        strategy="extractive",
        created_at=NOON,
        changed_at=NOON,
    )


def skill(id: str, key: str, kind: Collection = Collection.SKILLS) -> Skill:
    """As the tree sees it, named by its question."""
    item = learned_skill(id, key, kind)
    seen = see_skill(item, vector_of(key))
    return Skill(seen.id, key, seen.kind, seen.key, seen.words, seen.vector)


def asked(
    id: str,
    query: str,
    response: str = "",
    *,
    outcome: Outcome | None = None,
    minutes: float = 0,
    session: str | None = None,
) -> Interaction:
    """An interaction that many minutes after noon, settled at once."""
    at = NOON + timedelta(minutes=minutes)
    return Interaction(
        id=id,
        created_at=at,
        query=query,
        response=response,
        agent_type=AgentType.LOCAL,
        model_used="home",
        session_id=session,
        outcome=outcome,
        settled_at=at if outcome else None,
    )
