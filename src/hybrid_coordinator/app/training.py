"""The flows that train models and decide on their versions, wired."""

import logging
import os
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path

import anyio

from hybrid_coordinator.daemon import Worker
from hybrid_coordinator.domain.training import UNFINISHED, Recipe, Run, RunState, Teaching
from hybrid_coordinator.domain.versions import ModelVersion, VersionStage
from hybrid_coordinator.errors import BadInput, Conflict, ModelRefused, ModelUnavailable
from hybrid_coordinator.flows.caching import SemanticCache
from hybrid_coordinator.flows.canary import CanaryWatch
from hybrid_coordinator.flows.courtesy import Courtesy
from hybrid_coordinator.flows.enacting import Enactor
from hybrid_coordinator.flows.exam_papers import ExamSetter
from hybrid_coordinator.flows.examining import Examiner
from hybrid_coordinator.flows.finetuning import Finetuner, Syllabus
from hybrid_coordinator.flows.following import Following
from hybrid_coordinator.flows.freezing import GeneralTexts, Preparer
from hybrid_coordinator.flows.journal import Note
from hybrid_coordinator.flows.judging import Judge
from hybrid_coordinator.flows.lineup import Lineup
from hybrid_coordinator.flows.registering import Registrar
from hybrid_coordinator.flows.run_places import RunPlaces
from hybrid_coordinator.flows.sittings import Sittings
from hybrid_coordinator.flows.taint import Taint, TaintMarker
from hybrid_coordinator.flows.timetable import Timetable
from hybrid_coordinator.flows.traffic import Traffic
from hybrid_coordinator.flows.tutoring import Course, Tutor
from hybrid_coordinator.flows.versioned_model import VersionedModel
from hybrid_coordinator.flows.versions import Versions
from hybrid_coordinator.logic.likelihoods import Likelihood
from hybrid_coordinator.logic.recipes import read_recipe
from hybrid_coordinator.logic.regression_set import RegressionSet, read_regression_set
from hybrid_coordinator.logic.teaching_backends import read_model_backend
from hybrid_coordinator.ports import (
    Agenda,
    Clock,
    Datasets,
    Embedder,
    Ledger,
    Model,
    ModelHost,
    Runs,
    Trainer,
    Workshop,
)
from hybrid_coordinator.settings import Settings

FOLLOW_S = 1.0
"""How often a run that somebody watches is looked at."""

AGAIN_S = 10.0
"""After how long an examination that cannot go on now is tried again."""

