"""What the room is asked to do: `order.json` in the run's folder."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hybrid_coordinator.domain.training import BaseWeights, Recipe
from hybrid_coordinator.errors import BadInput
from hybrid_coordinator.logic.recipes import recipe_of
from hybrid_coordinator.training.failures import Failure


@dataclass(frozen=True, slots=True)
class Order:
    """A run to carry out. `threads` are those that torch may use (0: all cores), `parent_pid` is the process to die
    with (0: none)."""

    run_id: str
    base: BaseWeights
    recipe: Recipe
    dataset_hash: str = ""
    threads: int = 0
    parent_pid: int = 0


def read_order(folder: Path) -> Order:
    """Raises Failure when it is missing or makes no sense."""
    try:
        return _order(json.loads((folder / "order.json").read_bytes()))
    except (OSError, ValueError, KeyError, TypeError) as error:
        said = f"{type(error).__name__}: {error}"
        raise Failure(
            f"the order of the run cannot be read ({said}); launch the run anew", "other", final=True
        ) from error
    except BadInput as error:
        raise Failure(str(error), "other", final=True) from error


def _order(table: dict[str, Any]) -> Order:
    base = table["base"]
    return Order(
        run_id=str(table["run_id"]),
        base=BaseWeights(str(base["name"]), str(base["sha256"]), str(base["path"])),
        recipe=recipe_of(table["recipe"]),
        dataset_hash=str(table.get("dataset_hash", "")),
        threads=int(table.get("threads", 0)),
        parent_pid=int(table.get("parent_pid", 0)),
    )
