"""Reading a part of a dataset back, and only what its card vouches for."""

import json
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from hybrid_coordinator.domain.knowledge import Payload
from hybrid_coordinator.errors import Damaged, NotFound


def read_part(path: Path, card: Mapping[str, Any]) -> list[Payload]:
    """The rows of a file that the card names. Raises NotFound for one that it does not, Damaged for another content."""
    described = card.get("files", {}).get(path.name)
    if described is None:
        raise NotFound(f"the card names no file {path.name!r}; export the dataset again")
    digest, rows = sha256(), []
    try:
        with path.open("rb") as file:
            for line in file:
                digest.update(line)
                rows.append(json.loads(line))
    except (OSError, ValueError) as error:
        raise _damaged(path) from error
    if digest.hexdigest() != described.get("sha256"):
        raise _damaged(path)
    return rows


def _damaged(path: Path) -> Damaged:
    return Damaged(f"{str(path)!r} is not what its card says; move the card away and export the dataset again")
