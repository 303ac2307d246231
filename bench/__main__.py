"""Run one benchmark by name, print its table and, when asked, write its figures as JSON."""

import argparse
import json
import sys
from pathlib import Path
from types import ModuleType

import anyio

from bench import (
    cache,
    canary,
    extraction,
    gateway,
    latency,
    learning,
    poison,
    proving,
    recording,
    retrieval,
    retriever,
    routing,
    silence,
    tool_calls,
    training,
)
from hybrid_coordinator.errors import CoordinatorError

BENCHMARKS: dict[str, ModuleType] = {
    "retrieval": retrieval,
    "retriever": retriever,
    "latency": latency,
    "gateway": gateway,
    "routing": routing,
    "cache": cache,
    "canary": canary,
    "recording": recording,
    "learning": learning,
    "extraction": extraction,
    "proving": proving,
    "silence": silence,
    "poison": poison,
    "tool_calls": tool_calls,
    "training": training,
}
"""A benchmark is a module with a docstring, `add_arguments(parser)`, `async measure(arguments)` giving a JSON object,
and `show(figures)`."""


def main() -> int:
    arguments = _parse()
    if arguments.json:  # a folder that cannot be made is better known before minutes of measuring
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
    benchmark = BENCHMARKS[arguments.benchmark]
    try:
        figures = anyio.run(benchmark.measure, arguments)
    except CoordinatorError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    benchmark.show(figures)
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n")
    return 1 if figures.get("failed") else 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    names = parser.add_subparsers(dest="benchmark", required=True, metavar="NAME")
    for name, module in BENCHMARKS.items():
        one = names.add_parser(name, help=(module.__doc__ or "").partition("\n")[0], description=module.__doc__)
        one.add_argument("--json", type=Path, metavar="FILE", help="write the figures here")
        module.add_arguments(one)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
