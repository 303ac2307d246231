"""Where the files of a run lie, for processes with data folders of their own that share their records."""

from hybrid_coordinator.errors import NotFound
from hybrid_coordinator.ports import Runs, Workshop


class RunPlaces:
    """`name` is that of the data folder here."""

    def __init__(self, runs: Runs, workshop: Workshop, name: str) -> None:
        self._runs = runs
        self._workshop = workshop
        self._name = name

    async def is_elsewhere(self, run_id: str) -> bool:
        """Whether a run was launched from another data folder and nothing of it lies here: only there it can go on. A
        folder that was moved has another name, and its runs with it."""
        try:
            run = await self._runs.run(run_id)
        except NotFound:  # a version outlives the record of its run
            return False
        is_ours = run.instance in ("", self._name) or not run.attempts
        return not is_ours and not await self._workshop.size(run_id)
