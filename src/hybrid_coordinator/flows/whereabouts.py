"""Where the files of a run lie, for processes on several machines that share their records."""

from hybrid_coordinator.errors import NotFound
from hybrid_coordinator.ports import Runs, Workshop


class Whereabouts:
    """`name` tells this process from others on the same stores; it is the same after a restart."""

    def __init__(self, runs: Runs, workshop: Workshop, name: str) -> None:
        self._runs = runs
        self._workshop = workshop
        self.name = name

    async def is_elsewhere(self, run_id: str) -> bool:
        """Whether another process began a run and nothing of it lies here: only that one can go on with it. A data
        folder that was moved has another name, and its runs with it."""
        try:
            run = await self._runs.run(run_id)
        except NotFound:  # a version outlives the record of its run
            return False
        return run.instance not in ("", self.name) and not await self._workshop.size(run_id)
