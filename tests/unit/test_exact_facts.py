"""The exact facts of an answer, and whether another answer repeats them."""

import pytest

from hybrid_coordinator.logic.exact_facts import MOST_FACTS, facts_of, holds_fact, recalled


@pytest.mark.parametrize(
    ("answer", "facts"),
    [
        ("velgate listens on port 7143.", ("7143",)),
        ("It has needed Python 3.11.4 or v2.0 since 2024-05-01.", ("Python", "3.11.4", "2.0", "2024-05-01")),
        ("The job runs at 02:35 UTC every night.", ("2:35", "UTC")),
        ("it holds 1,000,000 rows", ("1000000",)),
        ("Set GNT_LOUD, or call max_retries() of httpClient.", ("GNT_LOUD", "max_retries", "httpClient")),
        ("it is in http.server, not in urllib", ("http.server",)),
        ("Edit /etc/vel/brindle.toml or ~/.config/app.", ("/etc/vel/brindle.toml", "~/.config/app")),
        ("Pass --force-with-lease and -v.", ("--force-with-lease", "-v")),
        ("Restart it with `vctl bounce cobbler`.", ("vctl bounce cobbler",)),
        ('It says "connection refused".', ("connection refused",)),
        ("Write to ops@example.org, see https://example.org/a.", ("ops@example.org", "https://example.org/a")),
        ("It stores its state in FoundationDB.", ("FoundationDB",)),
        ("marrowfeed is owned by the Larkspur team.", ("Larkspur",)),
        ("1. Stop it.\n2. Start it.", ()),
        ("Nothing exact is said here.", ()),
        ("", ()),
    ],
)
def test_what_is_right_or_wrong_to_the_letter_is_a_fact(answer: str, facts: tuple[str, ...]) -> None:
    assert facts_of(answer, "What is it?") == facts


def test_what_the_question_says_already_is_no_fact() -> None:
    assert facts_of("Port 8092 serves `/health`.", "What does /health on port 8092 do?") == ()
    assert facts_of("Error E-104 means code 7.", "What does error E-104 mean?") == ("7",)


def test_the_recalled_share_counts_each_fact_once() -> None:
    facts = facts_of("Set PORT_A to 80, and 80 again, in /etc/a.conf.", "How?")

    assert facts == ("PORT_A", "80", "/etc/a.conf")
    assert recalled("PORT_A is 80", facts) == pytest.approx(2 / 3)
    assert recalled("", facts) == 0.0


@pytest.mark.parametrize(
    ("text", "fact"),
    [
        ("port 8080", "80"),
        ("3.11.4", "3.11"),
        ("at 02:35", "35"),
        ("1.5", "5"),
        ("--force-with-lease", "--force"),
        ("/etc/vel/brindle", "/etc/vel"),
        ("my_max_retries", "max_retries"),
        ("os.path.join", "os.path"),
        ("gnt_loud", "GNT_LOUD"),
        ("-V", "-v"),
    ],
)
def test_a_part_of_another_fact_or_another_case_does_not_count(text: str, fact: str) -> None:
    assert not holds_fact(text, fact)


@pytest.mark.parametrize(
    ("text", "fact"),
    [
        ("on port 80.", "80"),
        ("localhost:8080", "8080"),
        ("30s", "30"),
        ("it waits for five minutes", "5"),
        ("one million: 1,000,000", "1000000"),
        ("v3.11", "3.11"),
        ("2:35 UTC", "02:35"),
        ("Connection refused", "connection refused"),
        ("run `vctl  bounce\ncobbler` now", "vctl bounce cobbler"),
        ("(max_retries)", "max_retries"),
        ("in /etc/a.conf.", "/etc/a.conf"),
    ],
)
def test_the_same_fact_in_another_spelling_counts(text: str, fact: str) -> None:
    assert holds_fact(text, fact)


def test_a_long_listing_has_a_bounded_number_of_facts() -> None:
    assert len(facts_of(" ".join(map(str, range(100, 400))), "?")) == MOST_FACTS


@pytest.mark.parametrize(
    "text", ["`" * 10_000, "/" * 10_000, "a." * 10_000, "\0" * 9_000, "\ud800 7", "１２３ ünïcode"]
)
def test_odd_and_huge_texts_are_no_trouble(text: str) -> None:
    assert recalled(text, facts_of("7 of 9", "?")) in (0.0, 0.5)
    assert isinstance(facts_of(text, text), tuple)
