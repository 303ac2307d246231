"""Learn where questions are answered well, and say how likely home is to suffice for the next one."""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import replace

import anyio
import anyio.to_thread

from hybrid_coordinator.domain.evidence import Asked, Evidence, Judgement
from hybrid_coordinator.domain.knowledge import Passage, Vector
from hybrid_coordinator.errors import EmbedderChanged
from hybrid_coordinator.logic.learned_router import LearnedModel, fit_model, judge_untaught
from hybrid_coordinator.logic.router_calibration import threshold_for, threshold_sending
from hybrid_coordinator.logic.router_question import asked_part
from hybrid_coordinator.logic.router_storage import dump_model, load_model
from hybrid_coordinator.logic.router_trust import LearningPolicy, drifted
from hybrid_coordinator.ports import Embedder


class LearnedRouter:
    """Starts as the decision tree, learns from outcomes, and goes back to the tree when it has become worse."""

    def __init__(self, embedder: Embedder, policy: LearningPolicy | None = None) -> None:
        self._embedder = embedder
        self._policy = policy or LearningPolicy()
        self._rows: list[Evidence] = []
        self._unlearned = 0
        self._recent: deque[float] = deque(maxlen=self._policy.drift_window)
        self._model: LearnedModel | None = None
        self._drifted = False
        self._refits = 0
        self._fitting = anyio.Lock()

    @property
    def refits(self) -> int:
        """How often it learned anew; a change says that a dump is out of date."""
        return self._refits

    @property
    def drifted(self) -> bool:
        """What was learned no longer holds; it lasts until enough was learned since."""
        return self._drifted

    async def ask_many(self, texts: Sequence[str]) -> list[Asked]:
        """Questions for which nothing was searched, embedded together."""
        parts = [asked_part(text) for text in texts]
        vectors = await self._embedder.embed(parts)
        return [Asked(part, vector) for part, vector in zip(parts, vectors, strict=True)]

    async def ask(self, text: str, passages: Sequence[Passage] = (), vector: Vector | None = None) -> Asked:
        """The question as it is judged and kept. A `vector` of the whole text serves unless only a part of it asks."""
        part = asked_part(text)
        if vector is None or part != text:
            [vector] = await self._embedder.embed([part])
        return Asked(part, vector, best_similarities(passages))

    def judge(self, asked: Asked) -> Judgement:
        """How likely home suffices; not `trusted` before enough is known, and after it has drifted."""
        if self._model is None:
            return judge_untaught(asked)
        judgement = self._model.judge(asked)
        return replace(judgement, trusted=False) if self._drifted else judgement

    async def predict(self, query: str, passages: Sequence[Passage] = (), vector: Vector | None = None) -> float:
        """The probability that local suffices, trusted or not."""
        return self.judge(await self.ask(query, passages, vector)).p

    async def fit(self, rows: Sequence[Evidence]) -> None:
        """Forget everything and learn from these rows, oldest first. Rows without a vector are embedded."""
        async with self._fitting:
            self._rows = list(rows)
            self._recent.clear()
            self._drifted = False
            await self._refit()

    async def learn(self, row: Evidence) -> None:
        """Add one outcome. It is learned from once enough have come together; what drifted is forgotten."""
        async with self._fitting:
            self._rows += await self._prepare([row])
            self._rows = self._rows[-self._policy.most_rows :]
            self._unlearned += 1
            self._watch(self._rows[-1])
            if self._policy.refit_due(self._unlearned, len(self._rows)):
                await self._refit()

    def threshold(self, target: float) -> float:
        """The threshold on p that keeps `target` times the remote quality on held-out rows; 1 (never) without any."""
        return threshold_for(target, self._model.held_out.trials()) if self._model else 1.0

    def threshold_sending(self, share: float) -> float | None:
        """The threshold on p that would have sent this share of held-out rows away; None without any."""
        return threshold_sending(share, self._model.held_out.trials() if self._model else ())

    def dump(self) -> bytes:
        """What was learned, without the rows; empty before anything was."""
        return dump_model(self._model) if self._model else b""

    def load(self, stored: bytes, rows: Sequence[Evidence]) -> None:
        """Judge as the router judged that was dumped; `rows` are those it learned from, for when it learns again.

        Raises Damaged, or EmbedderChanged, and stays as it was.
        """
        model = load_model(stored) if stored else None
        if model and model.dimension != self._embedder.identity.dimension:
            raise EmbedderChanged("the stored router was learned from another embedder's vectors; learn it anew")
        self._model = model
        self._rows = list(rows)[-self._policy.most_rows :]

    async def _prepare(self, rows: Sequence[Evidence]) -> list[Evidence]:
        """Rows without a vector, or with another embedder's, get one."""
        dimension = self._embedder.identity.dimension
        lacking = [row for row in rows if len(row.asked.vector) != dimension]
        embedded = iter(await self.ask_many([row.asked.text for row in lacking]))
        return [row if len(row.asked.vector) == dimension else _embedded(row, next(embedded)) for row in rows]

    def _watch(self, row: Evidence) -> None:
        """Compare what would have been said of a row with what came of it, before it is learned from."""
        error = self._model.squared_error(row) if self._model and not self._drifted else None
        if self._model is None or error is None:
            return
        self._recent.append(error)
        if drifted(tuple(self._recent), self._model.held_out.errors(), self._policy):
            self._drifted = True
            self._rows = self._rows[-len(self._recent) :]

    async def _refit(self) -> None:
        self._rows = await self._prepare(self._rows)
        model = await anyio.to_thread.run_sync(fit_model, tuple(self._rows), self._policy)
        self._unlearned = 0
        self._refits += 1
        if self._drifted and not (model and model.trusted):
            return
        if self._drifted:
            self._recent.clear()
        self._model, self._drifted = model, False


def best_similarities(passages: Sequence[Passage]) -> Mapping[str, float]:
    """The best similarity of each collection that something was found in."""
    best: dict[str, float] = {}
    for passage in passages:
        name = passage.collection.value
        best[name] = max(best.get(name, 0.0), passage.similarity)
    return best


def _embedded(row: Evidence, asked: Asked) -> Evidence:
    return replace(row, asked=replace(asked, similarities=row.asked.similarities))
