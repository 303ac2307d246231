"""Whether a model keeps to a form, and the set of forms that comes with the package."""

import json
from importlib.resources import files

import pytest

from hybrid_coordinator.domain.query import Completion, Finished, Tool, ToolCall, Usage
from hybrid_coordinator.logic.call_checks import find_schema_fault
from hybrid_coordinator.logic.exam_items import is_right
from hybrid_coordinator.logic.format_checks import FormatCheck, check_prompt, score_format
from hybrid_coordinator.logic.question_key import question_key
from hybrid_coordinator.logic.regression_set import RegressionSet, read_regression_set
from hybrid_coordinator.logic.words import words_of

SERVER = {"type": "object", "properties": {"port": {"type": "integer"}}, "required": ["port"]}
HELD = FormatCheck("server", "Port 80.", SERVER, values={"port": 80})
FREE = FormatCheck("free", "Port 80.", SERVER, held=False, values={"port": 80})
WEATHER = Tool("weather", "", {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]})
NEWS = Tool("news", "", {"type": "object", "properties": {}})
CALL = FormatCheck("call", "Weather in Oslo?", tools=(WEATHER, NEWS), tool="weather", values={"city": "Oslo"})


def said(text: str = "", *calls: ToolCall) -> Completion:
    return Completion(text, Finished("m", Usage()), calls=calls)


def scored(check: FormatCheck, completion: Completion) -> float:
    return score_format(check, check_prompt(check), completion)


@pytest.fixture(scope="module")
def packaged() -> RegressionSet:
    return read_regression_set(files("hybrid_coordinator").joinpath("data/regression.toml").read_text("utf-8"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"port": 80}', 1.0),
        ('{"port": 81}', 0.5),
        ('{"port": "80"}', 0.0),
        ('{"port": true}', 0.0),
        ("port 80", 0.0),
        ("", 0.0),
        ("[" * 100_000, 0.0),
    ],
)
def test_json_counts_half_for_its_form_and_half_for_what_it_says(text: str, expected: float) -> None:
    assert scored(HELD, said(text)) == expected


def test_json_in_a_code_block_counts_where_the_model_was_only_told() -> None:
    assert scored(FREE, said('Here:\n```json\n{"port": 80}\n```')) == 1.0
    assert scored(HELD, said('```json\n{"port": 80}\n```')) == 0.0


def test_a_model_is_held_to_a_schema_only_where_the_check_says_so() -> None:
    assert check_prompt(HELD).schema == SERVER
    assert check_prompt(FREE).schema is None
    assert check_prompt(CALL).tools == (WEATHER, NEWS)


@pytest.mark.parametrize(
    ("calls", "expected"),
    [
        ((ToolCall("1", "weather", '{"city": " oslo "}'),), 1.0),
        ((ToolCall("1", "weather", '{"city": "Rome"}'),), 0.5),
        ((ToolCall("1", "weather", '{"town": "Oslo"}'),), 0.0),
        ((ToolCall("1", "weather", "not JSON"),), 0.0),
        ((ToolCall("1", "news", "{}"),), 0.0),
        ((ToolCall("1", "weather", '{"city": "Oslo"}'), ToolCall("2", "gone", "{}")), 0.0),
        ((), 0.0),
    ],
)
def test_a_call_counts_half_for_the_right_tool_and_half_for_its_arguments(
    calls: tuple[ToolCall, ...], expected: float
) -> None:
    assert scored(CALL, said("It rains.", *calls)) == expected


def test_the_packaged_set_is_large_enough_and_asks_nothing_twice(packaged: RegressionSet) -> None:
    taught = {question_key(question) for question in packaged.replay}
    asked = {question_key(question) for question in packaged.questions}

    assert (len(taught) >= 40, len(asked) >= 60) == (True, True)
    assert len(taught) == len(packaged.replay)
    assert len(asked) == len(packaged.general)
    assert taught.isdisjoint(asked | {question_key(check.ask) for check in packaged.formats})
    assert len({question_key(document) for document in packaged.documents}) == len(packaged.documents) >= 30
    assert all(65 <= len(words_of(document)) <= 170 for document in packaged.documents)


def test_forms_are_kept_on_other_questions_and_other_tools_than_those_of_the_examination(
    packaged: RegressionSet,
) -> None:
    told = [{one["role"]: one["content"] for one in row["messages"]} for row in packaged.keep]
    examined = {question_key(check.ask) for check in packaged.formats}
    tools = {tool.name for check in packaged.formats for tool in check.tools}

    assert len(told) >= 20
    assert {question_key(one["user"]) for one in told}.isdisjoint(examined)
    assert not [one for one in told if any(name in one["system"] for name in tools)]
    for one in told:
        assert f"{json.loads(one['assistant'])['tool']}(" in one["system"]


def test_a_general_question_is_not_answered_by_repeating_it(packaged: RegressionSet) -> None:
    given_away = [one.ask for one in packaged.general if is_right(one.ask, one.holds)]

    assert set(given_away) <= {
        "Is a tomato botanically a fruit or a vegetable?",
        "Sort these words by the alphabet and give the first: pear, apple, plum.",
        "Is the sentence 'I love this book' positive or negative?",
    }


def test_every_packaged_form_can_be_kept_and_expects_what_its_schema_allows(packaged: RegressionSet) -> None:
    forms = [check for check in packaged.formats if not check.tools]
    calls = [check for check in packaged.formats if check.tools]

    assert (len(forms) >= 10, len(calls) >= 6) == (True, True)
    assert len({check.name for check in packaged.formats}) == len(packaged.formats)
    for check in calls:
        assert check.values is not None
        optional = {"text": "x", "amount": 50, **check.values}
        call = ToolCall("1", check.tool, json.dumps(optional))
        assert scored(check, said("", call)) == 1.0, check.name
    for check in forms:
        assert check.schema is not None
        fillers = {"article": "shirt", "planets": ["Mars", "Venus", "Earth"]}
        needed = {name: fillers[name] for name in check.schema["required"] if name in fillers}
        assert find_schema_fault(check.schema, needed | dict(check.values or {})) is None, check.name
