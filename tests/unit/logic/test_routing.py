"""The decision tree of the users' "Hybrid Workflow" document."""

import pytest

from hybrid_coordinator.domain.knowledge import Collection, Passage
from hybrid_coordinator.domain.query import Preference, Profile, Query, Speciality
from hybrid_coordinator.domain.route import Location, ModelCard, Target
from hybrid_coordinator.errors import ModelUnavailable
from hybrid_coordinator.logic.complexity import estimate_complexity, find_speciality
from hybrid_coordinator.logic.routing import RoutingPolicy, choose_route, local_bar, local_confidence

HOME = ModelCard("home", Location.LOCAL)
CODER = ModelCard("coder", Location.LOCAL, Speciality.CODE)
ANALYST = ModelCard("analyst", Location.LOCAL, Speciality.ANALYSIS)
AWAY = ModelCard("away", Location.REMOTE)
POLICY = RoutingPolicy()

SIMPLE, MEDIUM, COMPLEX = "how to restart nginx", "explain the restart of nginx", "design a cache"


def passage(similarity: float) -> Passage:
    return Passage("1", Collection.ERRORS, "text", {}, similarity, similarity)


def documents_rule(relevance: float, complexity: int) -> bool:
    """`should_use_local`, as the document writes it."""
    return (
        (relevance > 0.85 and complexity < 6)
        or (relevance > 0.8 and complexity < 4)
        or (relevance > 0.7 and complexity < 3)
    )


@pytest.mark.parametrize("text", [SIMPLE, MEDIUM, COMPLEX])
@pytest.mark.parametrize("relevance", [0.0, 0.6, 0.7, 0.701, 0.8, 0.801, 0.85, 0.851, 0.99, 1.0])
def test_the_default_profile_decides_as_the_document_does(text: str, relevance: float) -> None:
    route = choose_route(Query(text), [passage(relevance)], [HOME, AWAY], POLICY)

    assert (route.target is Target.LOCAL) == documents_rule(relevance, estimate_complexity(text))


@pytest.mark.parametrize(
    ("profile", "relevance", "text", "target"),
    [
        (Profile.CRITICAL, 0.95, SIMPLE, Target.REMOTE),
        (Profile.CRITICAL, 0.96, SIMPLE, Target.LOCAL),
        (Profile.CRITICAL, 0.99, MEDIUM, Target.REMOTE),
        (Profile.CASUAL, 0.65, MEDIUM, Target.REMOTE),
        (Profile.CASUAL, 0.66, MEDIUM, Target.LOCAL),
        (Profile.CASUAL, 0.99, COMPLEX, Target.REMOTE),
    ],
)
def test_profiles_move_the_bars(profile: Profile, relevance: float, text: str, target: Target) -> None:
    route = choose_route(Query(text, profile=profile), [passage(relevance)], [HOME, AWAY], POLICY)

    assert route.target is target


def test_the_threshold_moves_every_bar() -> None:
    strict = RoutingPolicy(local_confidence_threshold=0.8)

    route = choose_route(Query(SIMPLE), [passage(0.75)], [HOME, AWAY], strict)

    assert route.target is Target.REMOTE


@pytest.mark.parametrize("relevance", [0.1, 0.7, 0.75, 0.81, 0.86, 0.96, 1.0])
@pytest.mark.parametrize("complexity", [2, 5, 8])
@pytest.mark.parametrize("profile", list(Profile))
def test_confidence_is_above_the_threshold_exactly_when_local_is_chosen(
    relevance: float, complexity: int, profile: Profile
) -> None:
    bar = local_bar(complexity, profile, 0.7)

    assert (local_confidence(relevance, bar, 0.7) > 0.7) == (relevance > bar)


def test_without_a_remote_key_the_route_says_so_and_stays_local() -> None:
    route = choose_route(Query(COMPLEX), [], [HOME], POLICY)

    assert route.target is Target.LOCAL
    assert "no remote key is set" in route.reason


def test_local_only_mode_never_lists_a_remote_attempt() -> None:
    route = choose_route(Query(COMPLEX), [], [HOME, AWAY], RoutingPolicy(hybrid_mode=False))

    assert route.attempts == ("home",)
    assert "nothing may leave" in route.reason


def test_a_failed_first_choice_leaves_the_other_side_to_try() -> None:
    local = choose_route(Query(SIMPLE), [passage(0.9)], [AWAY, HOME], POLICY)
    remote = choose_route(Query(COMPLEX), [passage(0.9)], [AWAY, HOME], POLICY)

    assert local.attempts == ("home", "away")
    assert remote.attempts == ("away", "home")


def test_heavy_material_is_read_at_home_and_answered_away() -> None:
    query = Query("what happened here?", context="word " * 4_000)

    route = choose_route(query, [passage(0.9)], [HOME, AWAY], POLICY)

    assert route.target is Target.LOCAL_THEN_REMOTE
    assert "4,000" in route.reason


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("write a python function that adds", "coder"),
        ("review this design", "analyst"),
        ("what is a lease?", "home"),
    ],
)
def test_the_specialist_is_asked_first(text: str, first: str) -> None:
    query = Query(text, preference=Preference.LOCAL)

    assert choose_route(query, [], [HOME, CODER, ANALYST], POLICY).attempts[0] == first


def test_insisting_on_remote_without_a_key_is_a_clear_error() -> None:
    with pytest.raises(ModelUnavailable, match="ANTHROPIC_API_KEY"):
        choose_route(Query(SIMPLE, preference=Preference.REMOTE), [], [HOME], POLICY)


def test_no_model_at_all_names_the_ways_out() -> None:
    with pytest.raises(ModelUnavailable, match="models pull"):
        choose_route(Query(SIMPLE), [], [], POLICY)


@pytest.mark.parametrize(
    ("text", "complexity"),
    [
        ("what is a lease", 2),
        ("list the ports", 2),
        ("why does it fail", 5),
        ("Compare both", 5),
        ("Design and explain", 8),
        ("optimise this", 8),
        ("", 2),
    ],
)
def test_complexity_follows_the_documents_keywords(text: str, complexity: int) -> None:
    assert estimate_complexity(text) == complexity


def test_a_keyword_inside_a_word_does_not_count() -> None:
    assert estimate_complexity("the redesigned page") == 2
    assert find_speciality("encode this greeting") is Speciality.GENERAL
