"""Schemas that a grammar can keep: narrower than the original, and with an end."""

import re
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from hybrid_coordinator.logic.bounded_patterns import bound_pattern
from hybrid_coordinator.logic.bounded_schemas import Bounds, bound_schema, bounds_for

BOUNDS = Bounds(longest_text=50, most_items=3)


@pytest.mark.parametrize(
    ("schema", "bounded"),
    [
        ({"type": "string"}, {"type": "string", "minLength": 0, "maxLength": 50}),
        ({"type": "string", "maxLength": 9}, {"type": "string", "minLength": 0, "maxLength": 9}),
        ({"type": "string", "minLength": 80}, {"type": "string", "minLength": 80, "maxLength": 80}),
        ({"type": "string", "format": "date"}, {"type": "string", "format": "date"}),
        ({"type": "string", "enum": ["a", "b"]}, {"enum": ["a", "b"]}),
        ({"const": 5, "description": "five"}, {"const": 5}),
        ({}, {"type": "string", "minLength": 0, "maxLength": 50}),
        (True, {"type": "string", "minLength": 0, "maxLength": 50}),
        ({"type": "integer", "exclusiveMinimum": 0}, {"type": "integer", "minimum": 1}),
        ({"type": "integer", "minimum": 1, "maximum": 9}, {"type": "integer", "minimum": 1, "maximum": 9}),
        ({"type": "integer", "multipleOf": 5, "minimum": 6, "maximum": 20}, {"enum": [10, 15, 20]}),
        ({"type": "number"}, {"type": "number"}),
        ({"type": "number", "minimum": -90, "maximum": 90}, {"type": "integer", "minimum": -90, "maximum": 90}),
        ({"type": ["boolean", "null"]}, {"anyOf": [{"type": "boolean"}, {"type": "null"}]}),
        (
            {"type": "array", "items": {"type": "boolean"}, "maxItems": 9},
            {"type": "array", "items": {"type": "boolean"}, "minItems": 0, "maxItems": 3},
        ),
        (
            {"type": "array", "items": {"type": "boolean"}, "minItems": 5},
            {"type": "array", "items": {"type": "boolean"}, "minItems": 5, "maxItems": 5},
        ),
        (
            {"type": "object", "additionalProperties": {"type": "string"}},
            {"type": "object", "properties": {}, "required": [], "additionalProperties": False},
        ),
    ],
)
def test_every_value_gets_an_end(schema: Any, bounded: dict[str, Any]) -> None:
    assert bound_schema(schema, BOUNDS) == bounded


def test_a_narrow_range_of_fractions_becomes_steps_within_it() -> None:
    steps = bound_schema({"type": "number", "exclusiveMinimum": 0, "maximum": 1}, BOUNDS)["enum"]

    assert len(steps) == 11
    assert all(0 < step <= 1 for step in steps)


def test_items_that_must_differ_are_at_most_one() -> None:
    assert bound_schema({"type": "array", "uniqueItems": True}, BOUNDS)["maxItems"] == 1


def test_references_are_put_in_their_place_and_recursion_ends() -> None:
    schema = {
        "$defs": {
            "node": {
                "type": "object",
                "properties": {
                    "name": {"type": "string"},
                    "children": {"type": "array", "items": {"$ref": "#/$defs/node"}},
                },
                "required": ["name"],
            }
        },
        "$ref": "#/$defs/node",
    }

    bounded = bound_schema(schema, BOUNDS)

    assert "$ref" not in str(bounded)
    assert bounded["properties"]["children"]["items"]["required"] == ["name"]
    Draft202012Validator.check_schema(bounded)


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#"},
        {"$ref": "#/$defs/absent"},
        {"$ref": "http://elsewhere/schema"},
        {"type": "object", "properties": {"me": {"$ref": "#"}}, "required": ["me"]},
    ],
)
def test_references_that_lead_nowhere_or_in_a_circle_still_give_a_schema(schema: dict[str, Any]) -> None:
    Draft202012Validator.check_schema(bound_schema(schema, BOUNDS))


def test_parts_that_must_all_hold_are_joined() -> None:
    parts = [{"properties": {"a": {"type": "null"}}, "required": ["a"]}, {"properties": {"b": {"type": "null"}}}]

    bounded = bound_schema({"type": "object", "allOf": parts}, BOUNDS)

    assert set(bounded["properties"]) == {"a", "b"}
    assert bounded["required"] == ["a"]


@pytest.mark.parametrize(
    ("pattern", "found", "not_found"),
    [
        (r"^\d+\.\d+$", "1.25", "a.b"),
        (r"[a-z]{2}", "de", "DE"),
        (r"^[\w.]+@x\.org$", "a.b@x.org", "@x.org"),
        (r"^(\*|\d{1,2}) end$", "12 end", "123 end"),
        (r"a|b", "a", "c"),
        (r"^x{2,}$", "xxx", "x"),
        (r"^(?:foo|bar)*$", "foobar", "baz"),
        (r"^\S", None, None),
        (r"^(?=a)", None, None),
        (r"\bword\b", None, None),
        (r"^a$|^b$", None, None),
        (r"^(?i)a$", None, None),
        (r"^a+?$", None, None),
    ],
)
def test_a_pattern_is_bounded_or_given_up(pattern: str, found: str | None, not_found: str | None) -> None:
    bounded = bound_pattern(pattern)

    if found is None or not_found is None:
        assert bounded is None
    else:
        assert bounded
        assert re.search(bounded, found)
        assert re.search(pattern, found)
        assert not re.search(bounded, not_found)
        assert not re.search(r"[+*]", re.sub(r"\\.|\[[^\]]*\]", "", bounded))


@pytest.mark.parametrize(("max_tokens", "longest"), [(10, 40), (300, 150), (128_000, 1500)])
def test_the_longest_text_is_half_of_the_answer_within_reason(max_tokens: int, longest: int) -> None:
    assert bounds_for(max_tokens).longest_text == longest
