"""Does learning help? Questions come one after the other; what is served is judged before its outcome is heard.

The learning system searches the indexed texts and what it was taught so far. What it serves first either leads to the
right text or does not; it hears which, and after a failure somebody teaches the right one by way of a correction.
Beside it stand the same system with learning off, and searches over the raw log (every past question with its right
text: that of the nearest is served), also together with the indexed texts.

Streams: `ops_runbooks` (alert summaries, then descriptions), the same questions drawn again and again, `cosqa_test`.
Constants were chosen on `cosqa_dev` and functions of Python's standard library (docs/lab.md).
"""

import argparse
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from bench.learning_streams import PHASES, Asked, Stream, cosqa_stream, ops_stream
from bench.retrieval import DATA
from hybrid_coordinator.backends.clock import SystemClock
from hybrid_coordinator.backends.embedders.minilm import MiniLmEmbedder
from hybrid_coordinator.backends.embedders.remembering import RememberingEmbedder
from hybrid_coordinator.backends.keepsake import FileKeepsake
from hybrid_coordinator.backends.knowledge.edge import EdgeKnowledge
from hybrid_coordinator.backends.ledger.records import Records
from hybrid_coordinator.domain.interaction import AgentType, Interaction, Outcome, OutcomeKind
from hybrid_coordinator.domain.knowledge import Collection, Draft, Passage, SearchMode
from hybrid_coordinator.flows.augment import Augmenter
from hybrid_coordinator.flows.crediting import Crediting
from hybrid_coordinator.flows.experience import Experience
from hybrid_coordinator.flows.history import History
from hybrid_coordinator.flows.publishing import Publisher
from hybrid_coordinator.flows.teaching import Lesson, Teacher
from hybrid_coordinator.logic.grounding import GroundingPolicy
from hybrid_coordinator.logic.provenance import ProvenancePolicy
from hybrid_coordinator.logic.scoring import Neighbourhood, ScoringPolicy, credit_for, score_value
from hybrid_coordinator.logic.silence import SilencePolicy
from hybrid_coordinator.logic.usefulness import UsefulnessPolicy

ORDERS = 10
RESAMPLES = 2_000
TEXTS = Collection.CODEBASE
LOG = Collection.INTERACTIONS
LOG_MODES = {"bm25": SearchMode.KEYWORD, "dense": SearchMode.SEMANTIC}

Figures = dict[str, Any]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data", type=Path, default=DATA, help="the folder of the retrieval sets (default: %(default)s)"
    )
    parser.add_argument("--orders", type=int, default=ORDERS, help="how many orders (default: %(default)s)")


async def measure(arguments: argparse.Namespace) -> Figures:
    return await measure_curve(arguments.data, arguments.orders)


async def measure_curve(data: Path = DATA, orders: int = ORDERS) -> Figures:
    """Prequential success@1 by system for each stream, with what learning on is ahead of each other system."""
    streams = [
        ops_stream(data / "ops_runbooks"),
        ops_stream(data / "ops_runbooks", recurring=True),
        cosqa_stream(data / "cosqa_test"),
    ]
    embedder = RememberingEmbedder(MiniLmEmbedder(), most_texts=4_096)
    with Progress(console=Console(stderr=True)) as progress:
        return {stream.name: await measure_stream(stream, embedder, orders, progress) for stream in streams}


async def measure_stream(stream: Stream, embedder: RememberingEmbedder, orders: int, progress: Progress) -> Figures:
    """Every order begins with nothing learned."""
    curve = _Curve()
    for seed in progress.track(range(orders), description=stream.name):
        async with _open_school(stream, embedder) as school:
            for asked in stream.order(seed):
                curve.note(seed, asked, await school.ask(asked))
    return curve.figures()


def show(figures: Figures) -> None:
    for name, measured in figures.items():
        table = Table("system", "success@1", *PHASES, "on is ahead by", "95% of resamples", title=name)
        for system, scores in measured["systems"].items():
            ahead = measured["ahead"].get(system)
            shown = (f"{ahead['mean']:+.3f}", f"{ahead['low']:+.3f} to {ahead['high']:+.3f}") if ahead else ("", "")
            table.add_row(system, *(f"{scores[key]:.3f}" for key in ("all", *PHASES)), *shown)
        Console().print(table)


@dataclass(slots=True)
class _Curve:
    """Successes by system: of each order and question, in the order in which they came."""

    rows: list[tuple[int, Asked, Mapping[str, bool]]] = field(default_factory=list)

    def note(self, order: int, asked: Asked, right: Mapping[str, bool]) -> None:
        self.rows.append((order, asked, right))

    def figures(self) -> Figures:
        systems = list(self.rows[0][2])
        return {
            "questions": len({asked.id for _, asked, _ in self.rows}),
            "asked": len(self.rows),
            "systems": {system: self._scores(system) for system in systems},
            "ahead": {system: self._ahead(system) for system in systems if system != "on"},
        }

    def _scores(self, system: str) -> Figures:
        scores = {"all": np.mean([right[system] for *_, right in self.rows])}
        for phase in PHASES:
            scores[phase] = np.mean([right[system] for _, asked, right in self.rows if asked.phase == phase])
        return {name: float(score) for name, score in scores.items()}

    def _ahead(self, system: str) -> Figures:
        """Paired by question: those are resampled, each with all orders that it came in."""
        sums: dict[str, list[float]] = {}
        for _, asked, right in self.rows:
            sums.setdefault(asked.id, []).append(float(right["on"]) - float(right[system]))
        totals = np.array([[sum(some), len(some)] for some in sums.values()])
        drawn = totals[np.random.default_rng(0).integers(0, len(totals), (RESAMPLES, len(totals)))].sum(axis=1)
        low, high = np.quantile(drawn[:, 0] / drawn[:, 1], [0.025, 0.975])
        return {"mean": float(totals[:, 0].sum() / totals[:, 1].sum()), "low": float(low), "high": float(high)}


