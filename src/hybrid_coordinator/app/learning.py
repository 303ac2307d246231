"""The flows that learn, wired: what the daemon runs, and what a person can ask of what was learned."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from hybrid_coordinator.app.training import Training, TrainingBackends
from hybrid_coordinator.daemon import Daemon, Worker
from hybrid_coordinator.domain.learning import Learned
from hybrid_coordinator.domain.route import Location
from hybrid_coordinator.flows.adapted_questions import AdaptedQuestions
from hybrid_coordinator.flows.ageing import Ageing
from hybrid_coordinator.flows.caching import SemanticCache
from hybrid_coordinator.flows.comparing import Comparer
from hybrid_coordinator.flows.crediting import Crediting
from hybrid_coordinator.flows.curating import Curator
from hybrid_coordinator.flows.datasets import Exporter
from hybrid_coordinator.flows.discovering import Discoverer
from hybrid_coordinator.flows.exclusion import Excluded, Exclusion
from hybrid_coordinator.flows.experience import Experience
from hybrid_coordinator.flows.experiments import VariantComparer
from hybrid_coordinator.flows.extracting import Extractor
from hybrid_coordinator.flows.extracting_patterns import PatternMaker, StrategyBook
from hybrid_coordinator.flows.gaps import Gaps
from hybrid_coordinator.flows.importing_documents import DocumentImporter, SeedSummary
from hybrid_coordinator.flows.journal import Chronicler, Journal, JournalWriter
from hybrid_coordinator.flows.lineage import Tracer
from hybrid_coordinator.flows.preferring import PairFinder
from hybrid_coordinator.flows.proposing import Proposer
from hybrid_coordinator.flows.proving import Prover
from hybrid_coordinator.flows.publishing import Publisher
from hybrid_coordinator.flows.quarantine import Quarantine
from hybrid_coordinator.flows.restoring import Restorer
from hybrid_coordinator.flows.retriever_examples import ExampleGatherer
from hybrid_coordinator.flows.retriever_training import RetrieverTrainer
from hybrid_coordinator.flows.retriever_watch import RetrieverWatch
from hybrid_coordinator.flows.rollback import Rollback, RolledBack
from hybrid_coordinator.flows.scoring import Scorer
from hybrid_coordinator.flows.skill_tree import SkillTree
from hybrid_coordinator.flows.teaching import Lesson, Teacher
from hybrid_coordinator.flows.telemetry import Intake, Retention
from hybrid_coordinator.flows.traffic import PoliteModel, Traffic
from hybrid_coordinator.logic.curation import CurationPolicy
from hybrid_coordinator.logic.dataset_card import DatasetPolicy
from hybrid_coordinator.logic.discovery import DiscoveryPolicy
from hybrid_coordinator.logic.error_signatures import error_signature
from hybrid_coordinator.logic.experiment_verdicts import ExperimentPolicy
from hybrid_coordinator.logic.extraction_fixes import choose_fix
from hybrid_coordinator.logic.gaps import GapPolicy
from hybrid_coordinator.logic.preferences import PreferencePolicy
from hybrid_coordinator.logic.retriever_gate import RetrieverPolicy
from hybrid_coordinator.logic.screening import screen
from hybrid_coordinator.logic.skill_tree import TreePolicy
from hybrid_coordinator.logic.staleness import StalenessPolicy
from hybrid_coordinator.logic.supersession import SupersessionPolicy
from hybrid_coordinator.logic.synthetic import SyntheticPolicy
from hybrid_coordinator.ports import (
    Agenda,
    Annals,
    Catalog,
    Clock,
    Datasets,
    Embedder,
    EventLog,
    Files,
    Keepsake,
    Knowledge,
    Ledger,
    Model,
    OwnTelemetry,
    TelemetryFiles,
    TelemetryShelf,
)
from hybrid_coordinator.settings import Settings


def _dataset_policy(settings: Settings) -> DatasetPolicy:
    """Nothing is worth a row that is not worth learning from."""
    least = max(settings.dataset.least_value, settings.scoring.high_value_threshold)
    return replace(settings.dataset, least_value=least)


@dataclass(frozen=True, slots=True)
class LearningBackends:
    """What stands behind the ports of learning."""

    catalog: Catalog
    agenda: Agenda
    event_log: EventLog
    annals: Annals
    telemetry: TelemetryFiles
    own_telemetry: OwnTelemetry
    shelf: TelemetryShelf
    bookmark: Keepsake
    datasets: Datasets


class Learning:
    """Everything that learns, over what everything else stands on too."""

    def __init__(
        self,
        settings: Settings,
        backends: LearningBackends,
        *,
        ledger: Ledger,
        knowledge: Knowledge,
        embedder: Embedder,
        cache: SemanticCache,
        experience: Experience,
        crediting: Crediting,
        models: Mapping[str, Model],
        files: Files,
        clock: Clock,
        traffic: Traffic,
        training: TrainingBackends,
        adapted: AdaptedQuestions | None,
        name: str,
    ) -> None:
        """`name` tells this process from others that learn on the same stores."""
        self._settings = settings
        self._backends = backends
        self._ledger = ledger
        self._knowledge = knowledge
        self._embedder = embedder
        self._clock = clock
        self._traffic = traffic
        self._experience = experience
        self._crediting = crediting
        self._adapted = adapted
        self._models = [model for model in models.values() if model.card.location is Location.LOCAL]
        catalog = self.catalog = backends.catalog
        self.journal = Journal(backends.event_log, clock)
        self.training = Training(
            settings,
            training,
            ledger=ledger,
            datasets=backends.datasets,
            agenda=backends.agenda,
            embedder=embedder,
            cache=cache,
            models=models,
            clock=clock,
            traffic=traffic,
            note=self.journal.note,
            name=name,
        )
        self.publisher = Publisher(catalog, knowledge, embedder)
        self.teacher = Teacher(ledger, catalog, self.publisher, clock, settings.provenance)
        self.tracer = Tracer(catalog, ledger, knowledge)
        self.quarantine = Quarantine(catalog, self.tracer, knowledge, embedder, clock)
        self.rollback = Rollback(catalog, self.tracer, cache, clock)
        self.exclusion = Exclusion(catalog, ledger, self.tracer, cache, clock, self.training.marker)
        self.restorer = Restorer(catalog, clock)
        self.tree = SkillTree(catalog, embedder, clock, TreePolicy())
        self.gaps = Gaps(ledger, knowledge, embedder, clock, GapPolicy())
        self.proposer = Proposer(ledger, embedder, self._models[0] if self._models else None, SyntheticPolicy())
        self.exporter = Exporter(
            ledger, backends.annals, catalog, backends.datasets, clock, _dataset_policy(settings), self.journal.note
        )
        self.documents = DocumentImporter(files, catalog, clock)
        self.experiments = VariantComparer(ledger, ExperimentPolicy())
        self.curator = self._curator()
        self.daemon = Daemon(self._steps(), backends.agenda, clock, traffic, settings.pace, name)

    async def correct(self, lesson: Lesson) -> Learned:
        """Take a correction in; passages that had said so to the one who got the wrong answer earn their credit."""
        item = await self.teacher.correct(lesson)
        self.daemon.note_news()
        if lesson.interaction_id is not None:
            await self._crediting.correct(await self._ledger.get(lesson.interaction_id), lesson.correction)
        return item

    async def approve(self, item_id: str, why: str) -> Learned:
        """Let something that waits be served, from now on."""
        approved = await self.quarantine.approve(item_id, why)
        await self.publish()
        return approved

    async def restore(self, item_id: str) -> Learned:
        """Bring back what was archived, stale or retired."""
        restored = await self.restorer.restore(item_id)
        await self.publish()
        return restored

    async def unmerge(self, item_id: str) -> tuple[Learned, Learned]:
        """Take a merge apart again."""
        parts = await self.restorer.unmerge(item_id)
        await self.publish()
        return parts

    async def roll_back(self, *, since: datetime | None, origin: str | None, dry_run: bool) -> RolledBack:
        """Undo what was learned since a moment, or from an origin."""
        done = await self.rollback.roll_back(since=since, origin=origin, dry_run=dry_run)
        await self.publish()
        return done

    async def exclude(self, interaction_id: str, why: str) -> Excluded:
        """Keep an interaction, and everything built on it, out of what is learned."""
        excluded = await self.exclusion.exclude(interaction_id, why)
        await self.publish()
        return excluded

    async def import_documents(self, paths: Sequence[str], *, verified: bool, trusted: bool) -> SeedSummary:
        """Take in what Markdown documents answer."""
        summary = await self.documents.import_documents(paths, verified=verified, trusted=trusted)
        await self.publish()
        return summary

    async def known_fix(self, error: str) -> Learned | None:
        """The best known fix of an error, by its signature alone: no model and no search, so a hook can wait for it."""
        signature = error_signature(error)
        return choose_fix(error, await self.catalog.signed(signature)) if signature else None

    async def events_since(self, moment: datetime) -> Mapping[tuple[str, str], int]:
        """How many telemetry events there are since then, by source and kind."""
        return await self._backends.event_log.tally(moment)

    async def publish(self) -> None:
        """Show in the collections whatever has changed in the catalogue."""
        while (await self.publisher.work()).more:
            pass

    def _steps(self) -> Mapping[str, Sequence[Worker]]:
        """What each step is made of. Whatever changes the catalogue is published at once."""
        search_trainer, search_watch = self._searching()
        return {
            "ingest": self._ingest(),
            "score": [Scorer(self._ledger, self._settings.scoring)],
            "extract": [*self._extract(), self.publisher],
            "curate": [self.curator, self.tree, self.publisher],
            "train": [self._pair_finder(), self.exporter, self.training.finetuner, *search_trainer],
            "deploy": [*self.training.deploy_steps, *search_watch],
            "measure": [self._prover(), self._experience, self.publisher, self.training.examiner],
        }

    def _searching(self) -> tuple[Sequence[Worker], Sequence[Worker]]:
        """Who trains search, and who tries that out."""
        adapted, versions, clock = self._adapted, self.training.versions, self._clock
        if adapted is None:
            return (), ()
        policy = RetrieverPolicy()
        gatherer = ExampleGatherer(self._ledger, self._backends.annals, self._knowledge, self._embedder, clock, policy)
        trainer = RetrieverTrainer(
            gatherer, adapted, self.training.runs, versions, self._knowledge, self._embedder, clock, policy
        )
        return (trainer,), (RetrieverWatch(versions, adapted, gatherer, clock, self._settings.canary),)

    def _ingest(self) -> list[Worker]:
        backends, clock = self._backends, self._clock
        return [
            Intake(backends.telemetry, backends.event_log, clock, self._settings.provenance),
            Chronicler(self._ledger, backends.agenda, backends.event_log, clock),
            JournalWriter(backends.event_log, backends.own_telemetry, clock),
            Retention(backends.shelf, backends.event_log, clock, self._settings.retention),
        ]

    def _extract(self) -> list[Worker]:
        if not self._settings.learning.pattern_extraction:
            return []
        settings, clock = self._settings, self._clock
        polite = [PoliteModel(model, self._traffic) for model in self._models]
        book = StrategyBook(self.catalog, self._ledger, clock, settings.extraction.refresh_s)
        maker = PatternMaker(polite, book, settings.extraction, busy=lambda: self._traffic.busy)
        return [
            Extractor(
                self._ledger,
                self.catalog,
                maker,
                clock,
                self.journal.note,
                screen,
                settings.extraction,
                high_value=settings.scoring.high_value_threshold,
            ),
            Discoverer(
                self._ledger,
                self.catalog,
                self._backends.agenda,
                self._knowledge,
                self._embedder,
                clock,
                DiscoveryPolicy(),
            ),
        ]

    def _curator(self) -> Curator:
        settings, clock = self._settings, self._clock
        comparer = Comparer(
            self.catalog,
            self._knowledge,
            self._embedder,
            self._ledger,
            clock,
            settings.merging,
            SupersessionPolicy(),
        )
        ageing = Ageing(self.catalog, self._knowledge, self._ledger, clock, settings.decay, StalenessPolicy())
        return Curator(self.catalog, self.publisher, comparer, ageing, self._backends.bookmark, clock, CurationPolicy())

    def _prover(self) -> Prover:
        settings = self._settings
        return Prover(self._ledger, self.catalog, self._clock, settings.uplift, settings.corroboration)

    def _pair_finder(self) -> PairFinder:
        return PairFinder(self._ledger, self._backends.annals, self._clock, PreferencePolicy())
