"""One skill of one answer: by the strategy whose turn it is, by a local model when one is up, else by copying."""

import logging
from collections.abc import Callable, Mapping, Sequence

import anyio

from hybrid_coordinator.domain.interaction import Interaction
from hybrid_coordinator.domain.learning import Learned, Uses
from hybrid_coordinator.domain.query import Prompt
from hybrid_coordinator.domain.route import Location
from hybrid_coordinator.errors import ModelUnavailable
from hybrid_coordinator.flows.digesting import listen
from hybrid_coordinator.logic.extraction_check import EXTRACTIVE, STRATEGIES, Extracted, check_pattern, copy_pattern
from hybrid_coordinator.logic.extraction_policy import ExtractionPolicy
from hybrid_coordinator.logic.extraction_prompts import extraction_prompt
from hybrid_coordinator.logic.extraction_shape import read_pattern
from hybrid_coordinator.logic.extraction_voting import vote
from hybrid_coordinator.logic.strategies import StrategyRecord, rank_strategies, tally
from hybrid_coordinator.ports import Catalog, Clock, Ledger, Model

PAGE = 500
REST_S = 60.0
MOST_ITEMS = 20_000
"""Items whose fate is counted; what is beyond them would change no choice."""

logger = logging.getLogger(__name__)


class StrategyBook:
    """How useful what each strategy made turned out to be, read anew now and then."""

    def __init__(self, catalog: Catalog, ledger: Ledger, clock: Clock, refresh_s: float) -> None:
        self._catalog = catalog
        self._ledger = ledger
        self._clock = clock
        self._refresh_s = refresh_s
        self._records: Mapping[str, StrategyRecord] = {}
        self._read_at: float | None = None

    async def records(self) -> Mapping[str, StrategyRecord]:
        """The counts by strategy; those that nothing is known of may be missing."""
        now = self._clock.monotonic()
        if self._read_at is None or now - self._read_at >= self._refresh_s:
            self._records, self._read_at = await self._read(), now
        return self._records

    async def _read(self) -> dict[str, StrategyRecord]:
        items: list[Learned] = []
        uses: dict[str, Uses] = {}
        while len(items) < MOST_ITEMS:
            page = await self._catalog.browse(limit=PAGE, after=items[-1].id if items else None)
            uses.update(await self._ledger.uses([item.id for item in page]))
            items += page
            if len(page) < PAGE:
                break
        return tally(items, uses)


class PatternMaker:
    """Makes patterns. Whoever asks something comes first: while somebody does, answers are copied."""

    def __init__(
        self, models: Sequence[Model], book: StrategyBook, policy: ExtractionPolicy, *, busy: Callable[[], bool]
    ) -> None:
        """Only local models are asked; `busy` says whether somebody is being answered right now."""
        self._models = [model for model in models if model.card.location is Location.LOCAL]
        self._book = book
        self._policy = policy
        self._busy = busy
        self._back_at: dict[str, float] = {}

    async def make(self, interaction: Interaction) -> Extracted | None:
        """The pattern of an answer, or None when it holds nothing to apply."""
        models = await self._ready()
        if not models:
            return copy_pattern(interaction.query, interaction.response)
        made = [
            await self._try(strategy, models[number % len(models)], interaction)
            for number, strategy in enumerate(await self._choose(interaction))
        ]
        found = [one for one in made if one is not None]
        return vote(found) if found else None

    async def _choose(self, interaction: Interaction) -> list[str]:
        ranked = rank_strategies(
            await self._book.records(), STRATEGIES, interaction.id, prior_weight=self._policy.prior_weight
        )
        return ranked[: max(1, self._policy.votes)]

    async def _ready(self) -> list[Model]:
        """The models that would take a prompt now."""
        ready: list[Model] = []
        for model in self._models if self._policy.use_models and not self._busy() else ():
            if anyio.current_time() < self._back_at.get(model.card.name, 0.0):
                continue
            try:
                await model.check()
            except ModelUnavailable:
                self._let_rest(model)
                continue
            ready.append(model)
        return ready

    def _let_rest(self, model: Model) -> None:
        """A model that is down, or does not end, is not waited for at every interaction."""
        self._back_at[model.card.name] = anyio.current_time() + REST_S

    async def _try(self, strategy: str, model: Model, interaction: Interaction) -> Extracted | None:
        """A model that does not come to an end says nothing about its strategy: the answer is copied."""
        if strategy == EXTRACTIVE:
            return copy_pattern(interaction.query, interaction.response)
        prompt = extraction_prompt(
            strategy,
            interaction,
            context_tokens=model.card.context_tokens,
            max_tokens=self._policy.max_tokens,
            temperature=self._policy.temperature,
        )
        try:
            said = await self._listen(model, prompt)
        except (ModelUnavailable, TimeoutError) as error:
            self._let_rest(model)
            logger.info("a skill is copied: the model did not end", extra={"model": model.card.name, "why": str(error)})
            return copy_pattern(interaction.query, interaction.response)
        return self._read(said, strategy, interaction)

    def _read(self, said: str, strategy: str, interaction: Interaction) -> Extracted | None:
        spoken = read_pattern(said)
        if spoken is None:
            return copy_pattern(interaction.query, interaction.response, tried=strategy, support=0.0)
        return check_pattern(
            spoken,
            interaction.query,
            interaction.response,
            strategy=strategy,
            least_support=self._policy.least_support,
        )

    async def _listen(self, model: Model, prompt: Prompt) -> str:
        with anyio.fail_after(self._policy.model_timeout_s):
            return (await listen(model, prompt)).text
