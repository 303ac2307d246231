"""Ask several local models the same question at once and take the answer they agree on."""

from collections.abc import Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field

import anyio

from hybrid_coordinator.domain.query import Completion, Prompt, Speciality, fold
from hybrid_coordinator.errors import ModelUnavailable
from hybrid_coordinator.logic.agreement import AgreementPolicy, Candidate, choose_by_agreement
from hybrid_coordinator.ports import Embedder, Model


@dataclass(frozen=True, slots=True)
class EnsemblePolicy:
    """Who has not answered after `time_limit_s` has no vote."""

    time_limit_s: float = 60.0
    agreement: AgreementPolicy = field(default_factory=AgreementPolicy)


@dataclass(frozen=True, slots=True)
class Loser:
    """An answer that was not chosen."""

    model: str
    completion: Completion


@dataclass(frozen=True, slots=True)
class EnsembleAnswer:
    """The answer of one model, how far the others agree with it, in [0, 1], and whether that is enough to trust it.

    `losers` are the other whole answers, `failures` say by name why a model had no vote.
    """

    completion: Completion
    model: str
    agreement: float
    trusted: bool
    reason: str
    losers: tuple[Loser, ...] = ()
    failures: Mapping[str, str] = field(default_factory=dict)


class Ensemble:
    """Votes by what answers mean, for which it embeds them."""

    def __init__(self, embedder: Embedder, policy: EnsemblePolicy) -> None:
        self._embedder = embedder
        self._policy = policy

    async def ask(
        self, models: Sequence[Model], prompts: Mapping[str, Prompt], speciality: Speciality
    ) -> EnsembleAnswer:
        """The answer in the middle. `prompts` are by the names of the models' cards.

        Raises ModelUnavailable only when no model gave a whole answer in time.
        """
        answers: dict[str, Completion] = {}
        failures = {model.card.name: f"was not done after {self._policy.time_limit_s:g} s" for model in models}
        with anyio.move_on_after(self._policy.time_limit_s):
            async with anyio.create_task_group() as tasks:
                for model in models:
                    tasks.start_soon(_hear, model, prompts[model.card.name], answers, failures)
        heard = [model for model in models if model.card.name in answers]
        if not heard:
            raise ModelUnavailable(f"no local model answered: {'; '.join(_spell(failures))}")
        return await self._vote(heard, answers, failures, speciality)

    async def _vote(
        self,
        models: Sequence[Model],
        answers: Mapping[str, Completion],
        failures: Mapping[str, str],
        speciality: Speciality,
    ) -> EnsembleAnswer:
        cards = [model.card for model in models]
        texts = [_content(answers[card.name]) for card in cards]
        vectors = await self._embedder.embed(texts)
        candidates = [
            Candidate(card.name, card.speciality, text, vector)
            for card, text, vector in zip(cards, texts, vectors, strict=True)
        ]
        verdict = choose_by_agreement(candidates, speciality, self._policy.agreement)
        losers = (Loser(card.name, answers[card.name]) for card in cards if card.name != verdict.winner)
        return EnsembleAnswer(
            completion=answers[verdict.winner],
            model=verdict.winner,
            agreement=verdict.agreement,
            trusted=verdict.trusted,
            reason=verdict.reason,
            losers=tuple(losers),
            failures=failures,
        )


async def _hear(model: Model, prompt: Prompt, answers: dict[str, Completion], failures: dict[str, str]) -> None:
    """A model that fails loses its vote and nothing else."""
    name = model.card.name
    try:
        async with aclosing(model.stream(prompt)) as pieces:
            completion = fold([piece async for piece in pieces])
    except ModelUnavailable as error:
        failures[name] = str(error)
        return
    if not _content(completion).strip():
        failures[name] = "said nothing"
        return
    answers[name] = completion
    del failures[name]


def _content(completion: Completion) -> str:
    """What is compared: what was said, and what was called."""
    return "\n".join([completion.text, *(f"{call.name} {call.arguments}" for call in completion.calls)])


def _spell(failures: Mapping[str, str]) -> list[str]:
    return [f"{name}: {why}" for name, why in failures.items()]
