"""Training runs and versions of models, in dictionaries."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from hybrid_coordinator.domain.training import Run, RunState
from hybrid_coordinator.domain.versions import ExamAnswer, ModelVersion, VersionChange
from hybrid_coordinator.errors import Conflict, NotFound


class MemoryRuns:
    """The `Runs` port."""

    def __init__(self) -> None:
        self._runs: dict[str, Run] = {}
        self._versions: dict[str, ModelVersion] = {}
        self._log: list[tuple[datetime, VersionChange]] = []
        self._sources: dict[str, set[str]] = {}
        self._answers: dict[str, dict[str, ExamAnswer]] = {}

    async def put_run(self, run: Run, before: Run | None) -> None:
        if self._runs.get(run.id) != before:
            raise Conflict(f"the run {run.id!r} was changed by somebody else meanwhile; look at it again")
        self._runs[run.id] = run

    async def run(self, run_id: str) -> Run:
        if run_id not in self._runs:
            raise NotFound(f"no training run {run_id!r}; list the runs to find its id")
        return self._runs[run_id]

    async def runs(self, *, limit: int, states: Sequence[RunState] | None = None) -> list[Run]:
        newest = reversed(self._runs.values())
        return [run for run in newest if states is None or run.state in states][:limit]

    async def apply(self, changes: Sequence[VersionChange], at: datetime) -> None:
        versions = dict(self._versions)
        for change in changes:
            _make(change, versions)
        self._versions = versions
        self._log.extend((at, change) for change in changes)

    async def version(self, name: str) -> ModelVersion:
        if name not in self._versions:
            raise NotFound(f"no version {name!r} of a model; list the versions to find its name")
        return self._versions[name]

    async def versions(self, model: str | None = None) -> list[ModelVersion]:
        fitting = [one for one in reversed(self._versions.values()) if model is None or one.model == model]
        return sorted(fitting, key=lambda one: -one.number)

    async def log(self, *, name: str | None = None, limit: int) -> list[tuple[datetime, VersionChange]]:
        newest = reversed(self._log)
        return [(at, change) for at, change in newest if name is None or change.after.name == name][:limit]

    async def check_log(self) -> int | None:
        told: dict[str, ModelVersion] = {}
        for place, (_, change) in enumerate(self._log, start=1):
            if told.get(change.after.name) != change.before:
                return place
            told[change.after.name] = change.after
        return None if told == self._versions else len(self._log)

    async def keep_sources(self, name: str, source_ids: Sequence[str]) -> None:
        self._sources.setdefault(name, set()).update(source_ids)

    async def trained_on(self, source_ids: Sequence[str]) -> Mapping[str, list[str]]:
        asked = dict.fromkeys(source_ids)
        found = {name: [id for id in asked if id in sources] for name, sources in self._sources.items()}
        return {name: ids for name, ids in found.items() if ids}

    async def keep_answers(self, name: str, answers: Sequence[ExamAnswer]) -> None:
        self._answers.setdefault(name, {}).update((answer.item, answer) for answer in answers)

    async def answers(self, name: str) -> Mapping[str, ExamAnswer]:
        return dict(self._answers.get(name, {}))


def _make(change: VersionChange, versions: dict[str, ModelVersion]) -> None:
    name = change.after.name
    if versions.get(name) != change.before:
        raise Conflict(f"the version {name!r} was changed by somebody else meanwhile; look at it again")
    versions[name] = change.after
