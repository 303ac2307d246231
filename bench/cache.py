"""How often the cache answers, how often wrongly, and how fast.

Every set goes through the product's own cache with its embedder, its SQLite file and its default policy. A stream is
replayed from empty: look up, and on a miss store. `answers` is as in production, where a fresh answer is compared with
those of its neighbours; the answer to a question is here the name of its class. In `blind` nothing is compared. In
`outcomes` each hit is judged as well. Of pairs, each has a cache of its own. Errors count against all requests.
"""

import argparse
import math
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from bench.cache_sets import Mock, Pair, Question, read_mock, read_pairs, read_stream, set_name
from hybrid_coordinator.backends.cache.sqlite import SqliteCache
from hybrid_coordinator.backends.clock import SystemClock
from hybrid_coordinator.backends.embedders.minilm import MiniLmEmbedder
from hybrid_coordinator.domain.caching import CachedAnswer, CacheKey
from hybrid_coordinator.errors import BadInput
from hybrid_coordinator.flows.caching import CachePolicy, SemanticCache

DATA = Path(__file__).parents[2] / "shared" / "data" / "cache"
STREAM, MOCK = "stream_qqp60k.jsonl.gz", "gptcache_mock_999.jsonl.gz"
Z = 1.96
"""Of a two-sided 95 % interval."""

ROOMY = 1_000_000
"""Entries: no set reaches the bound, so that eviction has no say."""

Figures = dict[str, Any]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, default=DATA, help="the folder of the sets (default: %(default)s)")
    parser.add_argument("--stream", type=Path, action="append", metavar="FILE", help='rows {"query", "class_id"}')
    parser.add_argument("--pairs", type=Path, action="append", metavar="FILE", help='rows {"a", "b", "label"}')
    parser.add_argument("--limit", type=int, metavar="N", help="only the first N rows of each set")
    parser.add_argument(
        "--budget", type=float, default=CachePolicy().error_budget, help="the error budget (default: %(default)s)"
    )
    parser.add_argument(
        "--feedback",
        choices=("blind", "answers", "outcomes"),
        default="outcomes",
        help="what a stream teaches (default: %(default)s)",
    )


async def measure(arguments: argparse.Namespace) -> Figures:
    """Figures by set; a set that cannot be read is named under `failed`, and the others are measured."""
    sets: dict[str, Figures] = {}
    failed: dict[str, str] = {}
    with Progress(console=Console(stderr=True)) as progress:
        bench = _Bench(arguments, MiniLmEmbedder(), progress)
        for kind, path in _chosen(arguments):
            try:
                sets[set_name(path)] = await bench.measure(kind, path)
            except BadInput as error:
                failed[set_name(path)] = str(error)
    return {"sets": sets, "failed": failed, "error_budget": arguments.budget, "feedback": arguments.feedback}


def show(figures: Figures) -> None:
    table = Table(
        "set", "requests", "right", "wrong", "miss", "hit rate", "error", "error, 95 %", "precision", "hit p50, ms"
    )
    for name, said in figures["sets"].items():
        counts = [f"{said[key]:,}" for key in ("requests", "right", "wrong", "miss")]
        between = " to ".join(f"{end:.4f}" for end in said["error_interval"])
        rates = [f"{said['hit_rate']:.4f}", f"{said['error_rate']:.4f}", between, f"{said['precision']:.3f}"]
        table.add_row(name, *counts, *rates, f"{said['hit_p50_ms']:.2f}")
    console = Console()
    console.print(table)
    for name, reason in figures["failed"].items():
        console.print(f"not measured: {name}: {reason}", markup=False)


def _chosen(arguments: argparse.Namespace) -> list[tuple[str, Path]]:
    """The files that were named, or else the two sets of the data folder."""
    named = [("stream", path) for path in arguments.stream or ()] + [("pairs", path) for path in arguments.pairs or ()]
    return named or [("stream", arguments.data / STREAM), ("mock", arguments.data / MOCK)]


@dataclass(slots=True)
class Score:
    """What happened in a set: hits by right or wrong, the guards that refused, and how long each hit took."""

    requests: int = 0
    right: int = 0
    wrong: int = 0
    refused: dict[str, int] = field(default_factory=dict)
    hits_ms: list[float] = field(default_factory=list)

    def settle(self, *, right: bool) -> None:
        self.right += right
        self.wrong += not right

    def figures(self) -> Figures:
        hits = self.right + self.wrong
        return {
            "requests": self.requests,
            "right": self.right,
            "wrong": self.wrong,
            "miss": self.requests - hits,
            "hit_rate": hits / self.requests if self.requests else 0.0,
            "error_rate": self.wrong / self.requests if self.requests else 0.0,
            "hit_interval": share_interval(hits, self.requests),
            "error_interval": share_interval(self.wrong, self.requests),
            "precision": self.right / hits if hits else 0.0,
            "hit_p50_ms": median(self.hits_ms) if self.hits_ms else 0.0,
            "refused": dict(sorted(self.refused.items())),
        }


