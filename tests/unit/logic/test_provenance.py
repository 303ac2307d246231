"""Whose word a text is."""

import pytest

from hybrid_coordinator.domain.knowledge import Collection, Passage
from hybrid_coordinator.domain.query import Image, Prompt, Query, Role, ToolResult, Turn
from hybrid_coordinator.domain.trust import Origin, may_teach
from hybrid_coordinator.logic.provenance import (
    ProvenancePolicy,
    answer_origin,
    file_origin,
    passage_origin,
    read_origin,
    relayed_origin,
)


def make_passage(*, source: str = "", collection: Collection = Collection.SKILLS, **payload: object) -> Passage:
    return Passage("p", collection, "A text.", payload, 0.9, 0.9, source)


def ask(*turns: Turn, text: str = "Why?") -> Query:
    return Query(text, conversation=Prompt((*turns, Turn(Role.USER, (text,)))))


def test_what_was_bound_to_a_passage_counts() -> None:
    assert passage_origin(make_passage(origin="untrusted_document", source="/r/a.md")) is Origin.UNTRUSTED_DOCUMENT
    assert passage_origin(make_passage(origin="direct_user")) is Origin.DIRECT_USER


@pytest.mark.parametrize("value", ["DIRECT_USER", "trusted", "", 4, None, ["direct_user"], {"direct_user": 1}])
def test_a_bound_value_that_is_no_origin_is_not_believed(value: object) -> None:
    assert read_origin(value) is None
    assert passage_origin(make_passage(origin=value)) is Origin.UNTRUSTED_DOCUMENT


def test_passages_from_before_there_were_origins_go_by_their_kind() -> None:
    assert passage_origin(make_passage(file_path="a.py", source="/r/a.py")) is Origin.TOOL_OUTPUT_INTERNAL
    assert passage_origin(make_passage(source="interaction:1")) is Origin.MODEL_INFERENCE
    assert passage_origin(make_passage(source="correction:1")) is Origin.DIRECT_USER
    assert passage_origin(make_passage(source="answers:faq.jsonl")) is Origin.TOOL_OUTPUT_INTERNAL
    assert passage_origin(make_passage(collection=Collection.INTERACTIONS)) is Origin.MODEL_INFERENCE
    assert passage_origin(make_passage(source="somewhere")) is Origin.UNTRUSTED_DOCUMENT


def test_files_of_strangers_are_told_from_ones_own_by_their_folders() -> None:
    policy = ProvenancePolicy(untrusted_paths="vendor; *.min.js;;")

    assert file_origin("src/app.py", policy) is Origin.TOOL_OUTPUT_INTERNAL
    assert file_origin("src/vendors/app.py", policy) is Origin.TOOL_OUTPUT_INTERNAL
    assert file_origin("go/vendor/x/y.go", policy) is Origin.UNTRUSTED_DOCUMENT
    assert file_origin("web/jquery.min.js", policy) is Origin.UNTRUSTED_DOCUMENT
    assert file_origin("vendor/a.py", ProvenancePolicy(untrusted_paths="")) is Origin.TOOL_OUTPUT_INTERNAL


def test_an_answer_to_a_bare_question_is_a_models_word() -> None:
    assert answer_origin(Query("Why?"), []) is Origin.MODEL_INFERENCE
    assert answer_origin(ask(), []) is Origin.MODEL_INFERENCE


def test_a_persons_correction_does_not_lift_an_answer_above_a_models_word() -> None:
    assert answer_origin(Query("Why?"), [make_passage(origin="direct_user")]) is Origin.MODEL_INFERENCE


def test_an_answer_is_no_better_than_the_worst_passage_it_was_grounded_in() -> None:
    passages = [make_passage(origin="direct_user"), make_passage(origin="untrusted_document")]

    assert answer_origin(Query("Why?"), passages) is Origin.UNTRUSTED_DOCUMENT


def test_what_is_sent_along_may_carry_a_strangers_orders() -> None:
    beside = Turn(Role.USER, ("<environment>…</environment>", "Why?"))
    told = [
        Query("Why?", context="a log"),
        ask(Turn(Role.USER, (ToolResult("1", "a page"),))),
        ask(
            Turn(
                Role.USER,
                (
                    "Look",
                    Image("data:image/png;base64,AA=="),
                ),
            )
        ),
        Query("Why?", conversation=Prompt((beside,))),
    ]

    assert {answer_origin(query, []) for query in told} == {Origin.TOOL_OUTPUT_EXTERNAL}
    assert not may_teach(Origin.TOOL_OUTPUT_EXTERNAL)


def test_material_of_blanks_is_none() -> None:
    assert answer_origin(Query("Why?", context=" \n"), []) is Origin.MODEL_INFERENCE


def test_a_summary_of_a_tainted_answer_is_tainted() -> None:
    assert answer_origin(Query("Sum it up."), [], [Origin.TOOL_OUTPUT_EXTERNAL]) is Origin.TOOL_OUTPUT_EXTERNAL
    assert answer_origin(Query("Sum it up."), [], [Origin.DIRECT_USER]) is Origin.MODEL_INFERENCE


@pytest.mark.parametrize(
    "block",
    [
        b'{"type":"tool_result","content":"x"}',
        b'{"role": "tool", "content": "x"}',
        b'{"type" : "function_call_output"}',
        b'{"type":"custom_tool_call_output"}',
        b'{"type":"input_image"}',
        b'{"type":"document"}',
        b'{"type":"web_search_20250305"}',
    ],
)
def test_a_relayed_request_with_a_strangers_block_is_trusted_less(block: bytes) -> None:
    assert relayed_origin(b'{"messages":[' + block + b"]}") is Origin.TOOL_OUTPUT_EXTERNAL


def test_a_relayed_question_is_answered_by_a_models_word() -> None:
    plain = b'{"messages":[{"role":"user","content":"Read the file"}],"tools":[{"properties":{"file":{}}}]}'

    assert relayed_origin(plain) is Origin.MODEL_INFERENCE
