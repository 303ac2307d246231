"""From neighbours to a verdict, and from an error budget to the chance it demands."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from hybrid_coordinator.domain.caching import CachedAnswer, CacheEntry, CacheKey, Layer, Neighbour, Observation
from hybrid_coordinator.logic.cache_agreement import agree
from hybrid_coordinator.logic.cache_budget import Tally, due, least_share, needed_chance, overspent
from hybrid_coordinator.logic.cache_decision import decide
from hybrid_coordinator.logic.cache_eviction import choose_victims
from hybrid_coordinator.logic.cache_exact import address, same_scope, typed_alike

NOW = datetime(2026, 3, 4, tzinfo=UTC)
LATER = NOW + timedelta(days=1)
BAR = needed_chance(0.01)


def entry(text: str, id: str = "one") -> CacheEntry:
    return CacheEntry(id, CacheKey(text), CachedAnswer("an answer", {}), NOW, LATER, group=id)


def near(text: str, similarity: float, id: str = "one") -> Neighbour:
    return Neighbour(entry(text, id), similarity)


def test_nearly_the_same_question_is_answered() -> None:
    verdict = decide(
        "How can I restart the nginx web server?", [near("How do I restart the nginx web server?", 0.99)], BAR, NOW
    )

    assert verdict.layer is Layer.SEMANTIC
    assert verdict.hit is not None
    assert verdict.probability >= BAR


def test_a_guard_names_itself_in_the_reason() -> None:
    verdict = decide("How do I disable dark mode?", [near("How do I enable dark mode?", 0.99)], BAR, NOW)

    assert verdict.hit is None
    assert verdict.guard == "opposites"
    assert "opposites" in verdict.reason


def test_another_question_of_the_same_field_is_not_answered() -> None:
    verdict = decide(
        "How do I write a web server?", [near("Which web server is easy to run on a laptop?", 0.75)], BAR, NOW
    )

    assert verdict.hit is None


def test_a_candidate_behind_a_refused_one_may_answer() -> None:
    around = [
        near("How do I disable dark mode in the editor?", 0.99, "off"),
        near("How do I enable dark mode in the editor?", 0.985, "on"),
    ]

    verdict = decide("How can I enable dark mode in the editor?", around, 0.5, NOW)

    assert verdict.hit is not None
    assert verdict.hit.id == "on"


def test_what_did_not_fit_once_lowers_the_chance() -> None:
    fresh = near("How do I improve my English?", 0.95)
    failed = replace(fresh, entry=replace(fresh.entry, observations=(Observation(0.97, fitted=False),) * 2))

    before = decide("How can I improve my spoken English?", [fresh], BAR, NOW).probability
    after = decide("How can I improve my spoken English?", [failed], BAR, NOW).probability

    assert after < before


@pytest.mark.parametrize("spoiled", [{"distrusted": True}, {"expires_at": NOW}])
def test_an_entry_without_trust_or_time_answers_nobody(spoiled: dict[str, object]) -> None:
    around = [Neighbour(replace(entry("How do I restart nginx?"), **spoiled), 1.0)]  # type: ignore[arg-type]

    assert decide("How do I restart nginx?", around, 0.0, NOW).hit is None


def test_an_empty_cache_says_so() -> None:
    assert decide("anything", [], BAR, NOW).reason == "nothing is stored that could answer this"


def test_a_smaller_budget_demands_more() -> None:
    demanded = [needed_chance(budget) for budget in (0.0, 0.001, 0.01, 0.02, 0.05, 0.5)]

    assert demanded[0] == 1.0
    assert demanded == sorted(demanded, reverse=True)
    assert demanded[1] > demanded[2] > demanded[3] > demanded[4] == demanded[5]


def test_a_budget_is_overspent_only_when_that_is_proved() -> None:
    assert not overspent(Tally(), 0.01)
    assert not overspent(Tally(requests=100, hits=10, judged=1, wrong=1), 0.05)
    assert overspent(Tally(requests=100, hits=50, judged=40, wrong=20), 0.05)


def test_the_lower_bound_is_the_published_one() -> None:
    assert least_share(0, 10) == pytest.approx(0.0, abs=1e-12)
    assert least_share(5, 10) == pytest.approx(0.2693, abs=1e-4)


def test_a_hit_is_asked_again_as_often_as_the_share_says() -> None:
    assert due(0.009, 0.01)
    assert not due(0.01, 0.01)


@pytest.mark.parametrize(
    ("one", "other", "said"),
    [
        ("Run systemctl restart nginx.", "run systemctl  restart nginx", True),
        ("Run systemctl restart nginx for that.", "You can run systemctl restart nginx.", True),
        ("Paris is the capital.", "Use a mutex around the counter.", False),
        ("Set the timeout to 30 seconds.", "Set the timeout to 60 seconds.", None),
        ("q1", "q2", False),
    ],
)
def test_answers_agree_only_when_it_is_plain(one: str, other: str, said: bool | None) -> None:
    assert agree(one, other) is said


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("What is  nginx?\n", "what is nginx", True),
        ("What does `Foo` do?", "what does `foo` do?", False),
        ("Is US law strict", "is us law strict", False),
        ("run x:\n    y", "run x:\n  y", False),
        ("a b", "ab", False),
    ],
)
def test_typing_is_forgiven_where_it_means_nothing(one: str, other: str, same: bool) -> None:
    assert (typed_alike(one) == typed_alike(other)) is same


def test_tenants_and_scopes_have_addresses_of_their_own() -> None:
    keys = [CacheKey("a"), CacheKey("a", tenant="t"), CacheKey("a", scope="s"), CacheKey("a", tenant="t", scope="s")]

    assert len({address(key) for key in keys}) == 4
    assert same_scope("ab", "c") != same_scope("a", "bc")
    assert same_scope("ab", "c") == same_scope("ab", "c")


def test_the_least_useful_goes_first() -> None:
    useless, distrusted = entry("b", "useless"), replace(entry("c", "distrusted"), hits=99, distrusted=True)
    useful = replace(entry("a", "useful"), hits=9)

    victims = choose_victims([useful, useless, distrusted], 2, NOW)

    assert [victim.id for victim in victims] == ["distrusted", "useless"]
