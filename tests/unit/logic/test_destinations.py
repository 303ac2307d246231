"""The model's name decides where a request goes."""

import pytest

from hybrid_coordinator.logic.destinations import AUTO_NAMES, LOCAL_NAMES, Destination, Place, find_destination

HOME = ("local", "ollama")


def find(asked: str, wire_vendor: str = "openai", **model_map: str) -> Destination:
    return find_destination(asked, model_map, HOME, wire_vendor)


@pytest.mark.parametrize("name", sorted(AUTO_NAMES))
@pytest.mark.parametrize("prefix", ["", "claude-coordinator-"])
def test_only_its_own_names_leave_the_choice_to_the_coordinator(prefix: str, name: str) -> None:
    assert find(prefix + name) == Destination(Place.AUTO, "auto")


@pytest.mark.parametrize("name", ["local", "ollama", "claude-coordinator-ollama"])
def test_a_model_of_the_house_is_asked_at_home(name: str) -> None:
    assert find(name).place is Place.HOME


@pytest.mark.parametrize("name", sorted(LOCAL_NAMES))
def test_a_local_name_never_leaves_the_house_even_when_no_such_model_is_set_up(name: str) -> None:
    assert find_destination(name, {}, (), "anthropic") == Destination(Place.HOME, name)


@pytest.mark.parametrize(
    ("name", "vendor"),
    [
        ("claude-sonnet-5", "anthropic"),
        ("anthropic/claude-opus-5", "anthropic"),
        ("gpt-4o", "openai"),
        ("openai/gpt-6", "openai"),
        ("o3-mini", "openai"),
        ("codex-mini-latest", "openai"),
        ("text-embedding-3-small", "openai"),
    ],
)
@pytest.mark.parametrize("wire_vendor", ["openai", "anthropic"])
def test_a_vendors_model_goes_to_that_vendor_in_whatever_format_it_is_asked(
    name: str, vendor: str, wire_vendor: str
) -> None:
    assert find(name, wire_vendor) == Destination(Place.VENDOR, name, vendor)


@pytest.mark.parametrize("wire_vendor", ["openai", "anthropic"])
@pytest.mark.parametrize("name", ["deepseek-chat", "of-tomorrow", "Local", "auto ", "my-claude", "ogre"])
def test_a_name_that_nobody_knows_is_for_the_vendor_of_the_format_to_judge(name: str, wire_vendor: str) -> None:
    assert find(name, wire_vendor) == Destination(Place.VENDOR, name, wire_vendor)


def test_a_mapped_name_stands_for_another_once() -> None:
    assert find("fast", fast="local") == Destination(Place.HOME, "local")
    assert find("gpt-4o-mini", **{"gpt-4o-mini": "auto"}) == Destination(Place.AUTO, "auto")
    assert find("a", a="b", b="local") == Destination(Place.VENDOR, "b", "openai")
