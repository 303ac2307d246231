"""Part of the `train` step: search learns from passages that were right and passages that were not.

What it has learned is a version like any other: measured on questions it has not seen before it may be used, tried out
on a share of the sessions, and taken back when they fare worse. It takes seconds, so it is done in one go; a kill in
between leaves nothing behind, or a candidate that the next run replaces.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import anyio.to_thread

from hybrid_coordinator.domain.knowledge import CONTEXT_COLLECTIONS, Probe, Vector
from hybrid_coordinator.domain.learning import Worked
from hybrid_coordinator.domain.training import Recipe, Run, RunState, Teaching
from hybrid_coordinator.domain.versions import Decision, ModelVersion, VersionChange, VersionStage
from hybrid_coordinator.flows.adapted_questions import RETRIEVER, AdaptedQuestions, Way, search_adapted
from hybrid_coordinator.flows.retriever_examples import ExampleGatherer
from hybrid_coordinator.flows.vectors import embed_all
from hybrid_coordinator.flows.versions import Versions
from hybrid_coordinator.logic.retriever_adapter import Example, FittingPolicy, Floats, fingerprint, fit_adapter
from hybrid_coordinator.logic.retriever_gate import (
    DEPTH,
    RetrieverPolicy,
    Searched,
    decide,
    hold_out,
    measure_search,
)
from hybrid_coordinator.logic.version_names import version_name
from hybrid_coordinator.logic.version_stages import at_stage
from hybrid_coordinator.ports import Clock, Embedder, Knowledge, Runs

STEP = "train"

ARTEFACT = "retriever.npz"

_NEXT = {
    Decision.PROMOTE: VersionStage.CANDIDATE,
    Decision.HOLD: VersionStage.HELD,
    Decision.ROLL_BACK: VersionStage.REJECTED,
}


class RetrieverTrainer:
    """Trains when enough was heard since the last time, and nothing is being tried out."""

    def __init__(
        self,
        gatherer: ExampleGatherer,
        adapted: AdaptedQuestions,
        runs: Runs,
        versions: Versions,
        knowledge: Knowledge,
        embedder: Embedder,
        clock: Clock,
        policy: RetrieverPolicy,
    ) -> None:
        self._gatherer = gatherer
        self._adapted = adapted
        self._runs = runs
        self._versions = versions
        self._knowledge = knowledge
        self._embedder = embedder
        self._clock = clock
        self._policy = policy
        self._looked_at: list[datetime] = []

    async def work(self) -> Worked:
        """Train, measure and decide, where it is time to; else say what is missing."""
        versions = await self._runs.versions(RETRIEVER)
        if at_stage(versions, VersionStage.CANARY) is not None:
            return Worked()
        trained_at = [one.created_at for one in versions]
        if not await self._gatherer.has_heard_enough(max([*trained_at, *self._looked_at], default=None)):
            return Worked()
        self._looked_at = [self._clock.now()]
        examples = await self._gatherer.gather()
        if len(examples) < self._policy.least_examples:
            return Worked(detail=_say_too_few(len(examples), self._policy))
        return await self._train(examples, versions)

    async def _train(self, examples: Sequence[Example], versions: Sequence[ModelVersion]) -> Worked:
        taught, held_out = hold_out(examples, self._policy)
        questions = await self._gatherer.embed(taught)
        taught = await self._gatherer.harden(taught, questions)
        passages = await self._gatherer.passages(taught)
        adapter = await anyio.to_thread.run_sync(fit_adapter, taught, questions, passages, FittingPolicy())
        version = await self._measure(self._version(adapter, taught, versions), adapter, examples, held_out)
        return await self._enter(version, adapter, [one.source for one in taught])

    async def _measure(
        self, version: ModelVersion, adapter: Floats, examples: Sequence[Example], held_out: Sequence[Example]
    ) -> ModelVersion:
        untouched = await self._gatherer.untouched({one.family for one in examples})
        asked = [(one.question, one.family, one.accepted) for one in held_out]
        asked += [(question, question, ()) for question in untouched]
        vectors = await embed_all(self._embedder, [question for question, *_ in asked])
        searched = []
        for (question, family, accepted), vector in zip(asked, vectors.tolist(), strict=True):
            before = await self._find(question, vector, self._adapted.serving)
            after = await self._find(question, vector, Way(version.name, adapter))
            searched.append(Searched(family, before, after, accepted))
        measured = measure_search(searched)
        verdict = decide(measured, len({one.family for one in held_out}), self._policy)
        stage, against = _NEXT[verdict.decision], self._adapted.serving.name or version.base.name
        return replace(
            version, stage=stage, measured=measured, verdict=verdict, why=verdict.why, measured_against=against
        )

    async def _find(self, question: str, vector: Vector, way: Way) -> tuple[str, ...]:
        probe = Probe(question, vector)
        adapted = way.adapt(vector)
        found = await search_adapted(self._knowledge, probe, adapted, CONTEXT_COLLECTIONS, limit=DEPTH)
        return tuple(passage.id for passage in found)

    async def _enter(self, version: ModelVersion, adapter: Floats, sources: Sequence[str]) -> Worked:
        """Keep everything of a version before the version itself, and try it out where it has passed."""
        await self._adapted.keep(version.name, adapter)
        await self._runs.keep_sources(version.name, sources)
        told = version.verdict.why if version.verdict else ""
        await self._runs.apply([VersionChange(None, version, "register", STEP, told)], self._clock.now())
        await self._runs.put_run(_run_of(version), None)
        if version.stage is VersionStage.CANDIDATE:
            await self._versions.start_canary(version.name, STEP, told)
        await self._adapted.follow()
        return Worked(1, counts={"versions_of_search": 1}, detail=f"{version.name}: {told}")

    def _version(self, adapter: Floats, taught: Sequence[Example], versions: Sequence[ModelVersion]) -> ModelVersion:
        base, now = self._adapted.base, self._clock.now()
        number = max([one.number for one in versions], default=0) + 1
        return ModelVersion(
            name=version_name(base.name, number),
            number=number,
            model=RETRIEVER,
            teaching=Teaching.RETRIEVER,
            stage=VersionStage.CANDIDATE,
            run_id=self._clock.new_id(),
            base=base,
            created_at=now,
            changed_at=now,
            artefact=ARTEFACT,
            sha256=fingerprint(adapter),
            rows=len(taught),
        )


def _run_of(version: ModelVersion) -> Run:
    return Run(
        id=version.run_id,
        created_at=version.created_at,
        changed_at=version.created_at,
        state=RunState.FINISHED,
        model=version.model,
        teaching=version.teaching,
        base=version.base,
        recipe=Recipe(),
        rows=version.rows,
        started_by="schedule",
        attempts=1,
        version=version.name,
    )


def _say_too_few(known: int, policy: RetrieverPolicy) -> str:
    needed = policy.least_examples
    return f"search learns from {needed} questions that a passage was right for, and {needed - known} are missing"
