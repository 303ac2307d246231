"""Where the weights are trained."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch

from hybrid_coordinator.training.failures import Failure
from hybrid_coordinator.training.loading import load_base


def choose_device(wanted: str) -> str:
    """The one that is wanted, or the fastest there is. Raises Failure for one that is not there."""
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if wanted and not there[wanted]:
        raise Failure(f"there is no {wanted!r} device for torch; change `device` in the recipe", "other", final=True)
    return wanted or next(name for name, present in there.items() if present)


def open_base(path: Path, device: str, length: int) -> tuple[Any, Any]:
    """The model and its tokenizer, by Unsloth where that is installed, can read them, and has a card to work on."""
    if device == "cuda" and path.is_dir() and find_spec("unsloth"):
        return _open_by_unsloth(path, length)
    return load_base(path, device)


def _open_by_unsloth(path: Path, length: int) -> tuple[Any, Any]:
    """Written from its documentation; there was no such card to try it on."""
    from unsloth import FastLanguageModel  # it changes the other libraries when it is imported: only where it is used

    model, tokenizer = FastLanguageModel.from_pretrained(str(path), max_seq_length=length, load_in_4bit=False)
    return model, tokenizer
