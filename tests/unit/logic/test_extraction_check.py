"""What is left of what a model extracted, and which of several extractions wins."""

from dataclasses import replace
from typing import Any

from hybrid_coordinator.logic.extraction_check import EXTRACTIVE, Extracted, check_pattern, copy_pattern, is_echo
from hybrid_coordinator.logic.extraction_voting import vote
from hybrid_coordinator.logic.patterns import Pattern

QUERY = "How do I fix GNOME keyring errors in NixOS?"
RESPONSE = """You need the GNOME desktop.
1. Enable the keyring service in configuration.nix.
2. Rebuild the system with `sudo nixos-rebuild switch`.
3. Restart the display manager.
```nix
services.gnome.gnome-keyring.enable = true;
```
"""
SPOKEN = Pattern(
    name="Fix GNOME-keyring errors",
    description="Fix GNOME keyring errors in NixOS",
    steps=(
        "Enable the keyring service in configuration.nix",
        "Run `sudo nixos-rebuild switch`",
        "Restart the display manager",
    ),
    tags=("nixos", "keyring", "kubernetes"),
    example="services.gnome.gnome-keyring.enable = true;",
    prerequisites=("You need the GNOME desktop", "A NixOS 23.05 host"),
)


def checked(**changes: Any) -> Extracted:
    spoken = replace(SPOKEN, **changes)
    extracted = check_pattern(spoken, QUERY, RESPONSE, strategy="extract_skill_v2", least_support=0.5)
    assert extracted is not None
    return extracted


def test_what_the_answer_says_is_kept_and_the_rest_is_dropped() -> None:
    extracted = checked()

    assert extracted.strategy == "extract_skill_v2"
    assert extracted.pattern.steps == (SPOKEN.steps[0], SPOKEN.steps[2])
    assert extracted.dropped == (SPOKEN.steps[1],)
    assert extracted.support == 2 / 3
    assert extracted.pattern.prerequisites == ("You need the GNOME desktop",)
    assert extracted.pattern.tags == ("nixos", "keyring")
    assert extracted.pattern.name == "fix_gnome_keyring_errors"
    assert extracted.pattern.example == SPOKEN.example


def test_when_too_little_is_left_the_answer_is_copied() -> None:
    extracted = checked(steps=("Reinstall NixOS", "Buy a Mac", "Restart the display manager"))

    assert (extracted.strategy, extracted.tried, extracted.support) == (EXTRACTIVE, "extract_skill_v2", 1 / 3)
    assert "Enable the keyring service in configuration.nix." in extracted.pattern.steps


def test_a_pattern_about_something_else_is_not_taken() -> None:
    extracted = checked(name="python_tutorial", description="Learn Python decorators quickly")

    assert extracted.strategy == EXTRACTIVE


def test_a_description_that_claims_more_gives_way_to_the_question() -> None:
    assert checked(description="Fix GNOME keyring errors by deleting the keyring").pattern.description == QUERY
    assert checked(description="Do not fix GNOME keyring errors in NixOS").pattern.description == QUERY
    assert checked(description="Fix GNOME 45 keyring errors in NixOS").pattern.description == QUERY
    assert checked().pattern.description == SPOKEN.description


def test_a_name_or_tags_nobody_used_are_replaced() -> None:
    extracted = checked(name="gnome_keyring_windows", tags=("windows",))

    assert extracted.pattern.tags == ("fix", "gnome", "keyring", "errors", "nixos")
    assert extracted.pattern.name == "fix_gnome_keyring_errors_nixos"


def test_an_example_that_was_changed_is_left_out() -> None:
    assert checked(example="services.gnome.gnome-keyring.enable = false;").pattern.example == ""


def test_an_answer_with_nothing_to_apply_gives_nothing() -> None:
    assert check_pattern(SPOKEN, QUERY, "Yes.", strategy="extract_skill_v1", least_support=0.5) is None
    assert copy_pattern("", RESPONSE) is None


def test_an_answer_that_repeats_what_it_was_told_is_an_echo() -> None:
    pattern = checked().pattern

    assert is_echo(pattern, [RESPONSE])
    assert not is_echo(pattern, ["Restart the display manager."])
    assert not is_echo(pattern, [])


def test_the_vote_goes_to_what_the_others_extracted_too() -> None:
    whole, part = checked(), checked(steps=SPOKEN.steps[2:], example="", prerequisites=())
    stray = replace(whole, pattern=replace(whole.pattern, steps=("Rebuild the system",), example=""), support=0.6)

    assert vote([stray, part, whole]) is whole
    assert vote([stray]) is stray


def test_a_copy_that_stands_in_for_another_does_not_win_over_one_that_held() -> None:
    stand_in, held = checked(steps=("Buy a Mac",)), checked()

    assert vote([stand_in, held]) is held
    assert vote([stand_in]) is stand_in
