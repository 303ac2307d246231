"""Whether llama.cpp, with the adapter that was written, says what transformers says with the one that was trained."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

PROBE = "hybrid_coordinator.training.logit_probe"

TOP = 200
"""Tokens that llama.cpp tells of for each prompt."""

HEAD = 10
"""Of those, so many are compared: what is less likely is never said, and differs most."""

LONGEST_PROMPT = 256
"""Tokens. The end of a longer one says as much, in less time."""

WAIT_S = 300.0
STDERR_TAIL = 600

LEAST_EFFECT = 0.2
"""Nats. Under it an adapter does next to nothing, and a share of that cannot be told from the noise of the base."""

REPRODUCED = (0.85, 1.15)
ADDED_OF_EFFECT, ADDED_OF_NOISE = 0.1, 0.6
"""An adapter may add so much error to that of the base: these shares of its effect, and of that error itself."""

Table = Mapping[int, float]


@dataclass(frozen=True, slots=True)
class AdapterCheck:
    """How near llama.cpp comes, over `prompts` next tokens, in nats of the logarithms of probabilities.

    `error` and `worst` are the mean and the largest difference among the likeliest tokens, `agreement` the share of
    prompts with the same likeliest one; `base_…` are the same without the adapter, the control: quantised weights are
    multiplied in another precision there. `effect` is how much the adapter changes on the mean in transformers, and
    `reproduced` the slope of what it changes in llama.cpp over that: 1 is all of it, 0 none.
    """

    prompts: int
    error: float
    worst: float
    agreement: float
    base_error: float
    base_worst: float
    base_agreement: float
    effect: float
    reproduced: float

    @property
    def complaint(self) -> str:
        """Why the file must not be used; "" when it is the adapter that was trained.

        The bounds are measured on SmolLM2-135M Q4_1, whose own error is 0.08 to 0.10: right files reproduced 0.94 to
        1.08 of effects of 0.3 to 5.2, and added 0.07 of error at most. With the rows of queries and keys left in the
        order of transformers it was -0.10 to 0.73 of effects of 0.3, or 0.86 and 0.88 of effects of 5.2 and 0.7 with
        1.1 and 0.18 of error added. An adapter that does nothing reproduces 0.
        """
        low, high = REPRODUCED
        added = self.error - self.base_error
        most = ADDED_OF_EFFECT * self.effect + ADDED_OF_NOISE * self.base_error
        if self.effect > LEAST_EFFECT and not low <= self.reproduced <= high:
            return f"llama.cpp shows {self.reproduced:.2f} of what the adapter does, and 1 is expected"
        if added > most:
            return (
                f"llama.cpp is off by {added:.2f} nats more with it than without, and {most:.2f} is the most expected"
            )
        return ""


class ProbeFailed(RuntimeError):
    """llama.cpp did not load the adapter, or crashed on it; the message has what it said."""


class ProbeSlow(ProbeFailed):
    """It gave no answer in time, which says nothing of the adapter: the machine may have been busy, or the run have
    stood still for somebody who asked."""


def check_adapter(
    peft_model: Any, base_path: Path, file: Path, prompts: Sequence[Sequence[int]], *, threads: int = 0
) -> AdapterCheck:
    """Lay a file over the base GGUF in llama.cpp and compare, after each of the prompts (as tokens).

    Raises ProbeFailed when llama.cpp cannot.
    """
    cut = [list(prompt)[-LONGEST_PROMPT:] for prompt in prompts]
    tables = probe(base_path, file, cut, threads)
    trained = [_log_probabilities(peft_model, prompt) for prompt in cut]
    with peft_model.disable_adapter():
        plain = [_log_probabilities(peft_model, prompt) for prompt in cut]
    error, worst, agreement = _compare(tables["with"], trained)
    base_error, base_worst, base_agreement = _compare(tables["without"], plain)
    effect, reproduced = _compare_effect(tables, trained, plain)
    return AdapterCheck(len(cut), error, worst, agreement, base_error, base_worst, base_agreement, effect, reproduced)


def probe(
    model: Path, adapter: Path | None, prompts: Sequence[Sequence[int]], threads: int = 0
) -> Mapping[str, list[Table]]:
    """What llama.cpp would say after each prompt, `without` the adapter and, if there is one, `with` it.

    Raises ProbeFailed.
    """
    file = str(adapter or model)
    order = {
        "model": str(model),
        "adapter": str(adapter) if adapter else None,
        "prompts": [list(prompt) for prompt in prompts],
        "top": TOP,
        "threads": threads,
    }
    try:
        ended = subprocess.run(
            [sys.executable, "-P", "-m", PROBE],
            input=json.dumps(order | {"parent_pid": os.getpid()}).encode() + b"\n",
            capture_output=True,
            timeout=WAIT_S,
            check=True,
        )
    except subprocess.TimeoutExpired as error:
        raise ProbeSlow(f"llama.cpp did not answer within {WAIT_S:g} s with {file!r}") from error
    except subprocess.CalledProcessError as error:
        said = " ".join(error.stderr.decode(errors="replace").split())[-STDERR_TAIL:]
        raise ProbeFailed(f"llama.cpp does not take {file!r}; it said: {said or 'nothing'}") from error
    return {
        side: [{int(token): value for token, value in table.items()} for table in tables]
        for side, tables in json.loads(ended.stdout).items()
    }


def _log_probabilities(model: Any, prompt: list[int]) -> torch.Tensor:
    with torch.inference_mode():
        logits = model(input_ids=torch.tensor([prompt], device=model.device), logits_to_keep=1).logits
    return logits[0, -1].float().log_softmax(-1).cpu()


def _compare(tables: Sequence[Table], expected: Sequence[torch.Tensor]) -> tuple[float, float, float]:
    """The mean and the largest difference, and how often the likeliest token is the same."""
    ranked = [sorted(table, key=table.__getitem__, reverse=True)[:HEAD] for table in tables]
    differences = [
        abs(table[token] - values[token].item())
        for table, head, values in zip(tables, ranked, expected, strict=True)
        for token in head
    ]
    same = [head[0] == int(values.argmax()) for head, values in zip(ranked, expected, strict=True)]
    return sum(differences) / len(differences), max(differences), sum(same) / len(same)


def _compare_effect(
    tables: Mapping[str, list[Table]], trained: Sequence[torch.Tensor], plain: Sequence[torch.Tensor]
) -> tuple[float, float]:
    """How much the adapter changes in transformers, and the slope (least squares through 0) of llama.cpp over it.

    Taken over the tokens that are among the likeliest both with it and without; (0, 0) where there is none.
    """
    changes = [
        (after[token] - before[token], (values[token] - base[token]).item())
        for after, before, values, base in zip(tables["with"], tables["without"], trained, plain, strict=True)
        for token in after.keys() & before.keys()
    ]
    square = sum(due * due for _, due in changes)
    if not square:
        return 0.0, 0.0
    return sum(abs(due) for _, due in changes) / len(changes), sum(seen * due for seen, due in changes) / square
