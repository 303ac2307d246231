"""How what nobody uses fades."""

from dataclasses import replace
from datetime import timedelta

import pytest

from curation import START, learned
from hybrid_coordinator.domain.learning import Stage
from hybrid_coordinator.logic.decay import DecayPolicy, archive, freshness, has_faded

POLICY = DecayPolicy(half_life_days=30, archive_after_days=90)
ITEM = learned("one", "question", "answer")
PROVEN = replace(ITEM, stage=Stage.PROVEN)


def _after(days: float) -> timedelta:
    return timedelta(days=days)


def test_after_its_half_life_something_is_worth_half() -> None:
    assert freshness(ITEM, None, START + _after(30), POLICY) == pytest.approx(0.5)
    assert freshness(ITEM, None, START + _after(60), POLICY) == pytest.approx(0.25)


def test_a_use_makes_it_fresh_again() -> None:
    assert freshness(ITEM, START + _after(30), START + _after(30), POLICY) == 1.0


def test_what_has_proven_itself_fades_more_slowly() -> None:
    now = START + _after(60)

    assert freshness(PROVEN, None, now, POLICY) > freshness(ITEM, None, now, POLICY)
    assert has_faded(ITEM, None, START + _after(90), POLICY)
    assert not has_faded(PROVEN, None, START + _after(90), POLICY)
    assert has_faded(PROVEN, None, START + _after(365), POLICY)


def test_a_clock_that_went_back_ages_nothing() -> None:
    assert freshness(ITEM, None, START - _after(1_000), POLICY) == 1.0
    assert not has_faded(ITEM, None, START - _after(1_000), POLICY)


def test_something_that_changed_lately_is_as_fresh_as_one_made_lately() -> None:
    changed = replace(ITEM, changed_at=START + _after(80))

    assert not has_faded(changed, None, START + _after(90), POLICY)


def test_the_archive_says_how_long_it_was_idle() -> None:
    archived = archive(ITEM, None, START + _after(90))

    assert archived.stage is Stage.ARCHIVED
    assert "90 days" in archived.why
