"""A run: one attempt to train a model on what this machine has learned."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class RunState(StrEnum):
    """How a run stands. WAITING has not begun, or was broken off and goes on by itself."""

    WAITING = "waiting"
    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"
    CANCELLED = "cancelled"


UNFINISHED = (RunState.WAITING, RunState.RUNNING)


class Teaching(StrEnum):
    """Who trains what: adapters here (of a model, or of the embedder), or a model at a vendor."""

    LORA = "llama-cpp"
    OPENAI = "openai"
    RETRIEVER = "retriever"


@dataclass(frozen=True, slots=True)
class BaseWeights:
    """The weights that an adapter is made for: `sha256` (hexadecimal) is what tells them from others, `path` the GGUF
    file or Hugging Face folder where they lie ("" where a vendor keeps them)."""

    name: str
    sha256: str
    path: str = ""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How an adapter is trained. A zero or an empty value stands for a default chosen by model size and hardware.

    LoRA of `rank` and `alpha` on `targets` (names of layers; empty: all linear ones), with `dropout`. `epochs` passes
    over the rows in batches of `batch` rows of at most `length` tokens, at `learning_rate` (falling along a cosine);
    it stops early when the validation loss has not improved for `patience` epochs. `replay_share` is how many of the
    base model's own answers are mixed in for each training row. `stay_weight` weighs the divergence from the base
    model, on such answers, on tool calls and on texts that it made up itself, in the loss; with 0 the texts are mixed
    in with the answers.
    Preference pairs are trained on for `preference_epochs` with `preference_beta` (DPO). `minutes` bounds the whole
    run, and `memory_gb` the process (0: no bound).
    """

    rank: int = 0
    alpha: float = 0.0
    targets: tuple[str, ...] = ()
    dropout: float = 0.0
    epochs: float = 0.0
    learning_rate: float = 0.0
    batch: int = 0
    length: int = 0
    seed: int = 7
    patience: int = 2
    replay_share: float = 0.1
    stay_weight: float = 1.0
    preference_epochs: float = 1.0
    preference_beta: float = 0.1
    minutes: float = 120.0
    memory_gb: float = 0.0
    device: str = ""
    merged: bool = False


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is: steps `done` of `total` in a `stage` (`load`, `replay`, `train`, `prefer`, `convert`, `check`,
    `likelihood`, or a vendor's own word), and how many seconds the whole will still take, where that can be told."""

    stage: str = ""
    done: int = 0
    total: int = 0
    seconds_left: float | None = None
    loss: float | None = None

    @property
    def share(self) -> float:
        """Of the stage, in [0, 1]."""
        return self.done / self.total if self.total else 0.0


@dataclass(frozen=True, slots=True)
class Run:
    """One training attempt. `model` names the model of the house it is for; `job` is its trainer's name for it.

    `dataset_hash` is that of the dataset card it was frozen from; `rows` and `pairs` are those trained on, `held_out`
    those kept for the measurement. `started_by` is `person` or `schedule`. `attempts` counts launches. `version` is the
    name of what came of it. `spent_s` are seconds of training so far, as far as they are known. `instance` names the
    data folder in which its files lie; "" where that was not kept.
    """

    id: str
    created_at: datetime
    changed_at: datetime
    state: RunState
    model: str
    teaching: Teaching
    base: BaseWeights
    recipe: Recipe
    dataset_hash: str = ""
    rows: int = 0
    pairs: int = 0
    held_out: int = 0
    started_by: str = "person"
    attempts: int = 0
    job: str = ""
    progress: Progress = field(default_factory=Progress)
    error: str = ""
    version: str = ""
    spent_s: float = 0.0
    notes: Mapping[str, str] = field(default_factory=dict)
    instance: str = ""
