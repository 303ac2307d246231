"""What is learned from outcomes, when it is believed, and what is promised on the strength of it."""

import math
from itertools import product

import numpy as np
import pytest

from hybrid_coordinator.domain.evidence import Asked, Evidence, Trial
from hybrid_coordinator.domain.knowledge import Collection
from hybrid_coordinator.errors import Damaged
from hybrid_coordinator.logic.learned_router import LearnedModel, fit_model, judge_untaught
from hybrid_coordinator.logic.router_calibration import calibrate, threshold_for, threshold_sending
from hybrid_coordinator.logic.router_form import describe_form
from hybrid_coordinator.logic.router_question import asked_part
from hybrid_coordinator.logic.router_storage import dump_model, load_model, pack_features, unpack_features
from hybrid_coordinator.logic.router_trust import LearningPolicy, deserves_trust, drifted, explores
from hybrid_coordinator.logic.router_words import learn_vocabulary

POLICY = LearningPolicy()
FOUND = Collection.SKILLS.value
EASY, HARD = "restart the unit", "prove the theorem"


def asked(text: str, similarity: float | None = None) -> Asked:
    """A question whose meaning is one of two, by its first word."""
    vector = (1.0, 0.0) if text.startswith("restart") else (0.0, 1.0)
    return Asked(text, vector, {} if similarity is None else {FOUND: similarity})


def two_kinds(count: int) -> list[Evidence]:
    """Home does well on one kind of question and not on the other, nine times in ten."""
    kinds = (EASY, HARD)
    return [
        Evidence(asked(f"{kinds[index % 2]} number {index}"), float((index % 2 == 0) != (index % 20 > 17)), 1.0)
        for index in range(count)
    ]


def fitted(rows: list[Evidence], policy: LearningPolicy = POLICY) -> LearnedModel:
    model = fit_model(rows, policy)
    assert model is not None
    return model


def test_a_kind_that_was_answered_well_at_home_is_likely_to_be_again() -> None:
    model = fitted(two_kinds(120))

    assert model.judge(asked(f"{EASY} number 777")).p > 0.7
    assert model.judge(asked(f"{HARD} number 777")).p < 0.3


def test_enough_evidence_that_beats_the_tree_is_trusted() -> None:
    assert fitted(two_kinds(60)).trusted
    assert not fitted(two_kinds(40)).trusted


def test_outcomes_of_one_sort_alone_are_not_trusted() -> None:
    rows = [Evidence(row.asked, 1.0) for row in two_kinds(100)]

    assert not fitted(rows).trusted


def test_outcomes_that_follow_no_rule_are_not_trusted() -> None:
    coins = np.random.default_rng(5).integers(0, 2, 100)
    rows = [Evidence(row.asked, float(coin)) for row, coin in zip(two_kinds(100), coins, strict=True)]

    assert not fitted(rows).trusted


def test_local_outcomes_alone_suffice_to_learn() -> None:
    rows = [Evidence(row.asked, row.local) for row in two_kinds(120)]

    model = fitted(rows)

    assert model.judge(asked(f"{EASY} number 777")).p > 0.7
    assert model.judge(asked(f"{HARD} number 777")).p < 0.3


def test_rows_that_nobody_answered_at_home_teach_nothing() -> None:
    rows = [Evidence(asked(HARD), None, 1.0)] * 40

    assert fit_model(rows, POLICY) is None


def test_where_remote_is_no_better_home_suffices() -> None:
    rows = [Evidence(row.asked, 0.0, 0.0) for row in two_kinds(60)]

    assert fitted(rows).judge(asked(HARD)).p > 0.8


def test_what_was_found_counts() -> None:
    similarities = [0.05 * step for step in range(20)] * 5
    rows = [Evidence(asked(EASY, similarity), float(similarity > 0.5)) for similarity in similarities]

    model = fitted(rows)

    assert model.judge(asked(EASY, 0.9)).p > 0.7
    assert model.judge(asked(EASY, 0.1)).p < 0.3


