"""What search learns from passages that were right for a question and passages that were not.

Passages keep their vectors. Only a question is moved before passages are looked for:

    q' = (q + q·D) / |q + q·D|

with one square matrix D, fitted so that the passage accepted for a question is nearer to it than those rejected for it
and those of other questions (softmax over cosines divided by `temperature`: van den Oord et al., arXiv:1807.03748). D
begins as nothing and takes few short steps, so that a question that nobody judged hardly moves. The constants are of a
form that did no harm on cosqa_dev (docs/lab.md).
"""

import io
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from hybrid_coordinator.domain.knowledge import Vector
from hybrid_coordinator.errors import Damaged

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Example:
    """A question as it was asked, with the passages that were right for it and those that were not, by id.

    Questions of one `family` ask the same. `source` is the interaction it comes from.
    """

    question: str
    family: str
    at: datetime
    accepted: tuple[str, ...]
    rejected: tuple[str, ...]
    source: str


@dataclass(frozen=True, slots=True)
class FittingPolicy:
    """`steps` of length `rate`, each on `batch` examples; what a step does fades by `momentum` with the next."""

    steps: int = 40
    rate: float = 0.003
    batch: int = 64
    momentum: float = 0.9
    temperature: float = 0.05
    seed: int = 7


@dataclass(frozen=True, slots=True)
class _Room:
    """The vectors of examples and passages, one a row, and where each passage stands."""

    questions: Floats
    passages: Floats
    places: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class _Contrast:
    """What a step is taken on: questions, candidates for all of them, and which of those are right for which."""

    questions: Floats
    candidates: Floats
    right: NDArray[np.bool_]


def move(vectors: Floats, adapter: Floats) -> Floats:
    """The questions, one a row or a single one, as passages are looked for: of unit length again."""
    moved = vectors + vectors @ adapter
    return np.asarray(moved / np.linalg.norm(moved, axis=-1, keepdims=True), np.float32)


def fit_adapter(
    examples: Sequence[Example], questions: Floats, passages: Mapping[str, Vector], policy: FittingPolicy
) -> Floats:
    """The matrix D; the same for the same. `questions` are the examples' unit vectors, one a row, `passages` those of
    their passages that still exist. Without any that was accepted D is all zeros."""
    room = _Room(questions, np.asarray(list(passages.values()), np.float32), {id: n for n, id in enumerate(passages)})
    usable = [n for n, one in enumerate(examples) if any(id in room.places for id in one.accepted)]
    adapter = np.zeros((questions.shape[1], questions.shape[1]), np.float32)
    pace, dice = np.zeros_like(adapter), np.random.default_rng(policy.seed)
    for _ in range(policy.steps if usable else 0):
        drawn = [usable[n] for n in dice.permutation(len(usable))[: policy.batch]]
        contrast = _contrast([examples[n] for n in drawn], room.questions[drawn], room)
        pace = policy.momentum * pace + _slope(adapter, contrast, policy.temperature)
        adapter -= policy.rate * pace
    return adapter


def _contrast(examples: Sequence[Example], questions: Floats, room: _Room) -> _Contrast:
    """Every question against its own passages and those of the others."""
    held = sorted({place for one in examples for place in _places((*one.accepted, *one.rejected), room)})
    columns = {place: column for column, place in enumerate(held)}
    right = np.zeros((len(examples), len(held)), np.bool_)
    for row, one in enumerate(examples):
        right[row, [columns[place] for place in _places(one.accepted, room)]] = True
    return _Contrast(questions, room.passages[held], right)


def _places(ids: Sequence[str], room: _Room) -> Iterator[int]:
    return (room.places[id] for id in ids if id in room.places)


def _slope(adapter: Floats, contrast: _Contrast, temperature: float) -> Floats:
    """The gradient of the mean of -log(what the right candidates have of the softmax)."""
    raw = contrast.questions + contrast.questions @ adapter
    length = np.linalg.norm(raw, axis=1, keepdims=True)
    moved = raw / length
    logits = moved @ contrast.candidates.T / temperature
    weights = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares = weights / weights.sum(axis=1, keepdims=True)
    rights = np.where(contrast.right, weights, 0.0)
    rights /= np.maximum(rights.sum(axis=1, keepdims=True), np.finfo(np.float32).tiny)
    pull = (shares - rights) @ contrast.candidates / (temperature * len(moved))
    along = (pull * moved).sum(axis=1, keepdims=True)
    return np.asarray(contrast.questions.T @ ((pull - along * moved) / length), np.float32)


def fingerprint(adapter: Floats) -> str:
    """What tells it from others, in hexadecimal."""
    return sha256(np.ascontiguousarray(adapter, "<f4").tobytes()).hexdigest()


def dump_adapters(adapters: Mapping[str, Floats]) -> bytes:
    """Adapters by name, as an npz file."""
    buffer = io.BytesIO()
    names = np.array(list(adapters), dtype=np.str_)
    numbered = {f"adapter{n}": adapter for n, adapter in enumerate(adapters.values())}
    np.savez(buffer, allow_pickle=False, names=names, **numbered)
    return buffer.getvalue()


def load_adapters(stored: bytes) -> dict[str, Floats]:
    """What was dumped; nothing of nothing. Raises Damaged for anything else."""
    if not stored:
        return {}
    try:
        with np.load(io.BytesIO(stored), allow_pickle=False) as arrays:
            return {str(name): np.asarray(arrays[f"adapter{n}"], np.float32) for n, name in enumerate(arrays["names"])}
    except (KeyError, ValueError, EOFError, OSError, zipfile.BadZipFile, zlib.error) as error:
        raise Damaged("what search has learned cannot be read; delete the file, and it is learned anew") from error
