"""What the training benchmark counts as right, and which figures it calls a failure."""

from typing import Any

import httpx2
import pytest

from bench.training import FACT_SETS, PARTS, missed
from bench.training_facts import TAUGHT_PHRASINGS, facts_of, is_right
from bench.training_vendor import UNKNOWN, serving_vendor

GOOD: dict[str, Any] = {
    "base_accuracy": 0.0,
    "tuned_accuracy": 0.95,
    "regression_delta": 0.01,
    "document_delta": 0.02,
    "minutes": 18.0,
    "stage": "serving",
    "failed_requests": 0,
    "harmful_decision": "roll back",
    "harmful_items": 32,
}


def test_every_bar_met_is_no_failure() -> None:
    assert missed(GOOD, PARTS) == []


@pytest.mark.parametrize(
    ("figure", "value"),
    [
        ("base_accuracy", 0.06),
        ("tuned_accuracy", 0.89),
        ("regression_delta", 0.051),
        ("document_delta", 0.11),
        ("minutes", 20.1),
        ("stage", "held"),
        ("failed_requests", 1),
        ("harmful_decision", "promote"),
        ("harmful_items", 19),
        ("regression_delta", None),
        ("document_delta", None),
    ],
)
def test_a_missed_bar_or_a_missing_figure_is_one_failure(figure: str, value: object) -> None:
    assert len(missed(GOOD | {figure: value}, PARTS)) == 1


def test_parts_that_were_not_run_have_no_bars() -> None:
    assert missed({"minutes": 6.0, "harmful_decision": "hold", "harmful_items": 32}, ["harm"]) == []
    assert missed({"minutes": 0.0}, ["value"]) == []


@pytest.mark.parametrize("name", FACT_SETS)
def test_forty_facts_each_told_apart_from_its_neighbours(name: str) -> None:
    facts = facts_of(FACT_SETS[name])
    questions = [question for fact in facts for question in fact.questions]

    assert len(facts) == 40
    assert len(questions) == len(set(questions)) == 40 * (TAUGHT_PHRASINGS + 3)
    assert all(is_right(fact, fact.answer) for fact in facts)
    assert not any(is_right(fact, other.answer) for fact in facts for other in facts if other is not fact)
    assert not any(is_right(fact, question) for fact in facts for question in fact.questions)


def test_the_sets_have_no_fact_kind_or_value_in_common() -> None:
    sets = [facts_of(kinds) for kinds in FACT_SETS.values()]

    for told in ("value", "name", "answer"):
        assert len({getattr(fact, told) for facts in sets for fact in facts}) == 40 * len(sets)
    assert len({kind.name for kinds in FACT_SETS.values() for kind in kinds}) == 10 * len(sets)


def test_a_value_within_another_word_or_beside_a_neighbours_is_wrong() -> None:
    fact = next(one for one in facts_of(FACT_SETS["dev"]) if one.name == "port of velgate")

    assert is_right(fact, "It is 7143.")
    assert not is_right(fact, "It is 71432.")
    assert not is_right(fact, "It is 7143 or 9526.")


def test_the_vendor_answers_what_is_asked_and_not_what_was_asked_before() -> None:
    answers = {"Which region hosts harrowgate?": "fra-3", "tindle: region?": "osl-1"}

    with serving_vendor(answers) as url:
        for asked, said in (
            ("Query: tindle: region?\n\nRelevant Context:\n\nWhich region hosts harrowgate? fra-3", "osl-1"),
            ("Which region hosts harrowgate?", "fra-3"),
            ("Which region hosts harrowgate? And why?", UNKNOWN),
        ):
            body = {"model": "gpt-4o", "messages": [{"role": "user", "content": asked}]}
            heard = httpx2.post(f"{url}/chat/completions", json=body).json()
            assert heard["choices"][0]["message"]["content"] == said