def test_a_group_is_never_judged_by_its_own_members() -> None:
    coins = np.random.default_rng(1).integers(0, 2, 30)
    texts = [f"{word} {number}" for number, word in product(range(30), ("restart", "stop", "start", "reload"))]
    vectors = np.random.default_rng(2).normal(size=(30, 16))
    rows = [
        Evidence(Asked(text, tuple(vectors[index // 4])), float(coins[index // 4]), group=str(index // 4))
        for index, text in enumerate(texts)
    ]
    alone = [Evidence(row.asked, row.local) for row in rows]

    assert np.mean(fitted(alone).held_out.errors()) < 0.15
    assert np.mean(fitted(rows).held_out.errors()) > 0.2


def test_only_the_latest_rows_are_learned_from() -> None:
    before = [Evidence(row.asked, 1.0 - (row.local or 0.0)) for row in two_kinds(100)]

    model = fitted([*before, *two_kinds(100)], LearningPolicy(most_rows=100))

    assert len(model.weights) == 100
    assert model.judge(asked(EASY)).p > 0.7


def test_a_judgement_names_the_past_it_stands_on() -> None:
    judgement = fitted(two_kinds(120)).judge(asked(EASY))

    assert judgement.reason.startswith("of the 12 most similar questions asked before, ")
    assert judgement.reason.endswith(f"p {judgement.p:.2f}")
    assert judgement.evidence == 120


def test_untaught_a_short_question_with_a_near_passage_is_the_likeliest_to_stay() -> None:
    long = "design " + "a very long machine with many parts " * 20

    assert judge_untaught(asked(EASY, 0.9)).p > judge_untaught(asked(EASY)).p > judge_untaught(asked(long)).p
    assert not judge_untaught(asked(EASY, 1.0)).trusted


def test_two_rows_shift_the_untaught_order_only_a_little() -> None:
    model = fitted([Evidence(asked(EASY), 1.0, 1.0), Evidence(asked(HARD), 0.0, 1.0)])

    assert 0.3 < model.judge(asked(HARD)).p < model.judge(asked(EASY)).p < 0.9


@pytest.mark.parametrize("text", ["", "\x00", "9" * 50_000, "a" * 50_000, "\ud800", "¿" * 9_000, "A) \n" * 9_000])
def test_any_text_is_judged(text: str) -> None:
    p = fitted(two_kinds(60)).judge(Asked(text, (1.0, 0.0))).p

    assert 0.0 < p < 1.0
    assert all(map(math.isfinite, describe_form(text)))


def test_a_dumped_model_judges_as_before() -> None:
    model = fitted(two_kinds(80))

    restored = load_model(dump_model(model))

    assert restored.judge(asked(EASY)) == model.judge(asked(EASY))
    assert restored.held_out.trials() == model.held_out.trials()


@pytest.mark.parametrize("stored", [b"", b"no archive", b"PK\x03\x04"])
def test_a_damaged_model_is_refused(stored: bytes) -> None:
    with pytest.raises(Damaged, match="learned anew"):
        load_model(stored)


def test_every_cut_of_a_stored_model_is_refused() -> None:
    stored = dump_model(fitted(two_kinds(20)))

    for length in range(0, len(stored) - 1, 97):
        with pytest.raises(Damaged):
            load_model(stored[:length])


def test_features_come_back_to_three_digits() -> None:
    before = Asked(EASY, (0.6, -0.8, 0.123456), {FOUND: 0.875})

    after = unpack_features(EASY, pack_features(before))

    assert after.similarities == before.similarities
    assert after.vector == pytest.approx(before.vector, abs=1e-3)


@pytest.mark.parametrize("features", [b"", b"{}\n\x00", b"[]\n", b'{"a": "b"}\n'])
def test_features_that_are_none_are_refused(features: bytes) -> None:
    with pytest.raises(Damaged):
        unpack_features(EASY, features)


def test_worked_examples_are_not_part_of_the_question() -> None:
    examples = "What is 1 + 1?\nAnswer:\n2\n\nWhat is 2 + 2?\nAnswer: 4\n\n"

    assert asked_part(f"{examples}What is 3 + 3?\nAnswer:") == "What is 3 + 3?\nAnswer:"


@pytest.mark.parametrize(
    "text", ["", "What is 3 + 3?", "Note: a\n\nWhat is 3 + 3?\nAnswer:", "Answer: no\n\nreally", "the log says:\nerror"]
)
def test_a_text_without_answered_examples_asks_as_a_whole(text: str) -> None:
    assert asked_part(text) == text


def test_the_part_that_asks_is_found_once_and_for_all() -> None:
    text = "Q: a\nA: b\n\nQ: c\nA: d\n\nQ: e\nA:"

    assert asked_part(asked_part(text)) == asked_part(text) == "Q: e\nA:"


def test_a_term_of_one_text_alone_is_not_in_the_vocabulary() -> None:
    vocabulary = learn_vocabulary(["red apple", "red pear"])

    assert len(vocabulary.terms) == 1
    assert vocabulary.weigh(["red", "apple"]).tolist() == [[1.0], [0.0]]


def test_calibration_never_turns_the_order_round() -> None:
    shortfalls = np.linspace(-0.5, 0.5, 40)

    p = calibrate(shortfalls, suffices=(shortfalls > 0).astype(float)).apply(shortfalls)

    assert (np.diff(p) < 0).all()


def test_calibrated_probabilities_come_true() -> None:
    generator = np.random.default_rng(0)
    truth = generator.uniform(0.05, 0.95, 4000)
    suffices = (generator.uniform(size=4000) < truth).astype(float)

    p = calibrate(0.1 * np.log(1 / truth - 1), suffices).apply(0.1 * np.log(1 / truth - 1))

    assert np.abs(p - truth).max() < 0.05


def trials(*rows: tuple[float, float, float]) -> list[Trial]:
    return [Trial(*row) for row in rows]


def test_the_threshold_of_a_promise_keeps_it_and_no_lower_one_does() -> None:
    known = trials((0.9, 1, 1), (0.8, 1, 1), (0.4, 0, 1), (0.2, 0, 1))

    assert threshold_for(0.75, known, caution=0.0) == 0.2
    assert threshold_for(1.0, known, caution=0.0) == 0.4
    assert threshold_for(0.5, known, caution=0.0) == 0.0


def test_a_promise_that_nothing_keeps_sends_everything_away() -> None:
    assert threshold_for(0.97, trials((0.9, 0, 1), (0.8, 0, 1))) == 1.0
    assert threshold_for(0.97, []) == 1.0


def test_few_trials_are_no_ground_for_a_promise() -> None:
    few = trials(*([(0.9, 1, 1)] * 9), (0.5, 0, 1))

    assert threshold_for(0.85, few, caution=0.0) == 0.0
    assert threshold_for(0.85, few) == 0.5


def test_questions_of_one_probability_stay_together() -> None:
    assert threshold_for(0.9, trials((0.5, 1, 1), (0.5, 0, 1)), caution=0.0) == 1.0


def test_the_asked_share_of_trials_lies_below_its_threshold() -> None:
    known = [Trial(index / 100, 1.0, 1.0) for index in range(100)]

    threshold = threshold_sending(0.3, known)

    assert threshold is not None
    assert sum(trial.p < threshold for trial in known) == 30
    assert threshold_sending(0.3, []) is None


def test_worse_than_the_tree_is_not_trusted() -> None:
    suffices = np.array([0.0, 1.0] * 50)
    right, undecided = np.where(suffices > 0, 0.9, 0.1), np.full(100, 0.45)

    assert deserves_trust(right, undecided, suffices, POLICY)
    assert not deserves_trust(right, suffices, suffices, POLICY)
    assert not deserves_trust(undecided, 1 - suffices, suffices, POLICY)


def test_errors_that_grew_beyond_chance_are_drift() -> None:
    held_out = [0.04, 0.09, 0.16, 0.04] * 30

    assert drifted([0.6, 0.8] * 15, held_out, POLICY)
    assert not drifted([0.04, 0.16] * 15, held_out, POLICY)
    assert not drifted([0.9] * (POLICY.drift_least - 1), held_out, POLICY)


def test_the_exploration_share_is_kept() -> None:
    policy = LearningPolicy(exploration=0.05)

    assert sum(explores(step / 1000, policy) for step in range(1000)) == 50
    assert not explores(0.0, LearningPolicy(exploration=0.0))


def test_the_more_is_known_the_more_new_outcomes_it_takes_to_learn_again() -> None:
    assert POLICY.refit_due(25, rows=100)
    assert not POLICY.refit_due(25, rows=2000)
    assert POLICY.refit_due(100, rows=2000)


def test_rows_that_speak_against_the_prior_silence_it() -> None:
    long = "a long question about the same thing " * 5
    rows = [
        Evidence(Asked(long if index % 2 else "short", (1.0, 0.0)), float(index % 2), 1.0, group=str(index))
        for index in range(80)
    ]

    model = fitted(rows)

    assert judge_untaught(rows[0].asked).p > judge_untaught(rows[1].asked).p
    assert model.judge(rows[0].asked).p < 0.2 < 0.8 < model.judge(rows[1].asked).p
