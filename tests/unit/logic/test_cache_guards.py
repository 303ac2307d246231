"""Questions that look alike and must not share an answer, and some that may."""

import pytest

from hybrid_coordinator.logic.cache_guards import refuse
from hybrid_coordinator.logic.cache_reading import read


def verdict(one: str, other: str) -> str | None:
    return refuse(read(one), read(other))


OPPOSITES = [
    ("opposites", "How do I enable dark mode?", "How do I disable dark mode?"),
    ("opposites", "turn dark mode on", "turn dark mode off"),
    ("opposites", "list files larger than 10MB, ascending", "list files larger than 10MB, descending"),
    ("opposites", "sort a list in python", "sort a list in rust"),
    ("opposites", "use sync functions", "use async functions"),
    ("opposites", "restart the nginx service", "restart the apache service"),
    ("negation", "users must be admins", "users must not be admins"),
    ("negation", "what happens if I do", "what happens if I don't"),
    ("negation", "is it likely", "is it unlikely"),
    ("negation", "log in with a password", "log in without a password"),
    ("numbers", "What is 2+2?", "What is 2+3?"),
    ("numbers", "wait 5 minutes", "wait 5 hours"),
    ("numbers", "set the timeout to 30s", "set the timeout to 30ms"),
    ("numbers", "three retries", "four retries"),
    ("numbers", "upgrade to v1.2.3", "upgrade to v1.2.4"),
    ("numbers", "resize from 5 to 10 nodes", "resize from 10 to 5 nodes"),
    ("numbers", "it is -5 degrees", "it is 5 degrees"),
    ("numbers", "what failed on 2026-01-05?", "what failed on 2026-01-06?"),
    ("numbers", "connection refused on port 5432", "connection refused on port 5433"),
    ("names", "delete user_id", "delete user_name"),
    ("names", "what does getUserById do", "what does getUserByName do"),
    ("names", "what does foo.Config do", "what does bar.Config do"),
    ("names", "open /etc/nginx.conf", "open /etc/caddy.conf"),
    ("names", "git push --force", "git push --force-with-lease"),
    ("names", "what is JSON", "what is YAML"),
    ("code", "what does `Config` do", "what does `config` do"),
    ("code", "```\nx = 1\n```", "```\ny = 1\n```"),
    ("quotes", '{"name": "weather", "city": "Paris"}', '{"name": "weather", "city": "Bern"}'),
    ("symbols", "when is a == b", "when is a != b"),
    ("entities", "What is the capital of Australia?", "What is the capital of Austria?"),
    ("language", "How do I restart nginx?", "¿Cómo puedo reiniciar nginx?"),
    ("language", "restart nginx", "重启 nginx"),
    ("direction", "convert celsius to fahrenheit", "convert fahrenheit to celsius"),
    ("direction", "Is Java faster than Kotlin?", "Is Kotlin faster than Java?"),
    ("direction", "merge main into topic", "merge topic into main"),
    ("direction", "can dogs eat cats", "can cats eat dogs"),
    ("word", "user alice cannot log in", "user bob cannot log in"),
]


@pytest.mark.parametrize(("guard", "one", "other"), OPPOSITES)
def test_a_guard_keeps_them_apart_whichever_was_stored(guard: str, one: str, other: str) -> None:
    assert verdict(one, other) == guard
    assert verdict(other, one) == guard


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("How do I restart nginx?", "how to restart nginx"),
        ("How can I sort a list in Python?", "sort a list in python"),
        ("difference between Java and Kotlin", "difference between Kotlin and Java"),
        ("How do I undo a git commit?", "How can I undo a commit in git?"),
        ("What does HTTP 404 mean?", "what is the meaning of http 404"),
        ("What is the best way to learn English?", "What is a good way to learn English?"),
        ("the two methods are `a()` and `b()`", "the methods are `a()` and `b()`"),
        ("a Pythonic way to loop", "how to loop in Python"),
        ("what is datasets.AudioClass for", "what is AudioClass for"),
    ],
)
def test_the_guards_let_the_same_question_through(one: str, other: str) -> None:
    assert verdict(one, other) is None


@pytest.mark.parametrize("text", ["", " ", "?", "漢字", "\ud800", "a" * 5_000, "```", "`" * 99, "-", "1" * 400])
def test_any_text_can_be_read_and_agrees_with_itself(text: str) -> None:
    assert verdict(text, text) is None
