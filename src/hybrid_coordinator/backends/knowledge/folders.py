"""The sub-folders of an embedded store: those its manifest names, and those that a kill left behind."""

import shutil
from contextlib import ExitStack
from itertools import count
from pathlib import Path

from hybrid_coordinator.backends.knowledge.manifest import Manifest
from hybrid_coordinator.backends.knowledge.shard import Shard
from hybrid_coordinator.domain.knowledge import Collection


def open_shards(folder: Path, manifest: Manifest, opened: ExitStack) -> dict[Collection, Shard]:
    """Open every collection that the manifest names, and let `opened` close them."""
    shards = {}
    for collection, name in manifest.folders.items():
        shards[collection] = Shard.open(folder / name, manifest.tidied[collection])
        opened.callback(shards[collection].close)
    return shards


def vacant_folder(folder: Path, collection: Collection) -> Path:
    """A sub-folder for a collection that does not exist yet."""
    names = (folder / f"{collection}.{number}" for number in count())
    return next(path for path in names if not path.exists())


def sweep(folder: Path, manifest: Manifest) -> None:
    """Remove the sub-folders of collections that the manifest does not name: what was never finished, or is replaced.

    Only for who has the store open: to anybody else, another process's work looks like a left-over.
    """
    named = set(manifest.folders.values())
    for collection in Collection:
        for path in folder.glob(f"{collection}.*"):
            if path.name not in named:
                shutil.rmtree(path, ignore_errors=True)
