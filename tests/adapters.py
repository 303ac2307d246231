"""LoRA adapters for tests, written on the spot, and versions that name them."""

import hashlib
from datetime import UTC, datetime
from pathlib import Path

import gguf
import numpy as np

from hybrid_coordinator.domain.training import BaseWeights, Teaching
from hybrid_coordinator.domain.versions import ModelVersion, VersionStage
from hybrid_coordinator.wire.gguf_metadata import BASE_SHA256

RANK = 8
LAYERS = {"blk.0.ffn_down.weight": (576, 1536), "blk.10.attn_output.weight": (576, 576)}
"""Two of SmolLM2-135M, with their rows and columns."""

HARMLESS = 0.02
RUINOUS = 0.3
"""Strengths of random numbers: what the model says stays sensible, or does not."""


def write_adapter(path: Path, base_sha256: str, *, strength: float = HARMLESS, seed: int = 1, rows: int = 0) -> Path:
    """A LoRA of random numbers; with `rows` it has so many instead of the right ones."""
    random = np.random.default_rng(seed)
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_type(gguf.GGUFType.ADAPTER)
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", float(RANK))
    writer.add_string(BASE_SHA256, base_sha256)
    for name, (right_rows, columns) in LAYERS.items():
        for side, shape in (("a", (RANK, columns)), ("b", (rows or right_rows, RANK))):
            numbers = (random.standard_normal(shape) * strength).astype(np.float32)
            writer.add_tensor(f"{name}.lora_{side}", numbers)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def version_of(artefact: Path, base: BaseWeights, number: int, *, scale: float = 1.0) -> ModelVersion:
    """A candidate made of this file."""
    now = datetime(2026, 1, 1, tzinfo=UTC)
    return ModelVersion(
        name=f"{base.name}+v{number}",
        number=number,
        model="local",
        teaching=Teaching.LORA,
        stage=VersionStage.CANDIDATE,
        run_id=f"run-{number}",
        base=base,
        created_at=now,
        changed_at=now,
        artefact=str(artefact),
        sha256=hashlib.sha256(artefact.read_bytes()).hexdigest(),
        scale=scale,
    )
