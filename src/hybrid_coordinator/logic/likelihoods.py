"""What the torch room measured: how likely texts are to the base, and to the base with the adapter."""

import json
import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Likelihood:
    """Of one text: mean negative log-likelihoods (nats a token) `before` and `after`, over so many tokens.

    `set` is `test`, `recall`, `validation`, `regression` or `document`.
    """

    set: str
    item: str
    tokens: int
    before: float
    after: float


def read_likelihoods(content: bytes) -> tuple[Likelihood, ...]:
    """One JSON object a line. Raises ValueError, with the line's number, for a line that is none."""
    lines = content.decode("utf-8", "replace").splitlines()
    return tuple(_read(line, number) for number, line in enumerate(lines, 1) if line.strip())


def _read(line: str, number: int) -> Likelihood:
    try:
        said = json.loads(line)
        found = Likelihood(
            str(said["set"]), str(said["item"]), int(said["tokens"]), float(said["before"]), float(said["after"])
        )
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ValueError(f"line {number} of the likelihoods is no measurement: {error!r}") from error
    if found.tokens < 1 or not (math.isfinite(found.before) and math.isfinite(found.after)):
        raise ValueError(f"line {number} of the likelihoods holds no finite number over at least one token")
    return found
