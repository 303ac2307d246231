"""Interactions that tests record: a plain one, and one in which every field is unlike its default."""

from datetime import UTC, datetime, timedelta

from hybrid_coordinator.domain.interaction import (
    AgentType,
    CacheUse,
    Interaction,
    Outcome,
    OutcomeKind,
    PreferencePair,
    ValueScore,
)
from hybrid_coordinator.domain.query import Profile, Speciality
from hybrid_coordinator.domain.route import Route, Target
from hybrid_coordinator.domain.trust import Origin

NOON = datetime(2026, 3, 4, 12, 0, 0, 123456, tzinfo=UTC)
ROUTE = Route(
    target=Target.LOCAL_THEN_REMOTE,
    attempts=("small", "large"),
    reason="seen before, 92% alike",
    confidence=0.1 + 0.2,
    relevance=1 / 3,
    complexity=7,
    speciality=Speciality.CODE,
    profile=Profile.CRITICAL,
)
SUCCESS = Outcome(OutcomeKind.SUCCESS, user_feedback=1, iterations=2, copied=True, modified=True)
FAILURE = Outcome(OutcomeKind.FAILURE, user_feedback=-1)
GOOD = ValueScore(0.86, {"outcome": 1.0, "feedback": 0.65}, {"outcome": 0.6, "feedback": 0.4})
BAD = ValueScore(0.2, {"outcome": 0.0, "feedback": 0.5}, {"outcome": 0.6, "feedback": 0.4})


def plain(interaction_id: str, *, minute: int = 0) -> Interaction:
    return Interaction(
        id=interaction_id,
        created_at=NOON + timedelta(minutes=minute),
        query="How is nginx configured?",
        response="In nixos/nginx.nix.",
        agent_type=AgentType.LOCAL,
        model_used="small",
    )


FULL = Interaction(
    id="full",
    created_at=NOON,
    query="Wie spät? 🕰",
    response="Zwölf.",
    agent_type=AgentType.REMOTE,
    model_used="large",
    context_provided=("p2", "p1"),
    session_id="s",
    parent_id="earlier",
    input_tokens=11,
    output_tokens=12,
    tokens_used=23,
    latency_ms=340,
    first_token_ms=56,
    cost=9_000_000_000_000,
    tokens_saved=78,
    cost_saved=90,
    route=ROUTE,
    tags=("b", "a"),
    failure="the caller hung up",
    outcome=SUCCESS,
    settled_at=NOON + timedelta(seconds=1),
    value=GOOD,
    asker="colleague",
    cache=CacheUse.SEMANTIC,
    cache_read_tokens=5,
    cache_write_tokens=6,
    holdout=True,
    similarities=(0.1 + 0.2, 1.0),
    withheld=("p3",),
    origin=Origin.TOOL_OUTPUT_EXTERNAL,
    channel="telemetry:ralph-events",
)
PAIR = PreferencePair(
    "pair", NOON, "Which port?\x00", "8092", "80\ud800", why="escalation", chosen_id="full", rejected_id="small"
)
