"""How the answers of models fared, session by session; added up by the database."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Double, Row, Select, and_, case, cast, func, not_, or_, select

from hybrid_coordinator.backends.ledger.spending import CREDIT
from hybrid_coordinator.backends.ledger.tables import SESSION, exclusions, interactions, tags
from hybrid_coordinator.domain.interaction import HUNG_UP, REJECTED_TAG, CacheUse
from hybrid_coordinator.domain.learning import Arm
from hybrid_coordinator.domain.measures import Fared
from hybrid_coordinator.logic.gaps import SYNTHETIC

_I = interactions.c


def read_fared(connection: Connection, models: Sequence[str], since: datetime) -> Mapping[str, Fared]:
    """By model, each of these."""
    sessions = _sessions(models, since).subquery().c
    counts = (func.sum(sessions[name]).label(name) for name in ("answers", "rejected", "failed", "waited_ms", "waits"))
    sums = select(
        sessions.model,
        func.count(sessions.credit).label("sessions"),
        func.sum(sessions.credit).label("credit"),
        func.sum(sessions.credit * sessions.credit).label("squares"),
        *counts,
    ).group_by(sessions.model)
    found = {row.model: _fared(row) for row in connection.execute(sums)}
    return {model: found.get(model, Fared()) for model in models}


def _sessions(models: Sequence[str], since: datetime) -> Select[Any]:
    rejected = _REJECTION.c.place.is_not(None)
    failed = and_(_I.failure.is_not(None), _I.failure != HUNG_UP)
    wrong = or_(rejected, failed, _I.user_feedback == -1)
    return (
        select(
            _I.model_used.label("model"),
            func.avg(cast(case((wrong, 0.0), else_=CREDIT), Double)).label("credit"),
            func.count().label("answers"),
            func.count(_REJECTION.c.place).label("rejected"),
            func.count(case((and_(failed, not_(rejected)), 1))).label("failed"),
            func.sum(_I.first_token_ms).label("waited_ms"),
            func.count(_I.first_token_ms).label("waits"),
        )
        .select_from(_ANSWERS)
        .where(_I.model_used.in_(models), _I.created_at >= since, _COUNTED)
        .group_by(_I.model_used, SESSION)
    )


_REJECTION, _PRACTICE = tags.alias(), tags.alias()

_ANSWERS = (
    interactions.outerjoin(_REJECTION, and_(_REJECTION.c.tag == REJECTED_TAG, _REJECTION.c.place == _I.place))
    .outerjoin(_PRACTICE, and_(_PRACTICE.c.tag == SYNTHETIC, _PRACTICE.c.place == _I.place))
    .outerjoin(exclusions, exclusions.c.interaction_id == _I.id)
)
"""Each with its tags that matter; joined, they are looked up once an answer."""

_COUNTED = and_(
    _I.cache == CacheUse.NONE.value,
    _I.channel.not_in((SYNTHETIC, "track")),
    _I.channel.not_like("telemetry:%"),
    _PRACTICE.c.place.is_(None),
    exclusions.c.interaction_id.is_(None),
)


def _fared(row: Row[Any]) -> Fared:
    arm = Arm(row.sessions, row.credit or 0.0, row.squares or 0.0, row.sessions)
    wait = float(row.waited_ms) / int(row.waits) if row.waits else None
    return Fared(arm, int(row.answers), int(row.rejected), int(row.failed), wait)
