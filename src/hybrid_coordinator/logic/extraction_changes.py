"""What becomes of the catalogue when an interaction was learned from, or turns out not to be worth it."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from hybrid_coordinator.domain.interaction import Interaction, OutcomeKind
from hybrid_coordinator.domain.knowledge import Draft
from hybrid_coordinator.domain.learning import Change, Learned, Stage
from hybrid_coordinator.domain.trust import lowest, may_teach
from hybrid_coordinator.logic.extraction_check import Extracted
from hybrid_coordinator.logic.extraction_fixes import ERROR_FIX, Fix, fix_draft, testify, witnesses
from hybrid_coordinator.logic.patterns import pattern_draft, pattern_id_of

ACTOR = "extract"
WITHDRAWN = "nothing that it was learned from is a success any more"
"""Why an item is retired that may come back when an outcome is changed again."""

_LIVE = frozenset((Stage.CANDIDATE, Stage.PROVEN, Stage.QUARANTINED, Stage.STALE, Stage.ARCHIVED))


def is_withdrawn(item: Learned) -> bool:
    """Whether it was retired only because of an outcome, and may come back with another."""
    return item.stage is Stage.RETIRED and item.why == WITHDRAWN


def learned_skill(extracted: Extracted, interaction: Interaction, reasons: Sequence[str], now: datetime) -> Learned:
    """A skill at its first stage."""
    value = interaction.value.total if interaction.value else 0.0
    draft = pattern_draft(pattern_id_of(interaction.id), extracted.pattern, interaction, value)
    payload = {**draft.payload, "strategy_tried": extracted.tried, "support": round(extracted.support, 4)}
    return _learned(replace(draft, payload=payload), extracted.strategy, interaction, reasons, now)


def learned_fix(fix: Fix, interaction: Interaction, reasons: Sequence[str], now: datetime) -> Learned:
    """A fix that nobody had found before, at its first stage."""
    draft = fix_draft(pattern_id_of(interaction.id), fix, interaction)
    return replace(_learned(draft, ERROR_FIX, interaction, reasons, now), signature=fix.signature)


def _learned(draft: Draft, strategy: str, interaction: Interaction, reasons: Sequence[str], now: datetime) -> Learned:
    origin = lowest((interaction.origin,))
    held = list(reasons) if may_teach(origin) else [f"its origin is {origin.value}, which may not teach", *reasons]
    return Learned(
        id=draft.id,
        stage=Stage.QUARANTINED if held else Stage.CANDIDATE,
        draft=draft,
        origin=origin,
        learned_from=(interaction.id,),
        strategy=strategy,
        created_at=now,
        changed_at=now,
        rests_on=interaction.context_provided,
        why="; ".join(held),
    )


def enter(item: Learned, known: Learned | None) -> list[Change]:
    """The change that brings a new item in; nothing when it is known, unless it had only been withdrawn."""
    if known is not None and not is_withdrawn(known):
        return []
    action = "quarantine" if item.stage is Stage.QUARANTINED else "learn"
    after = item if known is None else replace(item, created_at=known.created_at)
    return [Change(item.id, action, known, after, ACTOR, item.why)]


def confirm(fix: Learned, interaction: Interaction, now: datetime) -> list[Change]:
    """The change by which a known fix has worked once more; nothing when that is known, or a person or a measurement
    has done away with it."""
    if not (fix.served or is_withdrawn(fix)) or interaction.id in witnesses(fix.draft.payload)[0]:
        return []
    after = replace(
        _retold(fix, interaction.id, OutcomeKind.SUCCESS, now),
        stage=fix.stage if fix.served else Stage.CANDIDATE,
        why=fix.why if fix.served else "",
        origin=lowest((fix.origin, interaction.origin)),
        learned_from=(*(fix.learned_from if fix.served else ()), interaction.id),
    )
    return [] if after.draft == fix.draft else [Change(fix.id, "learn", fix, after, ACTOR, "it worked once more")]


def disprove(fix: Learned, interaction: Interaction, now: datetime) -> list[Change]:
    """The change by which a known fix has failed; it goes on being served until a measurement says otherwise."""
    if not fix.served or interaction.id in witnesses(fix.draft.payload)[1]:
        return []
    after = _retold(fix, interaction.id, OutcomeKind.FAILURE, now)
    return [] if after.draft == fix.draft else [Change(fix.id, "learn", fix, after, ACTOR, "it did not work")]


def withdraw(items: Sequence[Learned], interaction: Interaction, now: datetime) -> list[Change]:
    """The changes by which an interaction has taught nothing: what was learned from it alone is retired, what others
    confirm goes on without it."""
    return [
        _without(item, interaction, now)
        for item in items
        if item.stage in _LIVE and interaction.id in item.learned_from
    ]


def _without(item: Learned, interaction: Interaction, now: datetime) -> Change:
    failed = interaction.outcome is not None and interaction.outcome.kind is OutcomeKind.FAILURE
    told = _retold(item, interaction.id, OutcomeKind.FAILURE if failed else None, now)
    if item.learned_from == (interaction.id,):
        return Change(item.id, "retire", item, replace(told, stage=Stage.RETIRED, why=WITHDRAWN), ACTOR, WITHDRAWN)
    others = tuple(one for one in item.learned_from if one != interaction.id)
    why = "one of those it was learned from is no success any more"
    return Change(item.id, "learn", item, replace(told, learned_from=others), ACTOR, why)


def _retold(item: Learned, interaction_id: str, outcome: OutcomeKind | None, now: datetime) -> Learned:
    """The item with what an interaction says of it; only fixes keep count of that."""
    if item.strategy != ERROR_FIX:
        return replace(item, changed_at=now)
    payload = testify(item.draft.payload, interaction_id, outcome)
    return replace(item, draft=replace(item.draft, payload=payload), changed_at=now)
