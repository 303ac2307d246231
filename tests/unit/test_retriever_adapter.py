"""What search learns as a matrix: how it is fitted, kept, and judged."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from hybrid_coordinator.domain.versions import Decision
from hybrid_coordinator.errors import Damaged
from hybrid_coordinator.logic.retriever_adapter import (
    Example,
    FittingPolicy,
    Floats,
    dump_adapters,
    fingerprint,
    fit_adapter,
    load_adapters,
    move,
)
from hybrid_coordinator.logic.retriever_gate import (
    AGREEMENT,
    NDCG,
    RECIPROCAL_RANK,
    RetrieverPolicy,
    Searched,
    agreement,
    decide,
    hold_out,
    measure_search,
    ndcg,
    reciprocal_rank,
)

START = datetime(2026, 1, 1, tzinfo=UTC)
POLICY = RetrieverPolicy(least_held_out=4)


def units(count: int, dimension: int, seed: int) -> Floats:
    vectors = np.random.default_rng(seed).normal(size=(count, dimension))
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


def example(n: int, accepted: str, rejected: tuple[str, ...] = (), family: str = "") -> Example:
    at = START + timedelta(minutes=n)
    return Example(f"question {n}", family or f"f{n}", at, (accepted,), rejected, f"i{n}")


QUESTIONS = units(40, 16, 1)
PASSAGES = {f"p{n}": vector for n, vector in enumerate(units(8, 16, 2))}
TAUGHT = [example(n, f"p{int(np.argmax(QUESTIONS[n]) % 8)}", tuple(PASSAGES)) for n in range(40)]


def loss(adapter: Floats) -> float:
    moved = move(QUESTIONS, adapter)
    cosines = moved @ np.array(list(PASSAGES.values())).T / FittingPolicy().temperature
    right = [list(PASSAGES).index(one.accepted[0]) for one in TAUGHT]
    return float(np.mean(np.log(np.exp(cosines).sum(axis=1)) - cosines[range(40), right]))


def fit(policy: FittingPolicy | None = None) -> Floats:
    return fit_adapter(TAUGHT, QUESTIONS, dict(PASSAGES), policy or FittingPolicy())


def test_what_was_right_comes_nearer_than_what_was_not() -> None:
    assert loss(fit()) < 0.8 * loss(np.zeros((16, 16), np.float32))


def test_a_step_goes_down_the_very_slope_of_the_loss() -> None:
    rate = 1e-4
    one_step = fit(FittingPolicy(steps=1, rate=rate))
    step = np.asarray(1e-2 * one_step / np.linalg.norm(one_step), np.float32)

    measured = (loss(step) - loss(-step)) / 2e-2

    assert measured == pytest.approx(-np.linalg.norm(one_step) / rate, rel=0.02)


def test_the_same_outcomes_give_the_same_matrix() -> None:
    assert fingerprint(fit()) == fingerprint(fit())


def test_questions_stay_of_unit_length() -> None:
    assert np.linalg.norm(move(QUESTIONS, fit()), axis=1) == pytest.approx(1.0, abs=1e-5)


def test_of_passages_that_are_gone_nothing_is_learned() -> None:
    assert not fit_adapter(TAUGHT, QUESTIONS, {"another": PASSAGES["p1"]}, FittingPolicy()).any()


def test_what_was_kept_is_found_again_whole() -> None:
    adapter = fit()

    [(name, found)] = load_adapters(dump_adapters({"tiny+v1": adapter})).items()

    assert (name, fingerprint(found)) == ("tiny+v1", fingerprint(adapter))
    assert load_adapters(b"") == {}


@pytest.mark.parametrize("spoilt", [b"no archive", dump_adapters({"a": np.zeros((2, 2), np.float32)})[:-40]])
def test_what_cannot_be_read_is_damaged(spoilt: bytes) -> None:
    with pytest.raises(Damaged, match="learned anew"):
        load_adapters(spoilt)


def test_questions_first_asked_last_are_held_out_and_nothing_of_them_is_learned_from() -> None:
    examples = [example(n, "p1", family=f"f{n % 6}") for n in range(8)]

    taught, held_out = hold_out(examples[::-1], POLICY)

    assert [one.source for one in held_out] == ["i4", "i5"]
    assert [one.source for one in taught] == ["i0", "i1", "i2", "i3", "i6", "i7"]


def test_where_everything_is_asked_again_and_again_most_is_still_learned_from() -> None:
    taught, held_out = hold_out([example(n, "p1", family=f"f{n % 8}") for n in range(80)], POLICY)

    assert (len(taught), len(held_out)) == (60, 20)


def test_ranks_are_scored_as_usual() -> None:
    assert reciprocal_rank(["a", "b", "c"], ["c", "b"]) == 0.5
    assert reciprocal_rank(["a"] * 10 + ["b"], ["b"]) == 0.0
    assert ndcg(["a", "b"], ["b"]) == pytest.approx(0.6309, abs=1e-4)
    assert ndcg(["a", "b"], ["a", "b", "c"]) == pytest.approx(0.7654, abs=1e-4)
    assert agreement(["a", "b", "c", "d"], ["b", "x", "a", "y"]) == 0.5
    assert agreement([], ["a"]) == 1.0


def searched(before: str, after: str, count: int) -> list[Searched]:
    return [Searched(f"f{n}", tuple(before), tuple(after), ("r",)) for n in range(count)]


UNTOUCHED = [Searched(f"u{n}", tuple("abcde"), tuple("abcdx")) for n in range(6)]


def test_a_gain_on_unseen_questions_is_used() -> None:
    measured = measure_search([*searched("abr", "rab", 8), *UNTOUCHED])

    verdict = decide(measured, 8, POLICY)

    assert [one.metric for one in measured] == [RECIPROCAL_RANK, NDCG, AGREEMENT]
    assert verdict.decision is Decision.PROMOTE
    assert verdict.why.startswith("it finds better what was right: reciprocal rank 0.33 → 1.00")


def test_a_loss_is_rejected() -> None:
    assert decide(measure_search(searched("rab", "abr", 8)), 8, POLICY).decision is Decision.ROLL_BACK


def test_a_gain_that_may_be_chance_is_held() -> None:
    mixed = [*searched("abr", "rab", 5), *(replace(one, family=f"g{one.family}") for one in searched("rab", "abr", 4))]

    assert decide(measure_search(mixed), 9, POLICY).decision is Decision.HOLD


def test_too_few_held_out_questions_decide_nothing() -> None:
    verdict = decide(measure_search(searched("abr", "rab", 3)), 3, POLICY)

    assert verdict.decision is Decision.HOLD
    assert verdict.why == "3 held-out questions are too few to judge by; 4 are needed"


def test_what_upsets_questions_that_nobody_judged_is_held() -> None:
    upset = [replace(one, after=tuple("vwxyz")) for one in UNTOUCHED]

    verdict = decide(measure_search([*searched("abr", "rab", 8), *upset]), 8, POLICY)

    assert verdict.decision is Decision.HOLD
    assert verdict.why.startswith("it changes too much where nobody judged")
