"""When two learned things are one, and how they come apart again."""

from dataclasses import replace
from datetime import timedelta

import pytest

from curation import START, learned
from hybrid_coordinator.domain.knowledge import Collection
from hybrid_coordinator.domain.learning import Arm, Stage
from hybrid_coordinator.domain.trust import Origin
from hybrid_coordinator.logic.merging import MergePolicy, choose_kept, merge, part_from, refuse_merge

POLICY = MergePolicy()
LATER = START + timedelta(days=9)
ASKED = "How do I restart the billing service?"
STEPS = "1. Run `systemctl restart billing`.\n2. Wait 30 seconds.\n3. Check that port 8080 answers."
ONE = learned("one", ASKED, STEPS)
NOTHING = Arm()


def test_the_same_question_with_the_same_answer_is_one() -> None:
    other = learned("other", "how do I restart the billing service", STEPS)

    assert refuse_merge(ONE, other, 1.0, POLICY) is None


def test_it_does_not_matter_which_of_the_two_comes_first() -> None:
    other = learned("other", "How can I restart the billing service?", STEPS)

    assert refuse_merge(ONE, other, 0.97, POLICY) == refuse_merge(other, ONE, 0.97, POLICY)


@pytest.mark.parametrize(
    "answer",
    [
        STEPS.replace("30", "300"),
        STEPS.replace("8080", "8081"),
        STEPS.replace("Wait", "Do not wait"),
        STEPS.replace("systemctl restart billing", "systemctl restart mailing"),
        STEPS.replace("systemctl restart", "systemctl --force restart"),
        STEPS.replace("systemctl restart billing", "/opt/billing/restart"),
        STEPS.replace("restart billing", "stop billing"),
        STEPS.replace("Wait 30 seconds", "Wait 30 seconds before the restart"),
        STEPS.replace("2. Wait 30 seconds.\n", ""),
        STEPS.replace("answers", "answers within 2 minutes"),
        "Reinstall the package, then read the manual of the operating system.",
    ],
)
def test_an_answer_that_differs_in_what_matters_stays_apart(answer: str) -> None:
    assert refuse_merge(ONE, learned("other", ASKED, answer), 1.0, POLICY) is not None


@pytest.mark.parametrize(
    ("asked", "one", "other"),
    [
        ("Is debug mode enabled?", "Debug mode is enabled on the host.", "Debug mode is disabled on the host."),
        ("Does it run before or after the tests?", "It runs before the tests.", "It runs after the tests."),
        ("Is the second factor required?", "It is optional for all of us.", "It is required for all of us."),
    ],
)
def test_a_question_that_names_an_opposite_does_not_hide_it_in_the_answer(asked: str, one: str, other: str) -> None:
    assert refuse_merge(learned("one", asked, one), learned("other", asked, other), 1.0, POLICY) == "answer"


@pytest.mark.parametrize(
    "asked",
    [
        "How do I restart the mailing service?",
        "How do I stop the billing service?",
        "How do I not restart the billing service?",
        "How do I restart the billing service v2?",
        "How do I restart 2 billing services?",
        "How do I restart the billing service with --now?",
        "How do I restart the billing service in /opt/two?",
    ],
)
def test_a_question_that_differs_in_what_matters_stays_apart(asked: str) -> None:
    assert refuse_merge(ONE, learned("other", asked, STEPS), 0.99, POLICY) is not None


def test_below_the_threshold_nothing_is_one() -> None:
    assert refuse_merge(ONE, replace(ONE, id="other"), 0.949, POLICY) == "likeness"


def test_nothing_is_merged_across_collections() -> None:
    other = learned("other", ASKED, STEPS, collection=Collection.PRACTICES)

    assert refuse_merge(ONE, other, 1.0, POLICY) == "collection"


def test_two_errors_with_other_signatures_stay_apart() -> None:
    one, other = (replace(ONE, id=id, signature=f"error {id}") for id in ("a", "b"))

    assert refuse_merge(one, other, 1.0, POLICY) == "signature"


@pytest.mark.parametrize("origin", [Origin.TOOL_OUTPUT_EXTERNAL, Origin.UNTRUSTED_DOCUMENT])
def test_what_may_teach_is_not_merged_with_what_may_not(origin: Origin) -> None:
    assert refuse_merge(ONE, replace(ONE, id="other", origin=origin), 1.0, POLICY) == "trust"


def test_a_persons_word_is_not_merged_with_a_models() -> None:
    assert refuse_merge(ONE, replace(ONE, id="other", origin=Origin.DIRECT_USER), 1.0, POLICY) == "trust"


def test_the_proven_one_is_kept() -> None:
    proven = learned("proven", ASKED, STEPS, days=3, stage=Stage.PROVEN)

    assert choose_kept(ONE, proven, NOTHING, NOTHING) == (proven, ONE)


def test_of_two_candidates_the_one_that_fared_better_is_kept() -> None:
    younger = learned("younger", ASKED, STEPS, days=3)

    assert choose_kept(ONE, younger, Arm(4, 1.0, 1.0), Arm(4, 3.0, 3.0)) == (younger, ONE)


def test_without_any_proof_the_older_one_is_kept() -> None:
    younger = learned("younger", ASKED, STEPS, days=3)

    assert choose_kept(younger, ONE, NOTHING, NOTHING) == (ONE, younger)


def test_the_kept_one_is_made_of_what_both_were_made_of_and_trusted_like_the_lower() -> None:
    other = learned("other", ASKED, STEPS, origin=Origin.TOOL_OUTPUT_INTERNAL, learned_from=("from one", "x"))

    kept, gone = merge(ONE, other, LATER)

    assert kept.learned_from == ("from one", "x")
    assert kept.origin is Origin.TOOL_OUTPUT_INTERNAL
    assert (gone.stage, gone.replaced_by) == (Stage.MERGED, "one")


def test_parted_again_the_kept_one_is_what_it_was() -> None:
    other = learned("other", ASKED, STEPS, origin=Origin.TOOL_OUTPUT_INTERNAL)
    kept, gone = merge(ONE, other, LATER)

    assert part_from(kept, ONE, gone, [], ONE.changed_at) == ONE


def test_parted_from_one_it_keeps_what_another_brought() -> None:
    second = learned("second", ASKED, STEPS, origin=Origin.TOOL_OUTPUT_INTERNAL)
    third = learned("third", ASKED, STEPS, learned_from=("from second", "from third"))
    with_second, gone_second = merge(ONE, second, LATER)
    with_both, gone_third = merge(with_second, third, LATER)

    without_second = part_from(with_both, ONE, gone_second, [gone_third], LATER)
    without_third = part_from(with_both, ONE, gone_third, [gone_second], LATER)

    assert without_second.learned_from == ("from one", "from second", "from third")
    assert without_second.origin is Origin.MODEL_INFERENCE
    assert without_third.learned_from == ("from one", "from second")
    assert without_third.origin is Origin.TOOL_OUTPUT_INTERNAL


def test_a_persons_approval_outlives_the_parting() -> None:
    kept, gone = merge(ONE, learned("other", ASKED, STEPS, origin=Origin.TOOL_OUTPUT_INTERNAL), LATER)
    approved = replace(kept, origin=Origin.DIRECT_USER)

    assert part_from(approved, ONE, gone, [], LATER).origin is Origin.DIRECT_USER
