"""Patterns hold nothing that the answer did not say."""

from hybrid_coordinator.logic.patterns import extract_pattern, find_tags

ANSWER = """To fix it:
1. Enable the keyring service.
2. Restart the display manager.
```nix
services.gnome.gnome-keyring.enable = true;
```
"""


def test_numbered_steps_and_code_become_a_pattern() -> None:
    pattern = extract_pattern("How do I fix GNOME keyring errors in NixOS?", ANSWER)

    assert pattern is not None
    assert pattern.name == "fix_gnome_keyring_errors_nixos"
    assert pattern.steps == ("Enable the keyring service.", "Restart the display manager.")
    assert pattern.example == "services.gnome.gnome-keyring.enable = true;"


def test_every_step_stands_in_the_answer() -> None:
    pattern = extract_pattern("restart nginx", "Run the reload first. Then look at the log. Ok.")

    assert pattern is not None
    assert pattern.steps == ("Run the reload first.", "Then look at the log.")


def test_an_answer_with_nothing_to_apply_gives_no_pattern() -> None:
    assert extract_pattern("restart nginx", "Yes.") is None
    assert extract_pattern("", ANSWER) is None


def test_tags_are_the_telling_words() -> None:
    assert find_tags("How do I configure the Nginx in NixOS?") == ("configure", "nginx", "nixos")
