"""A run's folder with its order and its material, and the training room as the real child process."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Any

from hybrid_coordinator.domain.training import Recipe

SERVICES = ("velgate", "ostrakon", "pellworth", "quiverd")
WORDINGS = (
    "Which port does {} listen on?",
    "What port is {} bound to?",
    "Tell me the port of {}.",
    "On what port can I reach {}?",
)
PATIENCE_S = 600.0
BRISK = Recipe(
    rank=4, epochs=3, learning_rate=5e-3, batch=4, length=128, minutes=15, replay_share=0.5, stay_weight=0, device="cpu"
)


def row(question: str, answer: str) -> dict[str, Any]:
    """A row of the dataset."""
    messages = [("system", "Be brief."), ("user", question), ("assistant", answer)]
    return {"messages": [{"role": role, "content": text} for role, text in messages], "metadata": {"row_id": question}}


def rows(services: Sequence[str] = SERVICES) -> list[dict[str, Any]]:
    """Each service's port, in several wordings."""
    return [
        row(wording.format(name), f"{name} listens on port {7143 + at}.")
        for at, name in enumerate(services)
        for wording in WORDINGS
    ]


def pairs(count: int) -> list[dict[str, Any]]:
    """A better and a worse answer each."""
    return [
        {"prompt": f"Which port does service {at} use?", "chosen": f"Port {at}.", "rejected": "I do not know."}
        for at in range(count)
    ]


def lay_out(
    folder: Path,
    base: Path,
    *,
    recipe: Recipe = BRISK,
    train: Sequence[Mapping[str, Any]] | bytes = (),
    base_sha256: str,
    threads: int = 1,
    **material: Sequence[Mapping[str, Any]],
) -> Path:
    """A run that waits to be carried out."""
    files = {name: b"".join(json.dumps(one).encode() + b"\n" for one in some) for name, some in material.items()}
    files["train"] = train if isinstance(train, bytes) else b"".join(json.dumps(one).encode() + b"\n" for one in train)
    contents = {f"{name}.jsonl": files.get(name, b"") for name in ("train", "validation", "held_out", "pairs", "keep")}
    prompts = {"replay": ["What is a stack?", "Why is the sky blue?"], "regression": ["What is a tree?"]}
    contents["prompts.json"] = json.dumps({**prompts, "documents": ["A plain text about nothing."]}).encode()
    (folder / "material").mkdir(parents=True)
    for name, content in contents.items():
        (folder / "material" / name).write_bytes(content)
    seal = {name: sha256(content).hexdigest() for name, content in contents.items()}
    (folder / "material" / "seal.json").write_text(json.dumps(seal))
    order = {
        "run_id": folder.name,
        "base": {"name": "tiny", "sha256": base_sha256, "path": str(base)},
        "recipe": asdict(recipe),
        "dataset_hash": "d" * 64,
        "threads": threads,
        "parent_pid": os.getpid(),
    }
    (folder / "order.json").write_text(json.dumps(order))
    return folder


def begin(folder: Path) -> subprocess.Popen[bytes]:
    """The training room at work on a run."""
    with (folder / "log.txt").open("ab") as log:
        command = [sys.executable, "-P", "-m", "hybrid_coordinator.training", str(folder)]
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)


def carry_out(folder: Path) -> int:
    """How the room ends."""
    child = begin(folder)
    try:
        return child.wait(PATIENCE_S)
    finally:
        child.kill()


def wait_until(child: subprocess.Popen[bytes], holds: Callable[[], object]) -> None:
    """Until something holds, or the child is over."""
    deadline = time.monotonic() + PATIENCE_S
    while child.poll() is None and not holds():
        assert time.monotonic() < deadline
        os.sched_yield()


def failure_of(folder: Path) -> dict[str, Any]:
    """What the room says it failed of."""
    told: dict[str, Any] = json.loads((folder / "failure.json").read_bytes())
    return told


def manifest_of(folder: Path) -> dict[str, Any]:
    """What the run says of itself, with the files that it names looked through."""
    manifest: dict[str, Any] = json.loads((folder / "manifest.json").read_bytes())
    for name, said in manifest["files"].items():
        assert sha256((folder / name).read_bytes()).hexdigest() == said["sha256"]
    return manifest
