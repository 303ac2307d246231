"""Local or remote: the users' decision tree, with a reason for every branch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from hybrid_coordinator.domain.evidence import Judgement
from hybrid_coordinator.domain.knowledge import Passage
from hybrid_coordinator.domain.query import Preference, Profile, Query, Speciality
from hybrid_coordinator.domain.route import Location, ModelCard, Route, Target
from hybrid_coordinator.errors import ModelUnavailable
from hybrid_coordinator.logic.complexity import estimate_complexity, find_speciality, name_complexity
from hybrid_coordinator.logic.tokens import estimate_tokens


@dataclass(frozen=True, slots=True)
class RoutingPolicy:
    """The thresholds of routing. `hybrid_mode=False` means that nothing may leave this machine.

    A `quality_target` above 0 replaces the threshold on what was learned: the share of remote quality to be kept.
    """

    hybrid_mode: bool = True
    local_confidence_threshold: float = 0.7
    heavy_context_tokens: int = 4000
    quality_target: float = 0.0
    ensemble: bool = True


ENSEMBLE = "ensemble"
"""The name of the model that is all local ones together."""

DOUBTFUL = 0.1
"""So close to its threshold a confidence is in doubt, and several models are better than one."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """What was learned from outcomes about a question, and the threshold its probability is held against."""

    judgement: Judgement
    threshold: float


@dataclass(frozen=True, slots=True)
class Rung:
    """Questions less complex than `below` stay local when the best similarity is above threshold + `margin`."""

    margin: float
    below: int


LADDERS: Mapping[Profile, tuple[Rung, ...]] = {
    Profile.DEFAULT: (Rung(0.0, 3), Rung(0.10, 4), Rung(0.15, 6)),
    Profile.CRITICAL: (Rung(0.25, 4),),
    Profile.CASUAL: (Rung(-0.05, 7),),
}
"""`should_use_local` of the users' "Hybrid Workflow" document: with its threshold of 0.7 the bars are 0.7, 0.8 and 0.85
(default), 0.95 (critical) and 0.65 (casual)."""

UNREACHABLE = 1.0
"""The bar of a question that is too complex for every rung: a similarity never exceeds it."""


def local_bar(complexity: int, profile: Profile, threshold: float) -> float:
    """The similarity that must be exceeded for a question of this complexity to stay local."""
    bars = (threshold + rung.margin for rung in LADDERS[profile] if complexity < rung.below)
    return min(UNREACHABLE, round(next(bars, UNREACHABLE), 6))


def local_confidence(relevance: float, bar: float, threshold: float) -> float:
    """How sure it is that local suffices, in [0, 1]: above `threshold` exactly when `relevance` is above `bar`."""
    return min(1.0, max(0.0, relevance - bar + threshold))


@dataclass(frozen=True, slots=True)
class _Fleet:
    """The models that may be used, best first."""

    local: tuple[str, ...]
    remote: tuple[str, ...]
    ensemble: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Verdict:
    """Whether home suffices, how sure that is against what threshold, and why."""

    home: bool
    confidence: float
    threshold: float
    reason: str

    @property
    def doubtful(self) -> bool:
        return abs(self.confidence - self.threshold) < DOUBTFUL


def choose_route(
    query: Query,
    passages: Sequence[Passage],
    cards: Sequence[ModelCard],
    policy: RoutingPolicy,
    lesson: Lesson | None = None,
) -> Route:
    """Send the query home when we have seen its like, away when we have not.

    `passages` are best first. What was learned decides where it can be trusted, and the users' tree where it cannot.
    With no usable model at all ModelUnavailable says what to set.
    """
    speciality = find_speciality(query.text)
    fleet = _muster(cards, speciality, policy)
    _demand(query.preference, fleet, policy)
    complexity = estimate_complexity(query.text)
    relevance = max((passage.similarity for passage in passages), default=0.0)
    verdict = _weigh(query, passages, policy, relevance, complexity, lesson)
    target, attempts, reason = _decide(query, passages, fleet, policy, relevance, verdict)
    return Route(
        target=target,
        attempts=attempts,
        reason=reason,
        confidence=verdict.confidence,
        relevance=relevance,
        complexity=complexity,
        speciality=speciality,
        profile=query.profile,
    )


def _muster(cards: Sequence[ModelCard], speciality: Speciality, policy: RoutingPolicy) -> _Fleet:
    def fitness(card: ModelCard) -> int:
        return (card.speciality is not speciality) + (card.speciality not in (speciality, Speciality.GENERAL))

    ranked = sorted(cards, key=fitness)
    local = tuple(card.name for card in ranked if card.location is Location.LOCAL and card.name != ENSEMBLE)
    remote = tuple(card.name for card in ranked if card.location is Location.REMOTE)
    ensemble = tuple(card.name for card in ranked if card.name == ENSEMBLE and policy.ensemble)
    return _Fleet(local, remote if policy.hybrid_mode else (), ensemble)


def _demand(preference: Preference, fleet: _Fleet, policy: RoutingPolicy) -> None:
    if preference is Preference.REMOTE and not fleet.remote:
        why = "no remote key is set" if policy.hybrid_mode else "HYBRID_MODE_ENABLED is false: nothing may leave"
        raise ModelUnavailable(f"a remote answer was asked for, but {why}; set ANTHROPIC_API_KEY or OPENAI_API_KEY")
    if preference is Preference.LOCAL and not fleet.local:
        raise ModelUnavailable(
            "a local answer was asked for, but there is no local model: hybrid-coordinator models pull"
        )
    if not fleet.local and not fleet.remote:
        raise ModelUnavailable(
            "there is no model to answer: run `hybrid-coordinator models pull` for a small local one, "
            "or set LLAMA_CPP_BASE_URL, ANTHROPIC_API_KEY or OPENAI_API_KEY"
        )


def _weigh(
    query: Query,
    passages: Sequence[Passage],
    policy: RoutingPolicy,
    relevance: float,
    complexity: int,
    lesson: Lesson | None,
) -> _Verdict:
    if lesson is not None and lesson.judgement.trusted:
        return _weigh_lesson(query.profile, lesson)
    threshold = policy.local_confidence_threshold
    bar = local_bar(complexity, query.profile, threshold)
    home = relevance > bar
    if home:
        evidence = _evidence(passages, relevance)
        reason = f"{evidence}, above {bar:.2f}, and the question is {_name(complexity)}: home suffices"
    else:
        reason = _why_remote(passages, relevance, complexity, bar)
    return _Verdict(home, local_confidence(relevance, bar, threshold), threshold, reason)


def _weigh_lesson(profile: Profile, lesson: Lesson) -> _Verdict:
    """The profile moves the threshold as far as the first rung of its ladder does."""
    threshold = min(UNREACHABLE, max(0.0, lesson.threshold + LADDERS[profile][0].margin))
    p = lesson.judgement.p
    home = p >= threshold
    compared = f"not less than the {threshold:.2f}" if home else f"less than the {threshold:.2f}"
    return _Verdict(home, p, threshold, f"{lesson.judgement.reason}, {compared} that is needed to stay home")


def _decide(
    query: Query,
    passages: Sequence[Passage],
    fleet: _Fleet,
    policy: RoutingPolicy,
    relevance: float,
    verdict: _Verdict,
) -> tuple[Target, tuple[str, ...], str]:
    size = estimate_tokens(query.text) + estimate_tokens(query.context)
    if query.preference is Preference.LOCAL:
        return Target.LOCAL, fleet.local, "the caller asked for a local answer"
    if query.preference is Preference.REMOTE:
        return Target.REMOTE, fleet.remote, "the caller asked for a remote answer"
    if not fleet.remote:
        why = "no remote key is set" if policy.hybrid_mode else "local-only mode: nothing may leave this machine"
        return Target.LOCAL, fleet.local, f"{why}, so the answer comes from here; {_evidence(passages, relevance)}"
    if not fleet.local:
        return Target.REMOTE, fleet.remote, "there is no local model, so the question goes to a remote one"
    if size > policy.heavy_context_tokens:
        reason = (
            f"about {size:,} tokens came along, more than {policy.heavy_context_tokens:,}: a local model reads them "
            "and the remote one gets its summary"
        )
        return Target.LOCAL_THEN_REMOTE, fleet.remote + fleet.local, reason
    if verdict.home and fleet.ensemble and (verdict.doubtful or query.profile is Profile.CRITICAL):
        reason = f"{verdict.reason}; that is in doubt, so all local models are asked and have to agree"
        return Target.ENSEMBLE, fleet.ensemble + fleet.remote + fleet.local, reason
    if verdict.home:
        return Target.LOCAL, fleet.local + fleet.remote, verdict.reason
    return Target.REMOTE, fleet.remote + fleet.local, verdict.reason


def explore(route: Route, cards: Sequence[ModelCard]) -> Route:
    """The other way than the route says, to learn how that would have been; a critical question is never tried on."""
    remote = {card.name for card in cards if card.location is Location.REMOTE}
    away = tuple(name for name in route.attempts if name in remote)
    home = tuple(name for name in route.attempts if name not in remote and name != ENSEMBLE)
    movable = route.target in (Target.LOCAL, Target.REMOTE) and route.profile is not Profile.CRITICAL
    if not (away and home and movable):
        return route
    target, first = (Target.REMOTE, away) if route.target is Target.LOCAL else (Target.LOCAL, home)
    attempts = tuple(dict.fromkeys(first + route.attempts))
    return replace(route, target=target, attempts=attempts, reason=f"tried the other way, to learn: {route.reason}")


def _why_remote(passages: Sequence[Passage], relevance: float, complexity: int, bar: float) -> str:
    if bar >= UNREACHABLE:
        return f"the question is {_name(complexity)}, too much for local models; {_evidence(passages, relevance)}"
    needed = f"the {bar:.2f} that a {_name(complexity)} question needs to stay home"
    return f"{_evidence(passages, relevance)}, not above {needed}"


def _evidence(passages: Sequence[Passage], relevance: float) -> str:
    if not passages:
        return "nothing like it is known here"
    best = max(passages, key=lambda passage: passage.similarity)
    return f"the closest thing known is in {best.collection.value} at similarity {relevance:.2f}"


def _name(complexity: int) -> str:
    return f"{name_complexity(complexity)} ({complexity} of 10)"
