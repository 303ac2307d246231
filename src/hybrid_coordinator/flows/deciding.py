"""Decide what is done with a question: recall the answer, or find what is known and choose who answers."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from hybrid_coordinator.domain.caching import CacheEntry, CacheKey, Circumstances, Layer
from hybrid_coordinator.domain.interaction import CacheUse
from hybrid_coordinator.domain.knowledge import Passage
from hybrid_coordinator.domain.query import Image, Preference, Prompt, Query, ToolResult
from hybrid_coordinator.domain.route import Location, ModelCard, Route, Target
from hybrid_coordinator.errors import ModelUnavailable
from hybrid_coordinator.flows.augment import Augmenter
from hybrid_coordinator.flows.budgets import Budgets
from hybrid_coordinator.flows.caching import SemanticCache
from hybrid_coordinator.flows.lessons import Lessons
from hybrid_coordinator.flows.sessions import Sessions
from hybrid_coordinator.logic.answer_room import estimate_prompt
from hybrid_coordinator.logic.auditing import in_holdout
from hybrid_coordinator.logic.budgets import Level
from hybrid_coordinator.logic.cachable import why_not_cached
from hybrid_coordinator.logic.cache_exact import same_scope
from hybrid_coordinator.logic.complexity import estimate_complexity, find_speciality
from hybrid_coordinator.logic.draws import draw
from hybrid_coordinator.logic.errors_in_text import error_lines
from hybrid_coordinator.logic.routing import RoutingPolicy, choose_route, explore
from hybrid_coordinator.logic.switching import weigh_switch
from hybrid_coordinator.logic.version_names import is_other_version

HOLDOUT_REASON = "held out: the plain way, remote and with nothing added, to measure savings against"

_USES: Mapping[Layer, CacheUse] = {Layer.EXACT: CacheUse.EXACT, Layer.SEMANTIC: CacheUse.SEMANTIC}


@dataclass(frozen=True, slots=True)
class Decision:
    """What is done with a question, and on what grounds.

    `recalled` holds the answer, if the cache has it; the route is only for the record then. `cache_key` is under what
    the answer to come may be kept, None where it may not. `features` are what the router went by; passages less similar
    than `min_similarity` are better left unsaid.
    """

    route: Route
    passages: tuple[Passage, ...] = ()
    recalled: CacheEntry | None = None
    cache_key: CacheKey | None = None
    cache_use: CacheUse = CacheUse.NONE
    features: bytes = b""
    holdout: bool = False
    min_similarity: float = 0.0


class Decider:
    """Knows the cache, the knowledge, the router, the budgets and the sessions, and asks each in its turn."""

    def __init__(
        self,
        augmenter: Augmenter,
        cache: SemanticCache,
        lessons: Lessons,
        budgets: Budgets,
        sessions: Sessions,
        policy: RoutingPolicy,
        holdout_share: float,
    ) -> None:
        self._augmenter = augmenter
        self._cache = cache
        self._lessons = lessons
        self._budgets = budgets
        self._sessions = sessions
        self._policy = policy
        self._holdout_share = holdout_share

    async def decide(self, answer_id: str, query: Query, cards: Sequence[ModelCard]) -> Decision:
        """Choose among the models of these cards. Raises OverBudget, and ModelUnavailable when there is none.

        Chance assigns whole sessions to the hold-out, whatever is asked in them: those of their questions that cannot
        go the plain way have their like in the other sessions, so that the two stay comparable.
        """
        held = in_holdout(draw("holdout", query.session_id or answer_id), self._holdout_share)
        decision = await self._decide(answer_id, query, cards, held=held)
        return replace(decision, holdout=held, min_similarity=self._augmenter.policy.min_similarity)

    async def _decide(self, answer_id: str, query: Query, cards: Sequence[ModelCard], *, held: bool) -> Decision:
        if query.model:
            return self._obey(query, cards)
        standing = self._budgets.demand(query.asker)
        if standing.level is Level.SOFT and _any_local(cards):
            query = replace(query, preference=Preference.LOCAL)
        elif held and query.preference is Preference.AUTO and (remote := self._remote(cards)):
            return Decision(_plain_route(query, Target.REMOTE, remote, HOLDOUT_REASON))
        key = _cache_key(query, away=bool(self._remote(cards))) if self._cache.enabled else None
        if key is not None:
            verdict = await self._cache.look_up(key, interaction_id=answer_id)
            usable = (
                verdict.hit is not None and _is_current(verdict.hit, cards) and _is_short_enough(verdict.hit, query)
            )
            if usable and verdict.hit is not None and verdict.layer is not None:
                return Decision(_recalling(query, verdict.reason), recalled=verdict.hit, cache_use=_USES[verdict.layer])
        decision = await self._choose(answer_id, query, cards)
        if standing.level is Level.SOFT:
            decision = replace(decision, route=replace(decision.route, reason=standing.reason))
        return replace(decision, cache_key=key)

    def _obey(self, query: Query, cards: Sequence[ModelCard]) -> Decision:
        """The asker named the model: nothing else is asked, and nothing is added."""
        card = next((card for card in cards if card.name == query.model), None)
        if card is None:
            raise ModelUnavailable(
                f"there is no model {query.model!r}; there are {', '.join(card.name for card in cards)}"
            )
        if card.location is Location.REMOTE:
            self._budgets.demand(query.asker)
        target = Target.LOCAL if card.location is Location.LOCAL else Target.REMOTE
        return Decision(_plain_route(query, target, (card.name,), "the asker named this model"))

    def _remote(self, cards: Sequence[ModelCard]) -> tuple[str, ...]:
        if not self._policy.hybrid_mode:
            return ()
        return tuple(card.name for card in cards if card.location is Location.REMOTE)

    async def _choose(self, answer_id: str, query: Query, cards: Sequence[ModelCard]) -> Decision:
        passages: tuple[Passage, ...] = ()
        if query.text and query.wishes.context and not _is_tool_turn(query.conversation):
            asked = f"{query.text}\n{error_lines(query.context)}".strip()
            finding = await self._augmenter.consult(asked, query.session_id or "")
            passages = finding.passages
        if query.needs_remote and query.preference is Preference.AUTO and (remote := self._remote(cards)):
            return Decision(_plain_route(query, Target.REMOTE, remote, query.needs_remote), passages)
        taught = await self._lessons.consult(answer_id, query.text, passages) if query.text else None
        route = choose_route(query, passages, cards, self._policy, taught.lesson if taught else None)
        if query.preference is Preference.AUTO and self._lessons.explores(answer_id):
            route = explore(route, cards)
        return Decision(self._stay(query, route, cards), passages, features=taught.features if taught else b"")

    def _stay(self, query: Query, route: Route, cards: Sequence[ModelCard]) -> Route:
        """A session stays with its model while its tools run, and as long as leaving costs more than it saves."""
        stay = self._sessions.stay_of(query.session_id)
        to = next(card for card in cards if card.name == route.attempts[0])
        if stay is None or stay.card == to or stay.card not in cards or query.preference is not Preference.AUTO:
            return route
        if _is_tool_turn(query.conversation):
            return _staying(route, stay.card, "the tools that run were called by this model")
        if query.conversation is None or stay.card.location is Location.LOCAL:
            return route
        bargain = weigh_switch(stay, to, estimate_prompt(query.conversation), route.confidence)
        if bargain.worth_it or not stay.cached_tokens:
            return route
        lost, saved = bargain.lost / 1e6, bargain.saved / 1e6
        return _staying(route, stay.card, f"leaving would lose a prompt cache worth ${lost:.4f} to save ${saved:.4f}")


def _cache_key(query: Query, *, away: bool) -> CacheKey | None:
    """Under what the answer may be kept and recalled; None where it may not, or the asker does not want it.

    `away` says that a remote model could be asked: what was answered without one is not enough then.
    """
    if not query.wishes.cache or not query.text or query.needs_remote or query.preference is not Preference.AUTO:
        return None
    prompt = query.conversation
    circumstances = Circumstances(
        text=query.text,
        context=query.context if prompt is None else _material(query.text, prompt),
        earlier_turns=len(query.history) if prompt is None else len(prompt.turns) - 1,
        tools=prompt is not None and bool(prompt.tools),
        images=_has_images(prompt),
        temperature=(query.temperature if prompt is None else prompt.temperature) or 0.0,
    )
    if why_not_cached(circumstances) is not None:
        return None
    return CacheKey(query.text, query.asker, _scope(query, away=away))


def _scope(query: Query, *, away: bool) -> str:
    """What besides the question shapes an answer."""
    prompt, reach = query.conversation, "away" if away else "home"
    if prompt is None:
        return same_scope(query.profile, reach)
    schema = "" if prompt.schema is None else json.dumps(dict(prompt.schema), sort_keys=True)
    return same_scope(query.profile, reach, prompt.system, schema, *prompt.stop)


def _material(question: str, prompt: Prompt) -> str:
    """What came along in the same breath: other messages, files, what a program added. "" for the bare question."""
    asked = prompt.turns[prompt.asked_at].text.strip()
    return "" if asked == question.strip() else asked


def _is_current(entry: CacheEntry, cards: Sequence[ModelCard]) -> bool:
    """Whether a remembered answer is not of a version that another has replaced: what was taken back must not go on
    answering out of a cache, nor the base where a version has proved better."""
    given = str(entry.answer.payload.get("model", ""))
    return not any(card.version and is_other_version(given, card.version) for card in cards)


def _is_short_enough(entry: CacheEntry, query: Query) -> bool:
    """Whether a remembered answer keeps to the length that was asked for."""
    most = query.max_tokens if query.conversation is None else query.conversation.max_tokens
    return int(entry.answer.payload.get("output_tokens", 0)) <= most


def _has_images(prompt: Prompt | None) -> bool:
    return prompt is not None and any(isinstance(part, Image) for turn in prompt.turns for part in turn.parts)


def _is_tool_turn(prompt: Prompt | None) -> bool:
    """Whether a model is to go on with what its tools gave."""
    return prompt is not None and any(isinstance(part, ToolResult) for part in prompt.turns[prompt.asked_at].parts)


def _any_local(cards: Sequence[ModelCard]) -> bool:
    return any(card.location is Location.LOCAL for card in cards)


def _recalling(query: Query, reason: str) -> Route:
    return _plain_route(query, Target.LOCAL, (), reason)


def _plain_route(query: Query, target: Target, attempts: tuple[str, ...], reason: str) -> Route:
    """A route that no evidence was needed for."""
    return Route(
        target=target,
        attempts=attempts,
        reason=reason,
        confidence=1.0 if target is Target.LOCAL else 0.0,
        relevance=0.0,
        complexity=estimate_complexity(query.text),
        speciality=find_speciality(query.text),
        profile=query.profile,
    )


def _staying(route: Route, card: ModelCard, why: str) -> Route:
    others = tuple(name for name in route.attempts if name != card.name)
    target = Target.LOCAL if card.location is Location.LOCAL else Target.REMOTE
    return replace(
        route, target=target, attempts=(card.name, *others), reason=f"the session stays with {card.name}: {why}"
    )
