"""What counts as trouble, what makes a gap, and when it is filled."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from hybrid_coordinator.domain.interaction import Correction, Interaction, Outcome, OutcomeKind, ValueScore
from hybrid_coordinator.domain.knowledge import Collection, Passage
from hybrid_coordinator.logic.gaps import (
    SYNTHETIC,
    GapPolicy,
    Group,
    Trouble,
    Troubled,
    count_recoveries,
    describe_gap,
    describe_known,
    diagnose,
    group_troubles,
    list_troubles,
)
from learned_items import FAILURE, NOON, SUCCESS, asked, vector_of

POLICY = GapPolicy(min_similarity=0.4)
WORTHLESS = ValueScore(0.1, {}, {})

BOOT = ["Why does the server not boot?", "The server does not boot again", "server boot fails, why?"]


def troubled(id: str, question: str, minutes: float, cost: int = 0) -> Troubled:
    return Troubled(id, question, Trouble.FAILED, NOON + timedelta(minutes=minutes), cost)


def boot_group() -> Group:
    troubles = [troubled(f"t{n}", question, -n, cost=10) for n, question in enumerate(BOOT)]
    (group,) = group_troubles(troubles, np.stack([vector_of(one) for one in BOOT]), POLICY)
    return group


@pytest.mark.parametrize(
    ("interaction", "trouble"),
    [
        (asked("a", "q", outcome=FAILURE), Trouble.FAILED),
        (asked("a", "q", outcome=Outcome(OutcomeKind.PARTIAL, user_feedback=-1)), Trouble.DISLIKED),
        (replace(asked("a", "q", outcome=SUCCESS), value=WORTHLESS), Trouble.LOW_VALUE),
        (asked("a", "q"), Trouble.ESCALATED),
        (replace(asked("a", "q"), failure="the line broke"), None),
        (replace(asked("a", "q", outcome=FAILURE), tags=(SYNTHETIC,)), None),
        (replace(asked("a", "q", outcome=FAILURE), parent_id="b"), None),
        (asked("a", "  ", outcome=FAILURE), None),
    ],
)
def test_what_went_badly_is_told_from_what_says_nothing(interaction: Interaction, trouble: Trouble | None) -> None:
    assert diagnose(interaction, 0.4) is trouble


def test_a_question_that_failed_and_was_corrected_counts_once() -> None:
    corrections = [Correction("c1", NOON, "q", "right", interaction_id="a"), Correction("c2", NOON, "other", "right")]

    troubles = list_troubles([asked("a", "q", outcome=FAILURE)], corrections, 0.4)

    assert {(one.source_id, one.trouble) for one in troubles} == {("a", Trouble.FAILED), ("c2", Trouble.CORRECTED)}


def test_questions_of_a_kind_make_a_gap_and_a_lone_one_does_not() -> None:
    questions = [*BOOT, "How do I peel a mango?"]
    troubles = [troubled(f"t{n}", question, -n) for n, question in enumerate(questions)]

    (group,) = group_troubles(troubles, np.stack([vector_of(one) for one in questions]), POLICY)

    assert [one.question for one in group.questions] == BOOT
    assert "boot" in group.name
    assert group.middle in BOOT


def test_a_gap_tells_its_size_its_money_and_its_newest_examples() -> None:
    known = describe_known(Passage("p", Collection.SKILLS, "text", {"skill_name": "booting"}, 0.3, 0.3))

    gap = describe_gap(boot_group(), 120, known, 0, replace(POLICY, examples=2))

    assert (gap.size, gap.cost, gap.cost_share, gap.filled) == (3, 30, 0.25, False)
    assert [one.question for one in gap.examples] == BOOT[:2]
    assert (gap.first_seen, gap.last_seen) == (NOON - timedelta(minutes=2), NOON)
    assert gap.troubles == {Trouble.FAILED: 3}
    assert gap.known is not None
    assert gap.known.title == "booting"


def test_a_gap_of_what_cost_nothing_has_no_share_of_the_money() -> None:
    assert describe_gap(boot_group(), 0, None, 0, POLICY).cost_share == 0.0


def test_questions_that_succeed_again_fill_a_gap() -> None:
    successes = [
        asked("s1", BOOT[0], outcome=SUCCESS, minutes=1),
        asked("s2", BOOT[1], outcome=SUCCESS, minutes=2),
        asked("too early", BOOT[2], outcome=SUCCESS, minutes=-1),
        asked("of another kind", "How do I peel a mango?", outcome=SUCCESS, minutes=3),
        replace(asked("nobody asked", BOOT[0], outcome=SUCCESS, minutes=3), tags=(SYNTHETIC,)),
    ]

    recovered = count_recoveries(boot_group(), successes, np.stack([vector_of(one.query) for one in successes]), POLICY)

    assert recovered == 2
    assert describe_gap(boot_group(), 0, None, recovered, POLICY).filled


def test_without_any_success_nothing_has_recovered() -> None:
    assert count_recoveries(boot_group(), [], np.empty((0, 256), np.float32), POLICY) == 0


def test_a_passage_without_a_name_goes_by_its_id() -> None:
    assert describe_known(Passage("p1", Collection.SKILLS, "text", {}, 0.3, 0.3)).title == "p1"