PAUSE_S, PAUSE_WAITED_FOR_S = 0.5, 60.0
"""How long nobody may have waited for an answer when a model server is disturbed, and how long that is waited for."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TrainingBackends:
    """What stands behind the ports of training. `likelihoods` gives what a run of an id measured."""

    runs: Runs
    workshop: Workshop
    trainers: Mapping[Teaching, Trainer]
    versioned: Mapping[str, VersionedModel]
    hosts: Mapping[str, ModelHost]
    likelihoods: Callable[[str], Awaitable[Sequence[Likelihood]]]


@dataclass(frozen=True, slots=True)
class Examined:
    """A version in its examination: what is being done, or what is waited for. The last one is decided on."""

    version: ModelVersion
    doing: str = ""
    is_waiting: bool = False


class Training:
    """Runs, versions, measurements and trials, over what everything else stands on too."""

    def __init__(
        self,
        settings: Settings,
        backends: TrainingBackends,
        *,
        ledger: Ledger,
        datasets: Datasets,
        agenda: Agenda,
        embedder: Embedder,
        cache: SemanticCache,
        models: Mapping[str, Model],
        clock: Clock,
        traffic: Traffic,
        note: Note,
        name: str,
    ) -> None:
        """`name` tells this process from others on the same stores."""
        self._settings = settings
        self._backends = backends
        self._ledger = ledger
        self._datasets = datasets
        self._agenda = agenda
        self._embedder = embedder
        self._clock = clock
        self._traffic = traffic
        self._note = note
        self._models = models
        self._versioned = backends.versioned
        self._regression = _regression_set().cut(settings.exam.most_general)
        self.runs = runs = backends.runs
        self.workshop = backends.workshop
        self._lineup = Lineup(self.workshop, backends.hosts, self._versioned, self._pause)
        enactor = Enactor(runs, self._lineup, clock, note, settings.canary, cache.forget_model)
        self.versions = Versions(runs, self.workshop, enactor)
        self.following = Following(runs, self.workshop, enactor)
        self.marker = TaintMarker(runs, ledger, clock)
        self.taint = Taint(runs, self.versions, self._train_again)
        self.courtesy = Courtesy(tuple(backends.trainers.values()), traffic, clock)
        self._places = RunPlaces(runs, self.workshop, name)
        self.finetuner = self._finetuner(name)
        self.sittings = Sittings(runs, self.workshop, backends.hosts, clock, traffic, settings.exam)
        self.examiner = self._examiner()
        self.canary = CanaryWatch(ledger, self.versions, self._versioned, clock, settings.canary)

    async def begin(self, recipe: str, model_backend: str) -> Run:
        """Begin a run for a person, or give the one that is under way. `recipe` is TOML, or "" for the one that is set.

        Raises as `Finetuner.start` does, and BadInput for a recipe or a backend that is none.
        """
        teaching = read_model_backend(model_backend)
        chosen = read_recipe(recipe) if recipe.strip() else self._read_recipe()
        if under_way := await self.runs.runs(limit=1, states=UNFINISHED):
            [run] = under_way
            if await self._places.is_elsewhere(run.id):
                raise Conflict(f"run {run.id!r} goes on in another data folder; wait for it, or cancel it")
            asked = replace(chosen, merged=chosen.merged or run.recipe.merged)  # a model's host may need it
            if run.teaching is not teaching or (recipe.strip() and run.recipe != asked):
                raise Conflict(f"run {run.id!r} is not finished, and another one; wait for it, or cancel it")
            return run
        return await self.finetuner.start(recipe=chosen, teaching=teaching)

    async def follow(self, run_id: str) -> AsyncGenerator[Run | Examined, None]:
        """A run as it goes, and, once it is decided on, what came of it. Raises BadInput for one that failed."""
        run = await self.finetuner.look(run_id)
        while run.state in UNFINISHED:
            yield run
            await anyio.sleep(FOLLOW_S)
            run = await self.finetuner.look(run_id)
        if run.state is not RunState.FINISHED:
            raise BadInput(f"run {run_id!r} has {run.state.value}: {run.error}")
        async with aclosing(self.follow_exam(run.version)) as events:
            async for event in events:
                yield event

    async def follow_exam(self, name: str) -> AsyncGenerator[Examined, None]:
        """A version while it is measured, and as it was decided on. What cannot be asked now is asked again."""
        version = await self.runs.version(name)
        while version.stage is VersionStage.CANDIDATE and version.verdict is None:
            try:
                worked = await self.examiner.work()
            except ModelRefused:  # waiting is of no use
                raise
            except ModelUnavailable as error:
                yield Examined(version, str(error), is_waiting=True)
                await anyio.sleep(AGAIN_S)
            else:
                why_not = await self.examiner.why_not(version)
                yield Examined(version, why_not or worked.detail, is_waiting=bool(why_not))
                if not worked.more:  # somebody else is asked first, or waits for an answer
                    await anyio.sleep(FOLLOW_S)
            version = await self.runs.version(name)
        yield Examined(version)

    def answering(self) -> dict[str, str]:
        """What each model of which versions are trained answers as."""
        return {name: model.serving for name, model in self._versioned.items()}

    async def keep_up(self) -> None:
        """Let who answers follow what is on record, and training stand still while somebody waits, for ever."""
        async with anyio.create_task_group() as group:
            group.start_soon(self.following.keep_up)
            group.start_soon(self.courtesy.keep_up)
            for model in self._versioned.values():
                group.start_soon(model.keep_up)

    async def aclose(self) -> None:
        """End what runs here; a run goes on when it is opened again."""
        await self.sittings.aclose()
        for trainer in self._backends.trainers.values():
            await trainer.aclose()

    async def _pause(self) -> None:
        """Return in a moment in which nobody waits for an answer."""
        await self._traffic.calm(PAUSE_S, PAUSE_WAITED_FOR_S)
        if self._traffic.busy:
            raise ModelUnavailable("somebody waits for an answer all the time: try again in a pause")

    @property
    def deploy_steps(self) -> tuple[Worker, ...]:
        """What the daemon does between training and measuring."""
        return (self.marker, self.canary)

    def _read_recipe(self) -> Recipe:
        path = self._settings.training.recipe
        if not path:
            return Recipe()
        try:
            return read_recipe(Path(path).expanduser().read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            raise BadInput(f"HYBRID_FINETUNE_RECIPE={path!r} cannot be read ({error}); name a TOML file") from error

    def _finetuner(self, name: str) -> Finetuner:
        settings, runs = self._settings, self.runs
        courses = self._courses()
        registrar = Registrar(
            runs,
            self.workshop,
            self._ledger,
            self._clock,
            keep_runs=settings.finetune.keep_runs,
            forget=self._lineup.drop,
        )
        teaching = read_model_backend(settings.finetune.model_backend)
        known = self._regression
        general = GeneralTexts(known.replay, known.questions, known.documents, known.keep)
        timetable = Timetable(
            self._datasets,
            runs,
            self.workshop,
            self._agenda,
            self._clock,
            settings.finetune,
            teaching=teaching,
            load=_load_of_a_core,
            quiet_s=lambda: self._traffic.quiet_s,
        )
        tutor = Tutor(
            runs, registrar, courses, self.courtesy, self._clock, self._note, attempts=settings.finetune.attempts
        )
        return Finetuner(
            runs,
            self.workshop,
            Preparer(self._datasets, self._ledger, general, settings.held_out),
            tutor,
            timetable,
            self._agenda,
            self._clock,
            self._note,
            courses=courses,
            syllabus=Syllabus(teaching, self._read_recipe, settings.finetune),
            places=self._places,
            name=name,
        )

    def _courses(self) -> Mapping[Teaching, Course]:
        """The first local model that has a host is trained here, OpenAI's model there."""
        hosts, trainers = self._backends.hosts, self._backends.trainers
        local = next((name for name in ("local", "ollama") if name in hosts), None)
        models = {Teaching.LORA: local, Teaching.OPENAI: self._settings.remote.openai_model}
        return {
            teaching: Course(model, trainers[teaching], hosts[model], merged=model == "ollama")
            for teaching, model in models.items()
            if model is not None and teaching in trainers and model in hosts
        }

    def _examiner(self) -> Examiner:
        settings, judge = self._settings, self._models.get(self._settings.training.judge)
        if settings.training.judge and judge is None:
            known = ", ".join(self._models)
            logger.warning("HYBRID_EXAM_JUDGE=%r is none of %s: nobody judges", settings.training.judge, known)
        return Examiner(
            self.runs,
            ExamSetter(self.runs, self.workshop, self._backends.hosts, self._regression, settings.exam, self._places),
            self.sittings,
            self._clock,
            self._note,
            (settings.exam, settings.promotion),
            likelihoods=self._backends.likelihoods,
            promote=self._try_out,
            embedder=self._embedder,
            judge=Judge(judge, self._traffic) if judge else None,
        )

    async def _try_out(self, version: ModelVersion) -> object:
        return await self.versions.start_canary(version.name, "measure", version.verdict.why if version.verdict else "")

    async def _train_again(self, model: str) -> Run:
        teaching = Teaching.OPENAI if model == self._settings.remote.openai_model else Teaching.LORA
        return await self.finetuner.start(recipe=self._read_recipe(), teaching=teaching)


def _load_of_a_core() -> float:
    return os.getloadavg()[0] / (os.cpu_count() or 1)


def _regression_set() -> RegressionSet:
    return read_regression_set(files("hybrid_coordinator").joinpath("data/regression.toml").read_text(encoding="utf-8"))
