"""What a candidate is examined on, and against whom."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import anyio.to_thread

from hybrid_coordinator.domain.training import BaseWeights
from hybrid_coordinator.domain.versions import ModelVersion, VersionStage
from hybrid_coordinator.flows.run_places import RunPlaces
from hybrid_coordinator.flows.sittings import Sitter
from hybrid_coordinator.logic.exam_items import ExamItem, ExamKind, ExamPolicy, exam_items
from hybrid_coordinator.logic.regression_set import RegressionSet
from hybrid_coordinator.logic.taught_rows import sources_of
from hybrid_coordinator.ports import ModelHost, Runs, Workshop


@dataclass(frozen=True, slots=True)
class Rivals:
    """What a candidate would replace (the version that serves, else the base), and the base."""

    replaced: Sitter
    base: Sitter


@dataclass(frozen=True, slots=True)
class Exam:
    """Who is compared on what."""

    candidate: Sitter
    rivals: Rivals
    items: tuple[ExamItem, ...]

    def sittings(self) -> Iterator[tuple[Sitter, Sequence[ExamItem]]]:
        """Who must answer what, one after the other. What may be forgotten is compared with the base."""
        held_out = [item for item in self.items if item.kind is ExamKind.HELD_OUT]
        others = [item for item in self.items if item.kind is not ExamKind.HELD_OUT]
        yield self.candidate, self.items
        yield self.rivals.replaced, held_out
        yield self.rivals.base, others


class ExamSetter:
    """Sets examinations. Of the same records it sets the same one each time."""

    def __init__(
        self,
        runs: Runs,
        workshop: Workshop,
        hosts: Mapping[str, ModelHost],
        regression: RegressionSet,
        policy: ExamPolicy,
        places: RunPlaces,
    ) -> None:
        self._runs = runs
        self._workshop = workshop
        self._hosts = hosts
        self._regression = regression
        self._policy = policy
        self._places = places

    async def why_not(self, candidate: ModelVersion) -> str:
        """Why it cannot be examined by this process, as it is set up now; "" where it can."""
        if candidate.model not in self._hosts:
            return f"it is of {candidate.model!r}, which does not answer here"
        if await self._places.is_elsewhere(candidate.run_id):
            return "it was trained from another data folder, and its files are there"
        return ""

    async def rivals(self, candidate: ModelVersion) -> Rivals:
        """The base is what would be replaced where what serves lies elsewhere: there it answers here. Raises
        ModelUnavailable when the base cannot be read."""
        weights = await self._hosts[candidate.model].base()
        base = Sitter(base_name(weights), candidate.model, None)
        versions = await self._runs.versions(candidate.model)
        serving = next((one for one in versions if one.stage is VersionStage.SERVING), None)
        if serving is None or await self._places.is_elsewhere(serving.run_id):
            return Rivals(base, base)
        return Rivals(Sitter(serving.name, candidate.model, serving), base)

    async def set_exam(self, candidate: ModelVersion, rivals: Rivals) -> Exam:
        """Without rows that either of the two was trained on. Raises NotFound or Damaged when its rows cannot be
        read."""
        rows = (await self._workshop.material(candidate.run_id)).held_out
        trained = await self._runs.trained_on(sources_of(rows))
        known = frozenset(id for name in (candidate.name, rivals.replaced.name) for id in trained.get(name, ()))
        items = await anyio.to_thread.run_sync(exam_items, rows, known, self._regression, self._policy)
        return Exam(Sitter(candidate.name, candidate.model, candidate), rivals, items)


def base_name(weights: BaseWeights) -> str:
    """Under which the answers of a base are kept: weights of the same name may be others."""
    return f"{weights.name}@{weights.sha256[:12]}"
