"""The page that says what a knowledge folder holds: whose vectors, and which sub-folder is which collection.

It is written last and replaced in one step, so it is the commit of everything that takes long: a new collection folder
counts from the moment the manifest names it, and the one it replaces until then.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hybrid_coordinator.domain.knowledge import Collection, EmbedderIdentity
from hybrid_coordinator.errors import Damaged, EmbedderChanged

FILE_NAME = "manifest.json"
FORMAT = 1


@dataclass(frozen=True, slots=True)
class Manifest:
    """`folders` are names inside the knowledge folder; `tidied` says how many passages each held when last tidied."""

    embedder: EmbedderIdentity
    folders: Mapping[Collection, str]
    tidied: Mapping[Collection, int]

    def renewed(self, collection: Collection, folder: str, tidied: int) -> "Manifest":
        return replace(
            self,
            folders={**self.folders, collection: folder},
            tidied={**self.tidied, collection: tidied},
        )


def read_manifest(folder: Path) -> Manifest | None:
    """The manifest of a folder; None for a folder that holds no store yet. Raises Damaged when it cannot be read."""
    path = folder / FILE_NAME
    try:
        return _decode(json.loads(path.read_bytes()))
    except FileNotFoundError as error:
        if not folder.is_dir() or not any(folder.iterdir()):
            return None
        raise Damaged(_damage(path, "it is missing while its collections are there")) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Damaged(_damage(path, repr(error))) from error


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Replace the manifest in one step: a kill leaves the old one or the new one, whole and on disk."""
    draft = folder / f".{FILE_NAME}"
    with draft.open("w", encoding="utf-8") as file:
        json.dump(_encode(manifest), file, indent=2)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(folder / FILE_NAME)
    _sync_folder(folder)


def demand_embedder(place: str, stored: EmbedderIdentity, asked: EmbedderIdentity) -> None:
    """Raise EmbedderChanged unless vectors of the embedder now set can be compared with those stored."""
    if stored != asked:
        raise EmbedderChanged(
            f"the passages in {place!r} were embedded by {stored.name!r} ({stored.dimension} dimensions), and the "
            f"embedder now set is {asked.name!r} ({asked.dimension} dimensions). Nothing is lost: run "
            "`hybrid-coordinator reindex` to embed them anew, or set the former embedder again"
        )


def _encode(manifest: Manifest) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "embedder": {"name": manifest.embedder.name, "dimension": manifest.embedder.dimension},
        "collections": {
            collection: {"folder": folder, "tidied": manifest.tidied[collection]}
            for collection, folder in manifest.folders.items()
        },
    }


def _decode(page: dict[str, Any]) -> Manifest:
    if page["format"] != FORMAT:
        raise ValueError(f"format {page['format']!r} is not {FORMAT}, the one this version reads")
    collections = {Collection(name): entry for name, entry in page["collections"].items()}
    return Manifest(
        EmbedderIdentity(str(page["embedder"]["name"]), int(page["embedder"]["dimension"])),
        {collection: str(entry["folder"]) for collection, entry in collections.items()},
        {collection: int(entry["tidied"]) for collection, entry in collections.items()},
    )


def _damage(path: Path, why: str) -> str:
    return (
        f"cannot read {str(path)!r}: {why}. Restore it from a backup, or move {str(path.parent)!r} away "
        "and run `hybrid-coordinator index` again"
    )


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
