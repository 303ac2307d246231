"""One gateway under one kind of traffic: loaded, soaked and streamed through."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil
from pathlib import Path

import anyio
import httpx2

from bench.gateway_figures import Figures, Round, Soak, headline, load_figures, soak_figures, stream_figures
from bench.gateway_load import Load, Run
from bench.gateway_processes import START_S, Cores, Running, footprint
from bench.gateway_questions import Messages, body
from bench.gateway_streams import FirstWords, ask, time_first_words, wait_for_answer

STREAMS_AT_ONCE = 8
SOAK_CONNECTIONS = 16
QUIET_SHARE = 0.05
QUIET_WINDOW_S = 0.5
QUIET_WITHIN_S = 30.0
"""A gateway is quiet once it used less than this share of a core over the window; it is not waited for any longer."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is asked. The soak ends after its requests or its seconds, whichever come first."""

    seconds: int
    rounds: int
    connections: Sequence[int]
    soak_requests: int
    soak_seconds: int
    streams: int


@dataclass(frozen=True, slots=True)
class Traffic:
    """What is asked: the operation, the model and the questions, which differ when they are streamed."""

    path: str
    model: str
    questions: Callable[[bool], Sequence[Messages]]
    headers: Mapping[str, str]

    def bodies(self, *, stream: bool) -> list[str]:
        more = {"stream": True} if stream else {}
        return [body(self.model, messages, **more) for messages in self.questions(stream)]


@dataclass(frozen=True, slots=True)
class Bench:
    """Where trials are held: the upstream, the cores, a folder for files, and who is told how it goes."""

    upstream: Running
    cores: Cores
    folder: Path
    plan: Plan
    tell: Callable[[str], None]

    def at(self, name: str) -> "Bench":
        """The same bench with a folder of that name for its files, and the name before whatever is told."""
        folder = self.folder / name
        folder.mkdir()
        return replace(self, folder=folder, tell=lambda progress: self.tell(f"{name}: {progress}"))


class Trial:
    """Counts what it asks of the gateway and what went wrong, so that a ledger can be held against it."""

    def __init__(self, gateway: Running, traffic: Traffic, bench: Bench) -> None:
        self.requests = 0
        self.streams = 0
        self.errors = 0
        self._gateway = gateway
        self._bench = bench
        self._plan = bench.plan
        self._path = traffic.path
        self._headers = {"Content-Type": "application/json", **traffic.headers}
        self._load = Load(traffic.bodies(stream=False), self._headers, bench.folder / "bodies.jsonl")
        self._bodies = traffic.bodies(stream=True)
        self._asked = 0

    async def start(self) -> Figures:
        """Seconds from the start of the process to its first answer."""
        await wait_for_answer(ask(self._gateway.url + self._path, self._headers, self._load.first), START_S)
        self.requests += 1
        return {"start_s": round(time.perf_counter() - self._gateway.started_at, 2)}

    async def run_load(self) -> Figures:
        """Latency, throughput, processor time and memory, and what is put off."""
        by_connections = {}
        for connections in self._plan.connections:
            self._bench.tell(f"{connections} connections")
            by_connections[str(connections)] = await self._measure_load(connections)
        self._bench.tell(f"up to {self._plan.soak_requests:,} requests")
        return headline(by_connections) | await self._soak() | {"by_connections": by_connections}

    async def run_streams(self) -> Figures:
        """The wait for the first word, straight and through the gateway by turns, after a few for warming up."""
        self._bench.tell(f"{self._plan.streams} streams")
        await self._stream_through(STREAMS_AT_ONCE)
        a_round = ceil(self._plan.streams / self._plan.rounds)
        direct, through = FirstWords(), FirstWords()
        for _ in range(self._plan.rounds):
            direct.add(await self._stream(self._bench.upstream.url, a_round))
            through.add(await self._stream_through(a_round))
        return stream_figures(direct, through)

    async def _measure_load(self, connections: int) -> Figures:
        """Rounds of the same load straight and through the gateway, each the other way round than the one before."""
        rounds = [await self._round(connections, turned=number % 2 == 1) for number in range(self._plan.rounds)]
        return load_figures(rounds)

    async def _round(self, connections: int, *, turned: bool) -> Round:
        if turned:
            through, cpu_s = await self._through(connections)
            return Round(await self._straight(connections), through, cpu_s)
        direct = await self._straight(connections)
        return Round(direct, *await self._through(connections))

    async def _straight(self, connections: int) -> Run:
        run = await self._load.run(self._bench.upstream.url + self._path, connections, self._plan.seconds)
        self.errors += run.errors
        return run

    async def _through(self, connections: int) -> tuple[Run, float]:
        """A run, and the processor time it took the gateway."""
        before = footprint(self._gateway.pid)
        run = await self._load.run(self._gateway.url + self._path, connections, self._plan.seconds)
        self.requests += run.requests
        self.errors += run.errors
        return run, footprint(self._gateway.pid).cpu_s - before.cpu_s

    async def _soak(self) -> Figures:
        """Many requests and then quiet. The memory before is that of a gateway which has seen load already."""
        rss_mb = [footprint(self._gateway.pid).rss_mb]
        seen, requests, seconds = await self._seen(), 0, 0.0
        while requests < self._plan.soak_requests and seconds < self._plan.soak_seconds:
            run, _ = await self._through(SOAK_CONNECTIONS)
            requests, seconds = requests + run.requests, seconds + run.seconds
            rss_mb.append(footprint(self._gateway.pid).rss_mb)
        asked = await self._seen() - seen
        return soak_figures(Soak(requests, asked, rss_mb)) | await self._quieten(requests)

    async def _quieten(self, requests: int) -> Figures:
        """What the gateway put off while it answered, and whether it was done with that in time."""
        begin = last = footprint(self._gateway.pid).cpu_s
        quiet = False
        with anyio.move_on_after(QUIET_WITHIN_S):
            while not quiet:
                await anyio.sleep(QUIET_WINDOW_S)
                now = footprint(self._gateway.pid).cpu_s
                quiet = now - last < QUIET_SHARE * QUIET_WINDOW_S
                last = now
        return {"later_cpu_ms_per_request": round(1_000 * (last - begin) / max(1, requests), 3), "quiet": quiet}

    async def _seen(self) -> int:
        """How many questions have reached the upstream."""
        async with httpx2.AsyncClient(trust_env=False) as client:
            answer = await client.get(f"{self._bench.upstream.url}/seen")
        return int(answer.json()["count"])

    async def _stream_through(self, number: int) -> FirstWords:
        self.requests += number
        self.streams += number
        return await self._stream(self._gateway.url, number)

    async def _stream(self, url: str, number: int) -> FirstWords:
        first, self._asked = self._asked, self._asked + number
        # "s": no question of the load has that number
        questions = [
            ask(url + self._path, self._headers, self._bodies[turn % len(self._bodies)].replace("TURN", f"s{turn}"))
            for turn in range(first, first + number)
        ]
        words = await time_first_words(questions, STREAMS_AT_ONCE)
        self.errors += words.broken
        return words
