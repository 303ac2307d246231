"""What may be asked at all, and which kind of search it calls for."""

import pytest

from hybrid_coordinator.errors import BadInput
from hybrid_coordinator.logic.errors_in_text import looks_like_error
from hybrid_coordinator.logic.modes import QueryMode, choose_mode
from hybrid_coordinator.logic.pricing import find_price
from hybrid_coordinator.logic.questions import MAX_QUESTION, check_question, clean_material


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "empty"),
        (" \n\t ", "empty"),
        ("a" * 1_000_000, "1,000,000 characters"),
        ("a\x00b", "control character"),
        ("a\x1b[31mb", "control character"),
        ("a\ud800b", "UTF-8"),
    ],
)
def test_a_question_that_is_none_is_refused_with_its_reason(text: str, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        check_question(text)


def test_a_question_in_any_script_is_taken_as_it_is() -> None:
    assert check_question("  Wie geht’s? 你好 🦙\nzweite Zeile\t") == "Wie geht’s? 你好 🦙\nzweite Zeile"
    assert check_question("a" * MAX_QUESTION)


def test_material_loses_colours_and_control_characters() -> None:
    assert clean_material("\x1b[31mred\x1b[0m\x00 text\n") == "red text\n"


@pytest.mark.parametrize(
    ("text", "mode"),
    [
        ("SELECT COUNT(*) FROM interactions", QueryMode.SQL),
        ("with t as (select 1) select * from t", QueryMode.SQL),
        ("select a colour from the palette", QueryMode.SQL),
        ("How do I rotate K3s registry credentials?", QueryMode.HYBRID),
        ("HYBRID_API_KEY", QueryMode.KEYWORD),
        ("nginx", QueryMode.KEYWORD),
        ("what does `choose_route` do?", QueryMode.HYBRID),
        ("reload the proxy without downtime", QueryMode.HYBRID),
    ],
)
def test_the_mode_fits_the_question(text: str, mode: QueryMode) -> None:
    assert choose_mode(text)[0] is mode


@pytest.mark.parametrize(
    "text", ["OSError: Read-only file system", "permission denied", "the build failed", "ENOENT: no such file"]
)
def test_errors_are_told_from_questions(text: str) -> None:
    assert looks_like_error(text)
    assert not looks_like_error("how do I configure nginx")


def test_prices_are_those_of_the_shipped_list() -> None:
    assert find_price("claude-sonnet-4-5") == (3_000_000, 15_000_000)
    assert find_price("no-such-model") is None
