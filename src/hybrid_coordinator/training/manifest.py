"""What a finished run says of itself. It is written last: where it is, everything it names is whole."""

import json
import os
import platform
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from hybrid_coordinator.training.base_hash import file_sha256
from hybrid_coordinator.training.limits import GB, peak_memory
from hybrid_coordinator.training.room import Room
from hybrid_coordinator.training.writing import write_whole

MANIFEST = "manifest.json"
FORMAT = 1

PACKAGES = ("hybrid-coordinator", "torch", "transformers", "peft", "trl", "gguf", "datasets", "accelerate", "unsloth")
ARTEFACTS = ("adapter.gguf", "merged.gguf", "likelihood.jsonl")


def write_manifest(room: Room, *, scale: float, metrics: Mapping[str, Any], checks: Mapping[str, Any]) -> None:
    """Say what was made, of what, how, and what it is worth as far as the room can tell."""
    base = room.order.base
    manifest = {
        "format": FORMAT,
        "run_id": room.order.run_id,
        "made_at": datetime.now(UTC).isoformat(),
        "base": {"name": base.name, "sha256": base.sha256},
        "dataset_hash": room.order.dataset_hash,
        "data": dict(room.curriculum.hashes),
        "recipe": asdict(room.recipe),
        "scale": scale,
        "metrics": {**metrics, "peak_memory_gb": round(peak_memory() / GB, 3)},
        "files": {path.name: _describe(path) for path in _present(room.folder)},
        "versions": {"python": platform.python_version(), **_versions()},
        "hardware": _hardware(room),
        "checks": dict(checks),
        "licence": room.weights.licence,
        "seconds": round(room.tracker.spent_s, 1),
    }
    write_whole(room.folder / MANIFEST, json.dumps(manifest, ensure_ascii=False, indent=2).encode())


def _present(folder: Path) -> Iterable[Path]:
    return (folder / name for name in ARTEFACTS if (folder / name).exists())


def _describe(path: Path) -> dict[str, Any]:
    return {"bytes": path.stat().st_size, "sha256": file_sha256(path)}


def _versions() -> dict[str, str]:
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _hardware(room: Room) -> dict[str, Any]:
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {
        "device": room.recipe.device,
        "machine": platform.machine(),
        "system": platform.system(),
        "threads": room.threads,
        "memory_gb": round(memory / GB, 1),
    }
