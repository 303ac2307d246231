"""Context within a budget."""

from hybrid_coordinator.domain.knowledge import Collection, Passage
from hybrid_coordinator.domain.query import Query, Role, Turn
from hybrid_coordinator.domain.route import Location
from hybrid_coordinator.logic.digesting import cut_pieces, join_notes, pick_pieces
from hybrid_coordinator.logic.grounding import (
    NOTICE,
    GroundingPolicy,
    augmented_prompt,
    ground,
    question_prompt,
    recent_turns,
)
from hybrid_coordinator.logic.tokens import cut_to_tokens, estimate_tokens

POLICY = GroundingPolicy(local_budget_tokens=500, remote_budget_tokens=500)
HERE, THERE = Location.LOCAL, Location.REMOTE


def passage(number: int, text: str, similarity: float = 0.8) -> Passage:
    payload = {"file_path": f"src/{number}.py"}
    return Passage(str(number), Collection.CODEBASE, text, payload, similarity, similarity)


def test_the_best_passages_fill_the_budget_and_no_more() -> None:
    passages = [passage(number, f"line {number}\n" * 100) for number in range(5)]

    grounding = ground(passages, THERE, POLICY)

    assert [used.id for used in grounding.passages] == ["0", "1", "2"]
    assert estimate_tokens(grounding.text) <= 500 + estimate_tokens(NOTICE)


def test_dissimilar_and_repeated_passages_are_left_out() -> None:
    passages = [passage(1, "same"), passage(2, "same"), passage(3, "far", similarity=0.1)]

    assert [used.id for used in ground(passages, THERE, POLICY).passages] == ["1"]


def test_a_familiar_passage_is_shown_without_its_neighbours() -> None:
    passages = [
        passage(1, "known", similarity=0.9),
        passage(2, "near", similarity=0.84),
        passage(3, "also known", 0.85),
    ]

    assert [used.id for used in ground(passages, THERE, POLICY).passages] == ["1", "3"]


def test_every_passage_says_where_it_comes_from() -> None:
    text = ground([passage(1, "x = 1")], THERE, POLICY).text

    assert text == f"{NOTICE}\n\n[1] codebase-context, src/1.py (similarity 0.80)\nx = 1"


def test_a_local_model_gets_the_bare_passages() -> None:
    assert ground([passage(1, "x = 1"), passage(2, "y = 2")], HERE, POLICY).text == "Context:\n\nx = 1\n\ny = 2"


def test_the_augmented_prompt_begins_as_the_users_document_shows() -> None:
    prompt = augmented_prompt("How?", ground([passage(1, "x = 1")], THERE, POLICY))

    assert prompt.startswith("Query: How?\n\nRelevant Context")
    assert NOTICE in prompt


def test_without_context_the_prompt_is_the_bare_question() -> None:
    assert augmented_prompt("How?", ground([], THERE, POLICY)) == "Query: How?"
    assert question_prompt(Query("How?"), ground([], THERE, POLICY), POLICY).turns == (
        Turn(Role.USER, ("Query: How?",)),
    )


def test_a_digest_stands_in_for_the_material() -> None:
    prompt = question_prompt(Query("How?", context="long"), ground([], THERE, POLICY), POLICY, digest="short")

    assert "short" in prompt.turns[-1].text
    assert "long" not in prompt.turns[-1].text


def test_history_keeps_the_newest_whole_exchanges() -> None:
    turns = [Turn(role, (f"{number}" * 32,)) for number in range(3) for role in (Role.USER, Role.ASSISTANT)]

    assert recent_turns(turns, 45) == tuple(turns[2:])
    assert recent_turns(turns, 5) == ()


def test_text_is_cut_at_the_end_of_a_line() -> None:
    assert cut_to_tokens("first line\nsecond line\nthird", 7) == "first line\nsecond line"


def test_pieces_hold_the_whole_text_in_order() -> None:
    text = "\n".join(f"line {number}" for number in range(1000))

    pieces = cut_pieces(text, 100)

    assert "\n".join(pieces) == text
    assert all(estimate_tokens(piece) <= 100 for piece in pieces)


def test_too_many_pieces_lose_their_middle_and_the_digest_says_so() -> None:
    kept, skipped = pick_pieces([str(number) for number in range(30)], most=6)

    assert kept == ["0", "1", "2", "3", "28", "29"]
    assert "24 further parts" in join_notes(kept, skipped)
