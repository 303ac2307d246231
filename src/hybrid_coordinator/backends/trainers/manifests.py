"""What a finished run says of itself, and whether its files are still those."""

import json
from hashlib import file_digest
from pathlib import Path, PurePath
from typing import Any

from hybrid_coordinator.backends.trainers.run_folder import RunFolder
from hybrid_coordinator.domain.knowledge import Payload
from hybrid_coordinator.errors import Damaged


def read_manifest(run: RunFolder) -> Payload | None:
    """The manifest with every file it names looked through, or None. Blocks; raises Damaged."""
    try:
        manifest = json.loads(run.manifest.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise _damaged(run, run.manifest.name) from error
    match manifest:
        case {"run_id": run.path.name, "files": dict(files)}:
            for name, said in files.items():
                _check_file(run, name, said)
            return dict(manifest)
        case _:
            raise _damaged(run, run.manifest.name)


def _check_file(run: RunFolder, name: str, said: Any) -> None:
    """A name that leads out of the folder is none of a file of the run."""
    try:
        found = _look_at(run.path / name) if PurePath(name).name == name else None
    except (OSError, ValueError) as error:
        raise _damaged(run, name) from error
    match said:
        case {"sha256": str(digest), "bytes": int(size)} if (digest, size) == found:
            return
        case _:
            raise _damaged(run, name)


def _look_at(path: Path) -> tuple[str, int]:
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest(), file.tell()


def _damaged(run: RunFolder, name: str) -> Damaged:
    return Damaged(f"{name!r} of run {run.path.name!r} is not what the run made; train again")
