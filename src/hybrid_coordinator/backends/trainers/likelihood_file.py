"""What the torch room measured in a run, as it lies in the run's folder."""

from collections.abc import Sequence

import anyio

from hybrid_coordinator.errors import Damaged
from hybrid_coordinator.logic.likelihoods import Likelihood, read_likelihoods
from hybrid_coordinator.ports import Workshop


async def likelihoods_of(workshop: Workshop, run_id: str) -> Sequence[Likelihood]:
    """Every likelihood of a run; none where the trainer left no such file. Raises Damaged."""
    path = anyio.Path(workshop.folder(run_id) / "likelihood.jsonl")
    try:
        return read_likelihoods(await path.read_bytes())
    except FileNotFoundError:
        return ()
    except (OSError, ValueError) as error:
        raise Damaged(f"{path.name!r} of run {run_id!r} cannot be read ({error}); train again") from error
