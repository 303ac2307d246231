"""How the cost of merging is counted."""

import pytest

from bench.dedup import Near, Sample, _greedy_figures, _pair_figures, _trap_figures
from bench.dedup_traps import Trap, make_traps

QUESTIONS = (
    "Is port 8080 open?",
    "How do I install NixOS on a laptop?",
    "Should the database be restarted every night after the backup?",
    "Why is my CPU slow?",
)


def _sample(*near: Near) -> Sample:
    """Questions 0 and 1 are of one class, 2 and 3 of two others."""
    return Sample([0, 0, 1, 2], near)


def test_precision_and_recall_are_of_pairs() -> None:
    sample = _sample(Near(0, 1, 0.96, True), Near(0, 2, 0.96, True), Near(1, 3, 0.99, False))

    alone, guarded = (_pair_figures(sample, 0.95, guarded) for guarded in (False, True))

    assert (alone["merged"], alone["precision"], alone["recall"]) == (3, pytest.approx(1 / 3), 1.0)
    assert (guarded["merged"], guarded["precision"], guarded["recall"]) == (2, 0.5, 1.0)


def test_when_nothing_is_merged_there_is_no_precision() -> None:
    figures = _pair_figures(_sample(Near(0, 1, 0.8, True)), 0.95, guarded=False)

    assert (figures["precision"], figures["recall"]) == (None, 0.0)


def test_what_is_merged_into_another_class_is_lost() -> None:
    figures = _greedy_figures(_sample(Near(0, 1, 0.96, True), Near(0, 2, 0.96, True)), 0.95, guarded=False)

    assert figures["lost"] == 0.25
    assert figures["classes_lost"] == pytest.approx(1 / 3)


def test_nothing_is_merged_into_what_is_merged_itself() -> None:
    chain = _sample(Near(0, 1, 0.96, True), Near(1, 2, 0.96, True))

    assert _greedy_figures(chain, 0.95, guarded=False)["lost"] == 0.0


def test_a_sample_without_likes_loses_nothing() -> None:
    figures = _greedy_figures(_sample(), 0.80, guarded=False)

    assert (figures["lost"], figures["classes_lost"]) == (0.0, 0.0)


def test_a_trap_is_caught_by_its_likeness_unless_a_guard_refuses() -> None:
    traps = [Trap("digit", "Is port 80 open?", "Is port 81 open?"), Trap("far", "Why?", "How?")]

    assert _trap_figures(traps, [0.99, 0.1], 0.95, guarded=False)["traps"] == {"digit": [1, 1], "far": [0, 1]}
    assert _trap_figures(traps, [0.99, 0.1], 0.95, guarded=True)["traps"] == {"digit": [0, 1], "far": [0, 1]}


def test_traps_are_made_of_every_kind_and_always_the_same() -> None:
    traps = make_traps(QUESTIONS, seed=7)

    assert {trap.kind for trap in traps} == {"digit", "name", "negation", "word"}
    assert all(trap.question != trap.other for trap in traps)
    assert traps == make_traps(QUESTIONS, seed=7)


def test_a_digit_a_name_and_a_negation_are_each_one_change() -> None:
    by_kind = {trap.kind: trap for trap in make_traps(QUESTIONS, seed=7) if trap.question in QUESTIONS}

    digit, negation = by_kind["digit"], by_kind["negation"]
    assert sum(a != b for a, b in zip(digit.question, digit.other, strict=True)) == 1
    assert negation.other.replace(" not", "", 1) == negation.question
