"""The flows, wired over whatever stands behind the ports."""

from collections.abc import Mapping
from dataclasses import dataclass

from hybrid_coordinator.domain.interaction import Interaction
from hybrid_coordinator.domain.query import Query
from hybrid_coordinator.domain.route import Location, ModelCard
from hybrid_coordinator.errors import BadInput, ModelUnavailable
from hybrid_coordinator.flows import answer, datasets
from hybrid_coordinator.flows.answer import Answerer
from hybrid_coordinator.flows.augment import Augmenter
from hybrid_coordinator.flows.feedback import Feedback
from hybrid_coordinator.flows.health import Check, Health, check_health
from hybrid_coordinator.flows.history import History
from hybrid_coordinator.flows.importing import Importer
from hybrid_coordinator.flows.ingest import Indexer
from hybrid_coordinator.flows.reports import Reporter
from hybrid_coordinator.flows.search import Searcher
from hybrid_coordinator.logic.pricing import find_price
from hybrid_coordinator.ports import Clock, Datasets, Embedder, Files, Knowledge, Ledger, Model
from hybrid_coordinator.settings import Settings


@dataclass(frozen=True, slots=True)
class Backends:
    """What stands behind the ports. Tests build one of fakes; `open_house` builds the real one."""

    embedder: Embedder
    knowledge: Knowledge
    ledger: Ledger
    models: Mapping[str, Model]
    datasets: Datasets
    files: Files
    clock: Clock
    neighbours: Mapping[str, Check]


class House:
    """The flows, wired. Every face asks here and nowhere else."""

    def __init__(self, settings: Settings, backends: Backends) -> None:
        self.settings = settings
        self.embedder = backends.embedder
        self.knowledge = backends.knowledge
        self.ledger = backends.ledger
        self.models = backends.models
        self.clock = backends.clock
        self._datasets = backends.datasets
        self._neighbours = backends.neighbours
        self.history = History(self.ledger, self.knowledge, self.embedder)
        self.augmenter = Augmenter(self.embedder, self.knowledge, self.history, settings.grounding)
        self.answerer = Answerer(
            self.models,
            self.augmenter,
            self.ledger,
            self.history,
            self.clock,
            settings.routing,
            settings.grounding,
            reference_card(settings),
        )
        self.searcher = Searcher(self.augmenter, self.ledger, self.answerer)
        self.feedback = Feedback(
            self.ledger,
            self.knowledge,
            self.embedder,
            self.history,
            self.clock,
            settings.scoring,
            extract_patterns=settings.learning.pattern_extraction,
        )
        self.indexer = Indexer(backends.files, self.knowledge, self.embedder, self.ledger, self.clock)
        self.importer = Importer(backends.files, self.knowledge, self.embedder, self.clock)
        self.reporter = Reporter(self.ledger, self.knowledge, self.clock, settings.scoring.high_value_threshold)

    async def answer_whole(self, query: Query) -> Interaction:
        """The recorded answer, once it is whole."""
        _, interaction = await answer.answer_whole(self.answerer, query)
        return interaction

    async def export_dataset(self) -> datasets.Exported:
        """Write the fine-tuning dataset."""
        return await datasets.export_dataset(
            self.ledger, self._datasets, high_value=self.settings.scoring.high_value_threshold
        )

    async def check_model(self, name: str) -> tuple[bool, str]:
        """Whether a model would take a prompt now, and a word about it."""
        try:
            await self.models[name].check()
        except ModelUnavailable as error:
            return False, str(error)
        return True, "ready"

    async def health(self) -> Health:
        """What is up and what is not. The stores are needed; models and neighbours are optional."""
        optional = {f"model {name}": self._model_check(name) for name in self.models}
        if not self.models:
            optional["models"] = _no_models
        return await check_health(
            {"knowledge": self._check_knowledge, "ledger": self._check_ledger, "embedder": self._check_embedder},
            optional | dict(self._neighbours),
        )

    def _model_check(self, name: str) -> Check:
        async def check() -> str:
            await self.models[name].check()
            return "ready"

        return check

    async def _check_knowledge(self) -> str:
        counts = await self.knowledge.counts()
        return ", ".join(f"{collection.value}: {count:,}" for collection, count in counts.items())

    async def _check_ledger(self) -> str:
        totals = await self.ledger.totals(None, high_value=self.settings.scoring.high_value_threshold)
        return f"{totals.interactions:,} interactions"

    async def _check_embedder(self) -> str:
        await self.embedder.embed(["health"])
        return f"{self.embedder.identity.name}, {self.embedder.identity.dimension} dimensions"


async def _no_models() -> str:
    raise ModelUnavailable("no model is set up: run `hybrid-coordinator models pull`, or set a URL or a key")


def reference_card(settings: Settings) -> ModelCard:
    """The remote model at whose list price savings are counted. Raises BadInput for one without a list price."""
    name = settings.remote.reference_model
    price = find_price(name)
    if price is None:
        raise BadInput(f"HYBRID_REFERENCE_MODEL={name!r} has no list price; name one that has, such as claude-sonnet-5")
    return ModelCard(name, Location.REMOTE, input_price=price[0], output_price=price[1])
