"""The flows, wired over whatever stands behind the ports."""

from collections.abc import Mapping
from dataclasses import dataclass

from hybrid_coordinator.app.learning import Learning, LearningBackends
from hybrid_coordinator.app.training import Training, TrainingBackends
from hybrid_coordinator.daemon import Daemon, last_run
from hybrid_coordinator.domain.interaction import Interaction
from hybrid_coordinator.domain.query import Query
from hybrid_coordinator.domain.route import Location, ModelCard
from hybrid_coordinator.errors import BadInput, ModelUnavailable, Unavailable
from hybrid_coordinator.flows import answer
from hybrid_coordinator.flows.account import Bookkeeper
from hybrid_coordinator.flows.adapted_questions import AdaptedQuestions
from hybrid_coordinator.flows.answer import Answerer, AnswerPolicy
from hybrid_coordinator.flows.augment import Augmenter
from hybrid_coordinator.flows.budgets import Budgets
from hybrid_coordinator.flows.caching import SemanticCache
from hybrid_coordinator.flows.closing import Closer
from hybrid_coordinator.flows.crediting import Crediting
from hybrid_coordinator.flows.datasets import Exported
from hybrid_coordinator.flows.deciding import Decider
from hybrid_coordinator.flows.digesting import Digester
from hybrid_coordinator.flows.ensemble_voice import with_ensemble
from hybrid_coordinator.flows.experience import Experience
from hybrid_coordinator.flows.feedback import Feedback
from hybrid_coordinator.flows.filling import Filler, FillPolicy
from hybrid_coordinator.flows.health import Check, Health, check_health
from hybrid_coordinator.flows.history import History
from hybrid_coordinator.flows.importing import Importer
from hybrid_coordinator.flows.ingest import Indexer
from hybrid_coordinator.flows.lessons import Lessons
from hybrid_coordinator.flows.measures import Measurer
from hybrid_coordinator.flows.recalls import Recalls
from hybrid_coordinator.flows.recording import Recorder
from hybrid_coordinator.flows.relay import Relay, RelayPolicy
from hybrid_coordinator.flows.reports import Reporter
from hybrid_coordinator.flows.routing import LearnedRouter
from hybrid_coordinator.flows.search import Searcher
from hybrid_coordinator.flows.sessions import Sessions
from hybrid_coordinator.flows.shadowing import Shadows
from hybrid_coordinator.flows.stopwatch import Stopwatch
from hybrid_coordinator.flows.switchboard import Switchboard, VendorDesk
from hybrid_coordinator.flows.traffic import Traffic
from hybrid_coordinator.flows.watching import WatchedKnowledge
from hybrid_coordinator.logic.experiments import parse_variants
from hybrid_coordinator.logic.pricing import find_price
from hybrid_coordinator.logic.usefulness import UsefulnessPolicy
from hybrid_coordinator.ports import Cache, Catalog, Clock, Embedder, Files, Keepsake, Knowledge, Ledger, Model
from hybrid_coordinator.settings import Settings


@dataclass(frozen=True, slots=True)
class Backends:
    """What stands behind the ports. Tests build one of fakes; `open_house` builds the real one.

    `instance` names this house among those that learn on the same stores: the same after a restart. Without a
    `retriever`, which keeps what search has learned, search learns nothing.
    """

    embedder: Embedder
    knowledge: Knowledge
    ledger: Ledger
    cache: Cache
    lessons: Keepsake
    experience: Keepsake
    learning: LearningBackends
    models: Mapping[str, Model]
    desks: Mapping[str, VendorDesk]
    files: Files
    clock: Clock
    neighbours: Mapping[str, Check]
    training: TrainingBackends
    instance: str = ""
    retriever: Keepsake | None = None