class _Bench:
    """One embedder and one policy for all sets."""

    def __init__(self, arguments: argparse.Namespace, embedder: MiniLmEmbedder, progress: Progress) -> None:
        self._embedder = embedder
        self._progress = progress
        self._limit: int | None = arguments.limit
        self._judging = arguments.feedback == "outcomes"
        self._policy = CachePolicy(
            error_budget=arguments.budget, max_entries=ROOMY, compare_answers=arguments.feedback != "blind"
        )

    async def measure(self, kind: str, path: Path) -> Figures:
        if kind == "stream":
            return (await self._stream(set_name(path), read_stream(path)[: self._limit])).figures()
        if kind == "pairs":
            return await self._pairs(set_name(path), read_pairs(path)[: self._limit])
        return (await self._mock(set_name(path), read_mock(path)[: self._limit])).figures()

    async def _stream(self, name: str, questions: Sequence[Question]) -> Score:
        score = Score()
        async with self._opened() as cache:
            for number, question in self._progress.track([*enumerate(questions)], description=name):
                key = CacheKey(question.text)
                said = await _ask(cache, key, str(number), score)
                if said is None:
                    await cache.store(key, CachedAnswer(question.answer, {}))
                    continue
                score.settle(right=said == question.answer)
                if self._judging:
                    await cache.judge(str(number), good=said == question.answer)
        return score

    async def _mock(self, name: str, rows: Sequence[Mock]) -> Score:
        """A hit is right when the origin it was stored with has the text that was meant: that text names the answer."""
        score = Score()
        async with self._opened() as cache:
            for row in self._progress.track(rows, description=f"{name}: storing"):
                await cache.store(CacheKey(row.origin), CachedAnswer(_name(row.origin), {}))
            for number, row in self._progress.track([*enumerate(rows)], description=f"{name}: asking"):
                said = await _ask(cache, CacheKey(row.similar), str(number), score)
                if said is not None:
                    score.settle(right=said == _name(row.origin))
        return score

    async def _pairs(self, name: str, pairs: Sequence[Pair]) -> Figures:
        score = Score()
        alike = sum(pair.alike for pair in pairs)
        async with self._opened() as cache:
            for number, pair in self._progress.track([*enumerate(pairs)], description=name):
                await cache.store(CacheKey(pair.stored, scope=str(number)), CachedAnswer(pair.stored, {}))
                if await _ask(cache, CacheKey(pair.asked, scope=str(number)), str(number), score) is not None:
                    score.settle(right=pair.alike)
        return {**score.figures(), "alike": alike, "recall": score.right / alike if alike else 0.0}

    @asynccontextmanager
    async def _opened(self) -> AsyncIterator[SemanticCache]:
        """An empty cache in a folder of its own."""
        with tempfile.TemporaryDirectory() as folder:
            stored = await SqliteCache.open(Path(folder) / "cache.sqlite", self._embedder.identity)
            try:
                yield SemanticCache(stored, self._embedder, SystemClock(), self._policy)
            finally:
                await stored.aclose()


async def _ask(cache: SemanticCache, key: CacheKey, interaction_id: str, score: Score) -> str | None:
    """What the cache answers, or None, timed and counted."""
    start = time.perf_counter()
    verdict = await cache.look_up(key, interaction_id=interaction_id)
    took_ms = (time.perf_counter() - start) * 1000
    score.requests += 1
    if verdict.guard is not None:
        score.refused[verdict.guard] = score.refused.get(verdict.guard, 0) + 1
    if verdict.hit is None:
        return None
    score.hits_ms.append(took_ms)
    return verdict.hit.answer.text


def _name(text: str) -> str:
    """One word that stands for a text."""
    return sha256(text.encode()).hexdigest()


def share_interval(found: int, among: int) -> tuple[float, float]:
    """The Wilson interval of a share, 95 %."""
    if not among:
        return 0.0, 1.0
    share, spread = found / among, Z**2 / among
    half = Z * math.sqrt(share * (1 - share) / among + spread / (4 * among))
    return max(0.0, (share + spread / 2 - half) / (1 + spread)), min(1.0, (share + spread / 2 + half) / (1 + spread))
