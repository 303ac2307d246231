"""What no local model can do or see."""

from typing import Any

import pytest

from hybrid_coordinator.domain.query import Image, Part, Prompt, Role, Turn
from hybrid_coordinator.logic.beyond_home import why_not_home


def prompt(*parts: Part) -> Prompt:
    return Prompt((Turn(Role.USER, parts),))


def test_plain_words_can_be_answered_at_home() -> None:
    assert why_not_home({"n": 1, "logprobs": False}, prompt("What is a [file]?")) == ""


@pytest.mark.parametrize("part", [Image("data:image/png;base64,AA=="), "[document: left out]"])
def test_what_local_models_cannot_see_goes_to_the_vendor(part: Part) -> None:
    assert why_not_home({}, prompt("What is this?", part))


@pytest.mark.parametrize("body", [{"n": 2}, {"logprobs": True}, {"top_logprobs": 3}])
def test_what_only_the_vendor_gives_is_left_to_it(body: dict[str, Any]) -> None:
    assert why_not_home(body, prompt("What is this?"))
