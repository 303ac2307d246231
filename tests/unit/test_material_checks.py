"""Why nothing can be learned from rows."""

from typing import Any

import pytest

from hybrid_coordinator.domain.knowledge import Payload
from hybrid_coordinator.logic.material_checks import malformed, malformed_pairs, shortcomings
from taught import SERVICES, other_rows, pair, row

GOOD = row(1, "Who owns velgate?", "The Larkspur team.")


def without(payload: Payload, *path: str) -> dict[str, Any]:
    """The row without a field."""
    head, *rest = path
    if not rest:
        return {name: value for name, value in payload.items() if name != head}
    return {**payload, head: without(payload[head], *rest)}


def test_enough_different_rows_lack_nothing() -> None:
    assert shortcomings(other_rows(20, first=0), 20) == []


def test_an_empty_dataset_says_where_rows_come_from() -> None:
    [reason] = shortcomings([], 1)

    assert reason.startswith("there is no row to train on")


def test_a_dataset_too_small_says_how_many_rows_are_missing() -> None:
    assert shortcomings(other_rows(20, first=0), 1_000) == [
        "20 rows to train on where 1,000 are needed: 980 are missing"
    ]


def test_one_repeated_row_lacks_questions_and_answers() -> None:
    questions, answers = shortcomings([GOOD] * 50, 20)

    assert questions == "1 different questions where 8 are needed"
    assert answers == "1 different answers where 3 are needed ('the larkspur team.' stands in 50 of 50 rows)"


def test_one_answer_to_every_question_is_named() -> None:
    rows = [row(n, f"Is the {service} rack cabled?", "Yes, of course.") for n, service in enumerate(SERVICES)]

    assert shortcomings([*rows, *rows], 20) == [
        "1 different answers where 3 are needed ('yes, of course.' stands in 20 of 20 rows)"
    ]


def test_rows_without_an_answer_are_counted() -> None:
    rows = [*other_rows(20, first=0), row(30, "What is left of the larch?", " \n")]

    assert shortcomings(rows, 20) == ["1 of 21 rows have no answer"]


def test_all_that_is_missing_is_said_at_once() -> None:
    assert len(shortcomings([row(n, "Who?", "") for n in range(3)], 20)) == 4


def test_whole_rows_and_pairs_are_not_malformed() -> None:
    assert malformed([GOOD], "train") == malformed_pairs([pair(1, "Who?", "She.")]) == []


@pytest.mark.parametrize(
    "bad",
    [
        {},
        without(GOOD, "messages"),
        without(GOOD, "metadata"),
        without(GOOD, "metadata", "row_id"),
        without(GOOD, "metadata", "timestamp"),
        without(GOOD, "metadata", "split"),
        {**GOOD, "messages": []},
        {**GOOD, "messages": "hello"},
        {**GOOD, "messages": GOOD["messages"][:2]},
        {**GOOD, "messages": GOOD["messages"][::-1]},
        {**GOOD, "messages": [*GOOD["messages"][:2], {"role": "assistant", "content": None}]},
        {**GOOD, "messages": [*GOOD["messages"][:1], {"role": "user", "content": "  "}, GOOD["messages"][2]]},
        [],
        None,
        "row",
    ],
)
def test_a_row_that_is_none_is_named_by_its_number(bad: Any) -> None:
    assert malformed([GOOD, bad, GOOD, bad], "train") == [
        "2 of 4 rows of 'train' are malformed (the first is row 2): export again"
    ]


@pytest.mark.parametrize(
    "path", [("prompt",), ("chosen",), ("rejected",), ("metadata",), ("metadata", "pair_id"), ("metadata", "split")]
)
def test_a_pair_that_is_none_is_named_by_its_number(path: tuple[str, ...]) -> None:
    whole = pair(1, "Who?", "She.")

    assert malformed_pairs([whole, without(whole, *path)]) == [
        "1 of 2 pairs are malformed (the first is pair 2): export again"
    ]