@dataclass(slots=True)
class _School:
    """The product's own parts over empty stores, and which text each passage leads to."""

    knowledge: EdgeKnowledge
    records: Records
    embedder: RememberingEmbedder
    learning: Augmenter
    plain: Augmenter
    crediting: Crediting
    teacher: Teacher
    clock: SystemClock
    texts: Mapping[str, str]
    leads: dict[str, str]

    async def ask(self, asked: Asked) -> dict[str, bool]:
        """Whether each system serves what is right; then everybody hears the outcome."""
        found = (await self.learning.consult(asked.text)).passages
        served = {"on": found[:1], "off": await self._find(asked, [TEXTS], SearchMode.HYBRID)}
        for name, mode in LOG_MODES.items():
            served[name] = await self._find(asked, [LOG], mode)
            served[f"{name} + texts"] = await self._find(asked, [LOG, TEXTS], mode)
        right = {name: [self.leads[one.id] for one in passages] == [asked.answer] for name, passages in served.items()}
        await self._hear(asked, found, right["on"])
        return right

    async def _find(self, asked: Asked, collections: Sequence[Collection], mode: SearchMode) -> tuple[Passage, ...]:
        return (await self.plain.find(asked.text, collections, limit=1, mode=mode)).passages

    async def _hear(self, asked: Asked, found: Sequence[Passage], right: bool) -> None:
        interaction = self._record(asked, found)
        await self.records.ledger.append(interaction)
        outcome = Outcome(OutcomeKind.SUCCESS if right else OutcomeKind.FAILURE)
        value = score_value(interaction.response, outcome, Neighbourhood(), ScoringPolicy())
        await self.records.ledger.settle(interaction.id, outcome, value, self.clock.now())
        await self.crediting.settle(interaction, credit_for(outcome.kind))
        if not right:
            await self._correct(asked, interaction)
        await self._log(asked)

    async def _correct(self, asked: Asked, interaction: Interaction) -> None:
        answer = self.texts[asked.answer]
        await self.crediting.correct(interaction, answer)
        taught = await self.teacher.correct(Lesson(asked.text, answer, interaction_id=interaction.id))
        self.leads[taught.id] = asked.answer

    async def _log(self, asked: Asked) -> None:
        """The raw log, for those that search nothing else."""
        name = self.clock.new_id()
        self.leads[name] = asked.answer
        await self.knowledge.put([Draft(name, LOG, asked.text, asked.text)], await self.embedder.embed([asked.text]))

    def _record(self, asked: Asked, found: Sequence[Passage]) -> Interaction:
        return Interaction(
            id=self.clock.new_id(),
            created_at=self.clock.now(),
            query=asked.text,
            response=found[0].text if found else "",
            agent_type=AgentType.LOCAL,
            model_used="",
            context_provided=tuple(passage.id for passage in found),
            similarities=tuple(passage.similarity for passage in found),
        )


@asynccontextmanager
async def _open_school(stream: Stream, embedder: RememberingEmbedder) -> AsyncIterator[_School]:
    with tempfile.TemporaryDirectory() as name:
        folder, clock, grounding = Path(name), SystemClock(), GroundingPolicy()
        knowledge = await EdgeKnowledge.open(folder / "knowledge", embedder.identity)
        records = await Records.open(f"sqlite:///{folder / 'ledger.sqlite3'}")
        experience = Experience(
            records.ledger, FileKeepsake(folder / "experience"), grounding, UsefulnessPolicy(), SilencePolicy()
        )
        history = History(records.ledger, knowledge, embedder)
        school = _School(
            knowledge=knowledge,
            records=records,
            embedder=embedder,
            learning=Augmenter(embedder, knowledge, history, grounding, experience),
            plain=Augmenter(embedder, knowledge, history, grounding),
            crediting=Crediting(records.ledger, knowledge, experience),
            teacher=Teacher(
                records.ledger,
                records.catalog,
                Publisher(records.catalog, knowledge, embedder),
                clock,
                ProvenancePolicy(),
            ),
            clock=clock,
            texts=stream.corpus,
            leads={name: name for name in stream.corpus},
        )
        try:
            drafts = [Draft(name, TEXTS, text, text) for name, text in stream.corpus.items()]
            await knowledge.put(drafts, await embedder.embed([draft.key for draft in drafts]))
            yield school
        finally:
            await records.aclose()
            await knowledge.aclose()