class House:
    """The flows, wired. Every face asks here and nowhere else."""

    def __init__(self, settings: Settings, backends: Backends) -> None:
        self.settings = settings
        self.embedder = backends.embedder
        self.ledger = backends.ledger
        self.clock = backends.clock
        self.models = with_ensemble(backends.models, self.embedder)
        self._neighbours = backends.neighbours
        self.cache = SemanticCache(backends.cache, self.embedder, self.clock, settings.cache)
        self.knowledge: Knowledge = WatchedKnowledge(backends.knowledge, self.cache)
        self.budgets = Budgets(self.ledger, self.clock, settings.budget)
        self.history = History(self.ledger, self.knowledge, self.embedder)
        self.experience = Experience(
            self.ledger, backends.experience, settings.grounding, UsefulnessPolicy(), settings.silence
        )
        self.stopwatch = Stopwatch(self.clock)
        self.adapted = self._wire_adapted(backends)
        self.augmenter = Augmenter(
            self.embedder,
            self.knowledge,
            self.history,
            settings.grounding,
            self.experience,
            self.stopwatch,
            self.adapted,
        )
        self.crediting = Crediting(self.ledger, self.knowledge, self.experience)
        self.traffic = Traffic()
        self.learning = self._wire_learning(backends)
        router = LearnedRouter(self.embedder, settings.router)
        self.lessons = Lessons(router, self.ledger, backends.lessons, settings.routing, settings.router)
        recalls = Recalls(self.cache)
        self._recorder = Recorder(self.ledger, self.history, self.budgets)
        self.answerer = self._wire_answerer(recalls)
        self.shadows = Shadows(recalls, self.cache, self.answerer)
        self.searcher = Searcher(self.augmenter, self.ledger, self.answerer)
        self.feedback = self._wire_feedback()
        self.filler = self._wire_filler()
        self.indexer = Indexer(
            backends.files,
            self.knowledge,
            self.embedder,
            self.ledger,
            self.clock,
            settings.provenance,
            self.learning.curator.call_round,
        )
        self.importer = Importer(backends.files, self.knowledge, self.embedder, self.clock)
        self.reporter = self._wire_reporter()
        waits = RelayPolicy(settings.patience.first_word_s, settings.patience.whole_answer_s)
        vendors = {name: desk.vendor for name, desk in backends.desks.items()}
        self.relay = Relay(vendors, self._recorder, self.clock, waits)
        self.switchboard = Switchboard(self.models, backends.desks, settings.gateway.model_map, waits, self.clock)

    async def open(self) -> None:
        """Read what must be known before the first question."""
        await self.budgets.open()
        await self.lessons.open()
        await self.experience.open()
        await self.training.following.restore()
        await self.follow_search()

    async def follow_search(self) -> None:
        """Let search go by the versions of its own that are on record now."""
        if self.adapted is not None:
            await self.adapted.restore()

    @property
    def catalog(self) -> Catalog:
        """What was learned."""
        return self.learning.catalog

    @property
    def training(self) -> Training:
        """Who trains models, and decides on their versions."""
        return self.learning.training

    @property
    def daemon(self) -> Daemon:
        """Who learns."""
        return self.learning.daemon

    def _wire_adapted(self, backends: Backends) -> AdaptedQuestions | None:
        runs, keepsake = backends.training.runs, backends.retriever
        if keepsake is None:
            return None
        return AdaptedQuestions(runs, keepsake, self.embedder.identity, self.clock, share=self.settings.canary.share)

    def _wire_learning(self, backends: Backends) -> Learning:
        return Learning(
            self.settings,
            backends.learning,
            ledger=self.ledger,
            knowledge=self.knowledge,
            embedder=self.embedder,
            cache=self.cache,
            experience=self.experience,
            crediting=self.crediting,
            models=backends.models,
            files=backends.files,
            clock=self.clock,
            traffic=self.traffic,
            training=backends.training,
            adapted=self.adapted,
            name=backends.instance or self.clock.new_id(),
        )

    @property
    def _cards(self) -> list[ModelCard]:
        return [model.card for model in self.models.values()]

    def _wire_filler(self) -> Filler:
        return Filler(
            self.learning.gaps,
            self.learning.proposer,
            self.answer_whole,
            self.feedback.settle,
            self.ledger,
            self.knowledge,
            self.embedder,
            [*(card for card in self._cards if card.location is Location.REMOTE), reference_card(self.settings)],
            FillPolicy(),
        )

    def _wire_answerer(self, recalls: Recalls) -> Answerer:
        settings, reference = self.settings, reference_card(self.settings)
        sessions = Sessions(self.clock)
        decider = Decider(
            self.augmenter,
            self.cache,
            self.lessons,
            self.budgets,
            sessions,
            settings.routing,
            settings.gateway.holdout_share,
        )
        bookkeeper = Bookkeeper(self.clock, reference)
        return Answerer(
            self.models,
            decider,
            Digester(self._recorder, self.clock, settings.grounding, reference),
            Closer(bookkeeper, self._recorder, self.ledger, self.cache, sessions, self.lessons, recalls, self.clock),
            self.ledger,
            self.clock,
            AnswerPolicy(
                settings.grounding,
                settings.validation,
                settings.gateway.check_local,
                settings.withholding,
                parse_variants(settings.learning.variants, settings.grounding),
            ),
            self.traffic,
            self.stopwatch,
        )

    def _wire_reporter(self) -> Reporter:
        high_value, dimension = self.settings.scoring.high_value_threshold, self.embedder.identity.dimension
        measurer = Measurer(
            self.ledger, self.catalog, self.clock, self.stopwatch, high_value=high_value, dimension=dimension
        )
        return Reporter(self.ledger, self.knowledge, measurer, self.clock, high_value, budgets=self.budgets)

    def _wire_feedback(self) -> Feedback:
        return Feedback(
            self.ledger,
            self.knowledge,
            self.embedder,
            self.history,
            self.clock,
            self.settings.scoring,
            cache=self.cache,
            lessons=self.lessons,
            crediting=self.crediting,
            teach=self.learning.correct,
            news=self.daemon.note_news,
            provenance=self.settings.provenance,
            extract_patterns=self.settings.learning.pattern_extraction,
        )

    async def answer_whole(self, query: Query) -> Interaction:
        """The recorded answer, once it is whole."""
        _, interaction = await answer.answer_whole(self.answerer, query)
        return interaction

    async def export_dataset(self) -> Exported:
        """Write the fine-tuning dataset."""
        return await self.learning.exporter.export()

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
        optional["learning"] = self._check_learning
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

    async def _check_learning(self) -> str:
        status = await self.daemon.status()
        if status.failing:
            raise Unavailable("; ".join(f"step {state.step!r} failed: {state.error}" for state in status.failing))
        last = last_run(status)
        told = "never ran" if last is None else f"ran last at {last:%Y-%m-%d %H:%M:%S}"
        return f"{told}, {'at work' if status.holder else 'at rest'}"

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
