"""Which passage an answer goes without."""

import pytest

from hybrid_coordinator.domain.knowledge import Collection, Passage
from hybrid_coordinator.logic.withholding import WithholdingPolicy, choose_withheld

POLICY = WithholdingPolicy()
ANSWERS = [f"answer {number}" for number in range(20_000)]


def passage(name: str, stage: str | None, origin: str = "model_inference") -> Passage:
    payload = {"stage": stage, "origin": origin} if stage else {"origin": origin}
    return Passage(name, Collection.SKILLS, "text", payload, 0.9, 0.9)


@pytest.mark.parametrize(("stage", "share"), [("candidate", 0.10), ("proven", 0.02)])
def test_the_share_that_goes_without_is_the_policy_s(stage: str, share: float) -> None:
    held = sum(choose_withheld(answer, [passage("p", stage)], POLICY) is not None for answer in ANSWERS)

    assert held / len(ANSWERS) == pytest.approx(share, abs=0.008)


@pytest.mark.parametrize(
    "kept", [passage("p", "candidate", "direct_user"), passage("p", "proven", "direct_user"), passage("p", None)]
)
def test_a_person_s_own_word_and_what_was_not_learned_are_never_withheld(kept: Passage) -> None:
    always = WithholdingPolicy(candidate_share=1.0, proven_share=1.0)

    assert choose_withheld("answer", [kept], always) is None


def test_an_answer_goes_without_one_at_most_and_always_the_same() -> None:
    always = WithholdingPolicy(candidate_share=1.0)
    shown = [passage("a", "candidate"), passage("b", "candidate")]

    chosen = choose_withheld("answer", shown, always)

    assert chosen in ("a", "b")
    assert choose_withheld("answer", shown[::-1], always) == chosen


def test_nothing_is_withheld_from_nothing() -> None:
    assert choose_withheld("answer", [], POLICY) is None
