"""What the gateway costs: time and processor added to a request, requests a second, memory, and the first word's wait.

The upstream is a process that always gives the same answer (`bench.mock_upstream`), the load comes from wrk, closed
loop. With two cores the upstream and the load have one and the gateway the other. Straight and through the gateway are
measured by turns. Every answer must be a success, and every request must be in the ledger afterwards.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Awaitable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from rich.console import Console
from rich.table import Column, Table

from bench.gateway_figures import Figures, find_failures, ratios
from bench.gateway_load import find_wrk
from bench.gateway_peers import PEERS, Peer, Site, install, make_key
from bench.gateway_processes import Launch, choose_cores, on_cores, running
from bench.gateway_product import Product, plain_environment
from bench.gateway_questions import changing, fixed, write_documents
from bench.gateway_trial import Bench, Plan, Traffic, Trial
from hybrid_coordinator.errors import Unavailable

CHAT = "/v1/chat/completions"
MESSAGES = "/v1/messages"
BEARER = {"Authorization": "Bearer asker"}
ANTHROPIC = {"x-api-key": "asker", "anthropic-version": "2023-06-01"}
CONNECTIONS = (1, 16, 64)
PEERS_FOLDER = Path(tempfile.gettempdir()) / "hybrid-coordinator-peers"


@dataclass(frozen=True, slots=True)
class Level:
    """How much of the gateway a request goes through. With `learned` the collections hold something about it."""

    traffic: Traffic
    learned: bool = False


LEVELS = {
    "pass_through": Level(Traffic(CHAT, "gpt-4o", fixed, BEARER)),
    "messages": Level(Traffic(MESSAGES, "claude-sonnet-5", fixed, ANTHROPIC)),
    "changing": Level(Traffic(CHAT, "gpt-4o", changing, BEARER)),
    "exact_cache": Level(Traffic(CHAT, "auto", fixed, BEARER)),
    "full": Level(Traffic(CHAT, "auto", changing, BEARER), learned=True),
}
"""One question passed on and recorded again and again, in either vendor's format, and questions that never come twice,
each of which goes into the history; one answered from the exact cache; questions that are embedded, compared with the
semantic cache, grounded in what is known and routed."""

LIKE = "pass_through"
"""The level that peers are compared with. Ours records each request; of theirs, nothing is logged."""

ROWS = {
    "added_p50_ms": "added p50, ms",
    "added_p99_ms": "added p99, ms",
    "cpu_ms_per_request": "CPU a request, ms",
    "later_cpu_ms_per_request": "CPU put off, ms",
    "quiet": "quiet again",
    "requests_per_s": "requests/s",
    "added_first_token_ms": "added first word, ms",
    "passages": "passages known",
    "start_s": "start, s",
    "rss_mb": "RSS, MB",
    "rss_growth_percent": "RSS growth, %",
    "soaked_requests": "over requests",
    "upstream_per_request": "upstream a request",
    "requests": "requests",
    "recorded": "recorded",
    "errors": "errors",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--levels", nargs="+", choices=LEVELS, default=list(LEVELS), metavar="LEVEL", help=", ".join(LEVELS)
    )
    parser.add_argument("--seconds", type=int, default=10, help="of each run of wrk (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="of straight and through (default: %(default)s)")
    parser.add_argument("--streams", type=int, default=240, help="timed either way (default: %(default)s)")
    parser.add_argument("--soak", type=int, default=100_000, help="requests for the memory (default: %(default)s)")
    parser.add_argument("--soak-seconds", type=int, default=180, help="the soak ends then (default: %(default)s)")
    parser.add_argument("--peers", action="store_true", help=f"measure {', '.join(PEERS)} too, and install them first")
    parser.add_argument("--peers-folder", type=Path, default=PEERS_FOLDER, help="where (default: %(default)s)")


async def measure(arguments: argparse.Namespace) -> Figures:
    """Figures by level and peer; what could not be measured, failed requests and lost records are under `failed`."""
    find_wrk()
    cores = choose_cores(list(os.sched_getaffinity(0)))
    mock = Launch((sys.executable, "-m", "bench.mock_upstream"), plain_environment())
    with tempfile.TemporaryDirectory() as scratch, on_cores(cores.load):
        async with running(mock, Path(scratch) / "upstream.log", cores.load) as upstream:
            bench = Bench(upstream, cores, Path(scratch), _plan(arguments), _tell)
            levels = {name: await _tried(_measure_level(LEVELS[name], bench.at(name))) for name in arguments.levels}
            rivals = PEERS if arguments.peers else {}
            peers = {
                name: await _tried(_measure_peer(peer, arguments.peers_folder / name, bench.at(name)))
                for name, peer in rivals.items()
            }
    compared = {name: ratios(levels.get(LIKE, {}), theirs) for name, theirs in peers.items()}
    failed = find_failures(levels | peers)
    plan = asdict(bench.plan) | {"cores_apart": cores.apart}
    return {"levels": levels, "peers": peers, "ratios": compared, "failed": failed, "plan": plan}


def show(figures: Figures) -> None:
    measured = figures["levels"] | figures["peers"]
    table = Table("what", *(Column(name, overflow="fold") for name in measured))
    for key, title in ROWS.items():
        table.add_row(title, *(str(one.get(key, "")) for one in measured.values()))
    console = Console()
    console.print(table)
    for name, ratio in figures["ratios"].items():
        told = "; ".join(f"{ROWS[key].partition(',')[0]} {value:.2f}" for key, value in ratio.items())
        console.print(f"{LIKE} / {name}: {told}", markup=False)
    for name, reason in figures["failed"].items():
        console.print(f"failed: {name}: {reason}", markup=False)


def _plan(arguments: argparse.Namespace) -> Plan:
    soak = (arguments.soak, arguments.soak_seconds)
    return Plan(arguments.seconds, arguments.rounds, CONNECTIONS, *soak, arguments.streams)


def _tell(progress: str) -> None:
    print(progress, file=sys.stderr, flush=True)


async def _tried(measuring: Awaitable[Figures]) -> Figures:
    try:
        return await measuring
    except Unavailable as error:
        return {"unavailable": str(error)}


async def _measure_level(level: Level, bench: Bench) -> Figures:
    product = Product(bench.folder / "data", bench.upstream.url)
    passages = await _learn(product, bench) if level.learned else 0
    async with running(product.launch, bench.folder / "gateway.log", bench.cores.gateway) as gateway:
        trial = Trial(gateway, level.traffic, bench)
        figures = await trial.start()
        before = await product.recorded(trial.requests)
        figures |= await trial.run_streams()
        after = await product.recorded(before + trial.streams)
        figures |= await trial.run_load()
        recorded = await product.recorded(trial.requests)
    streams = {"streams": trial.streams, "streams_recorded": after - before}
    return figures | _counts(trial) | streams | {"recorded": recorded, "passages": passages}


async def _learn(product: Product, bench: Bench) -> int:
    bench.tell("indexing")
    documents = bench.folder / "documents"
    documents.mkdir()
    write_documents(documents)
    return await product.learn(documents)


async def _measure_peer(peer: Peer, environment: Path, bench: Bench) -> Figures:
    bench.tell(f"installing {peer.requirement} unless it is there")
    programs = await install(peer, environment)
    key = make_key()
    launch = peer.launch(Site(programs, bench.folder, bench.upstream.url, key))
    traffic = replace(LEVELS[LIKE].traffic, model=peer.model, headers={"Authorization": f"Bearer {key}"})
    async with running(launch, bench.folder / "gateway.log", bench.cores.gateway) as gateway:
        trial = Trial(gateway, traffic, bench)
        return await trial.start() | await trial.run_streams() | await trial.run_load() | _counts(trial)


def _counts(trial: Trial) -> Figures:
    return {"requests": trial.requests, "errors": trial.errors}
