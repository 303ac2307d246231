"""Patterns hold nothing that the answer did not say."""

from hybrid_coordinator.logic.patterns import LONGEST_STEPS, MAX_STEPS, extract_pattern, find_tags, pattern_id_of

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


def test_what_an_answer_warns_of_is_no_step_and_no_example() -> None:
    answer = "1. Stop the server.\n\nNever do this:\n- Delete the data.\n```sh\nrm -rf data\n```\n"

    pattern = extract_pattern("stop the server", answer)

    assert pattern is not None
    assert (pattern.steps, pattern.example) == (("Stop the server.",), "")


def test_a_file_s_name_does_not_end_a_sentence_and_chatter_is_no_step() -> None:
    answer = "Sure, here is how to do it:\nAdd the option to configuration.nix at the top. Does that help you at all?"

    pattern = extract_pattern("add an option", answer)

    assert pattern is not None
    assert pattern.steps == ("Add the option to configuration.nix at the top.",)


def test_a_long_answer_is_kept_as_far_as_a_pattern_goes() -> None:
    answer = "\n".join(f"{number}. {'word ' * 30}{number}." for number in range(1, 400))

    pattern = extract_pattern("do much", answer)

    assert pattern is not None
    assert 1 < len(pattern.steps) <= MAX_STEPS
    assert sum(map(len, pattern.steps)) <= LONGEST_STEPS


def test_an_interaction_has_one_pattern_id_ever() -> None:
    assert pattern_id_of("a") == pattern_id_of("a") != pattern_id_of("b")
