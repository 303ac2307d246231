"""All local models as one: a wrapper with the interface of a model."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import replace

from hybrid_coordinator.domain.query import Delta, Prompt, Spoken
from hybrid_coordinator.domain.route import Location, ModelCard
from hybrid_coordinator.flows.ensemble import Ensemble, EnsemblePolicy
from hybrid_coordinator.logic.complexity import find_speciality
from hybrid_coordinator.logic.routing import ENSEMBLE
from hybrid_coordinator.ports import Embedder, Model

LEAST_VOTERS = 2

DISAGREED = 0.0
"""The confidence of an answer that the others do not share: whoever checks it rejects it."""


class EnsembleVoice:
    """Says what the local models agree on. It comes whole; its confidence is how far they agree, or `DISAGREED`."""

    def __init__(self, models: Sequence[Model], ensemble: Ensemble) -> None:
        self._models = models
        self._ensemble = ensemble
        self._card = ModelCard(
            ENSEMBLE, Location.LOCAL, context_tokens=min(model.card.context_tokens for model in models)
        )

    @property
    def card(self) -> ModelCard:
        return self._card

    async def stream(self, prompt: Prompt) -> AsyncGenerator[Spoken, None]:
        prompts = {model.card.name: prompt for model in self._models}
        answer = await self._ensemble.ask(self._models, prompts, find_speciality(prompt.turns[-1].text))
        said = answer.completion
        spoken: list[Spoken] = [*said.thoughts, *([Delta(said.text)] if said.text else []), *said.calls]
        for piece in spoken:
            yield piece
        yield replace(said.finished, confidence=answer.agreement if answer.trusted else DISAGREED)

    async def check(self) -> None:
        """One of them is enough."""
        await self._models[0].check()

    async def aclose(self) -> None:
        """The models belong to whoever opened them."""


def with_ensemble(models: Mapping[str, Model], embedder: Embedder) -> Mapping[str, Model]:
    """The models, and all local ones as one where there are several."""
    home = [model for model in models.values() if model.card.location is Location.LOCAL]
    if len(home) < LEAST_VOTERS:
        return models
    return {**models, ENSEMBLE: EnsembleVoice(home, Ensemble(embedder, EnsemblePolicy()))}
