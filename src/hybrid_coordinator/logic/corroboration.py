"""Whether successes bear each other out, or are one voice that was heard several times."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from hybrid_coordinator.domain.interaction import Interaction, OutcomeKind

WITNESSED = frozenset(("", "answer", "relay"))
"""Channels whose questions and answers passed through here. All others carry somebody's report, sessions and all."""


@dataclass(frozen=True, slots=True)
class CorroborationPolicy:
    """`successes` from so many voices bear something out, when fewer voices speak against it. Sessions of one asker
    are voices of their own only when they lie `apart_s` seconds or more from each other."""

    successes: int = 3
    apart_s: float = 3600.0


def corroborated(
    outcomes: Iterable[Interaction], policy: CorroborationPolicy, made_by: Sequence[Interaction] = ()
) -> tuple[bool, str]:
    """Whether independent outcomes speak for something, and a sentence that says so.

    A voice is a session that was witnessed here. Reports of one asker by one channel are one voice, however many
    sessions they name: whoever reports can name as many as he likes. `made_by` are the interactions that the thing was
    made of: when they were only reported, everything their askers say about it is one voice too.
    """
    suspects = frozenset(one.asker for one in made_by if one.channel not in WITNESSED)
    judged = sorted((one for one in outcomes if one.outcome is not None), key=_moment)
    speaking_for = count_voices([one for one in judged if _succeeded(one)], policy, suspects)
    against = count_voices([one for one in judged if _failed(one)], policy, suspects)
    enough = speaking_for >= policy.successes and speaking_for > against
    return enough, f"{speaking_for} independent for it and {against} against; {policy.successes} are needed"


def count_voices(
    outcomes: Sequence[Interaction], policy: CorroborationPolicy, suspects: frozenset[str] = frozenset()
) -> int:
    """How many independent voices there are in these outcomes, which come oldest first."""
    heard: set[str] = set()
    last_of: dict[str, datetime] = {}
    for one in outcomes:
        voice = _voice(one, suspects)
        if voice in heard:
            continue
        if _is_session(one, suspects) and _too_soon(last_of.get(one.asker), one, policy):
            continue
        heard.add(voice)
        last_of[one.asker] = _moment(one)
    return len(heard)


def _voice(one: Interaction, suspects: frozenset[str]) -> str:
    if one.asker in suspects:
        return f"asker {one.asker}"
    if one.channel not in WITNESSED:
        return f"{one.channel} of {one.asker}"
    return f"session {one.asker} {one.session_id or _moment(one).date()}"


def _is_session(one: Interaction, suspects: frozenset[str]) -> bool:
    return one.asker not in suspects and one.channel in WITNESSED


def _too_soon(last: datetime | None, one: Interaction, policy: CorroborationPolicy) -> bool:
    return last is not None and _moment(one) - last < timedelta(seconds=policy.apart_s)


def _moment(one: Interaction) -> datetime:
    return one.settled_at or one.created_at


def _succeeded(one: Interaction) -> bool:
    outcome = one.outcome
    good = outcome is not None and outcome.kind is OutcomeKind.SUCCESS and outcome.user_feedback != -1
    return good and one.failure is None


def _failed(one: Interaction) -> bool:
    outcome = one.outcome
    return outcome is not None and (outcome.kind is OutcomeKind.FAILURE or outcome.user_feedback == -1)
