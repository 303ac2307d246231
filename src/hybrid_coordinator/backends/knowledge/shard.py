"""One collection on embedded Qdrant: a folder with its write-ahead log, its vectors and its payloads.

Every call blocks, and the engine keeps the interpreter lock for as long as it runs.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from qdrant_edge import (
    CountRequest,
    Distance,
    EdgeConfig,
    EdgeOptimizersConfig,
    EdgeShard,
    EdgeSparseVectorParams,
    EdgeVectorParams,
    Filter,
    HasIdCondition,
    Modifier,
    PayloadSchemaType,
    PayloadSelector,
    Point,
    Query,
    QueryBatchRequest,
    QueryRequest,
    Record,
    ScrollRequest,
    SearchParams,
    SparseVector,
    UpdateOperation,
)

from hybrid_coordinator.backends.knowledge.background import SAMPLE, Background, background
from hybrid_coordinator.backends.knowledge.engine_errors import demand_space, engine_errors
from hybrid_coordinator.backends.knowledge.payloads import DENSE, PRESENCE, SOURCE, WORDS
from hybrid_coordinator.backends.knowledge.words import document_words, presence
from hybrid_coordinator.domain.knowledge import USAGE_FIELDS, Vector
from hybrid_coordinator.logic.fusion import Evidence

GRAPH_FROM = 20_000
"""Passages from which a graph (HNSW) is built. Below it every vector is looked at, which is exact and takes 2 ms."""

SEARCH_BREADTH = 256
"""How many nodes a search keeps in sight on its way through the graph (the engine's `ef`): 99% of the true 100 nearest
among 25,000, in a third of a millisecond."""

BATCH = 256
"""Points in one write: one entry of the write-ahead log."""

_BYTES_PER_POINT = 32 * 1024
"""What a point takes at most in log, payload, vectors and maps together, texts of unusual length aside."""


class Shard:
    """A collection's folder, open. `churn` counts the points written or deleted since it was last tidied."""

    def __init__(self, folder: Path, engine: EdgeShard, tidied: int) -> None:
        self.folder = folder
        self._engine = engine
        self.churn = max(0, self.count() - tidied)
        self._noted: set[int] | None = None
        self._background: Background | None = None
        self._churn_before = 0

    @classmethod
    def create(cls, folder: Path, dimension: int) -> "Shard":
        """Make the folder, which must not exist."""
        with engine_errors(folder):
            folder.mkdir(parents=True)
            demand_space(folder, needed_bytes=0)
            engine = EdgeShard.create(str(folder), _config(dimension))
            engine.update(UpdateOperation.create_field_index(SOURCE, PayloadSchemaType.Keyword))
            engine.flush()
            return cls(folder, engine, tidied=0)

    @classmethod
    def open(cls, folder: Path, tidied: int) -> "Shard":
        """Open a folder that was created before, replaying its log."""
        with engine_errors(folder):
            if not folder.is_dir():
                raise FileNotFoundError(f"the folder {folder.name!r} is missing")
            return cls(folder, EdgeShard.load(str(folder)), tidied)

    def count(self) -> int:
        with engine_errors(self.folder):
            return self._engine.count(CountRequest(exact=True))

    def store(self, points: Sequence[Point]) -> None:
        """Insert or replace; on return everything is on disk."""
        with engine_errors(self.folder):
            for start in range(0, len(points), BATCH):
                batch = list(points[start : start + BATCH])
                demand_space(self.folder, len(batch) * _BYTES_PER_POINT)
                self._note(point.id for point in batch)
                self._engine.update(UpdateOperation.upsert_points(batch))
                self.churn += len(batch)
            self._engine.flush()

    def merge(self, changes: Mapping[int, dict[str, Any]]) -> None:
        """Merge payload fields into points that are all here."""
        if not changes:
            return
        with engine_errors(self.folder):
            demand_space(self.folder, len(changes) * _BYTES_PER_POINT)
            self._note(changes)
            for point, change in changes.items():
                self._engine.update(UpdateOperation.set_payload([point], change))
            self._engine.flush()

    def delete(self, points: Sequence[int]) -> None:
        """Delete the points that are here."""
        if not points:
            return
        with engine_errors(self.folder):
            demand_space(self.folder, needed_bytes=0)
            self._note(points)
            self._engine.update(UpdateOperation.delete_points(list(points)))
            self._engine.flush()
            self.churn += len(points)

    def payloads(self, points: Iterable[int]) -> dict[int, dict[str, Any]]:
        """The whole payloads of those points that are here."""
        return _payloads(self._retrieve(points, payload=True))

    def usages(self, points: Iterable[int]) -> dict[int, dict[str, Any]]:
        """What is known of the use of those points that are here."""
        fields = PayloadSelector.Include(list(USAGE_FIELDS))
        return _payloads(self._retrieve(points, payload=fields))

    def vectors(self, points: Iterable[int]) -> dict[int, Vector]:
        """The dense vectors of those points that are here."""
        return _dense(self._retrieve(points, payload=False, vectors=True))

    def page(self, start: int, limit: int) -> dict[int, dict[str, Any]]:
        """Points from `start` on, by ascending id, with their payloads."""
        request = ScrollRequest(offset=start, limit=limit, with_payload=True, with_vector=False)
        with engine_errors(self.folder):
            return _payloads(self._engine.scroll(request)[0])

    def evidence(self, vector: Vector, words: SparseVector, depth: int) -> Evidence:
        """What speaks for the `depth` nearest points and for the `depth` that match the words best."""
        background = self._present_background()
        unknown = background.unknown(words.indices)
        by_meaning = Query.Nearest(list(vector), using=DENSE)
        by_words = Query.Nearest(words, using=WORDS)
        near, said, *rarest = self._ask([_best(by_meaning, depth), _best(by_words, depth), *map(_holding, unknown)])
        background.learn(unknown, rarest)
        near_too, said_too, matched = self._ask(
            [
                _exactly(by_meaning, said.keys() - near.keys()),
                _exactly(by_words, near.keys() - said.keys()),
                _exactly(Query.Nearest(presence(words), using=PRESENCE), near.keys() | said.keys()),
            ]
        )
        return Evidence(
            size=background.size,
            mean_cosine=background.mean_cosine(vector),
            question_idf=background.idf_of(words.indices),
            cosines=near | near_too,
            bm25=said | said_too,
            matched_idf=matched,
        )

    def start_noting(self) -> None:
        """Remember from now on which points are written or deleted, until `stop_noting`."""
        self._noted = set()

    def stop_noting(self) -> set[int]:
        noted, self._noted = self._noted or set(), None
        return noted

    def catch_up(self, older: "Shard", points: Iterable[int]) -> None:
        """Make these points what they are in an older shard, gone ones included."""
        wanted = list(points)
        for start in range(0, len(wanted), BATCH):
            batch = wanted[start : start + BATCH]
            records = older._retrieve(batch, payload=True, vectors=True)
            self.store([Point(record.id, record.vector or {}, record.payload) for record in records])
            self.delete(list(set(batch) - {record.id for record in records}))

    def close(self) -> None:
        with engine_errors(self.folder):
            self._engine.close()

    def _present_background(self) -> Background:
        """Looked up anew after a tenth of the collection changed."""
        if self._background is None or self._background.outgrown(self.churn - self._churn_before):
            request = ScrollRequest(limit=SAMPLE, with_payload=False, with_vector=[DENSE])
            self._churn_before = self.churn
            with engine_errors(self.folder):
                records: list[Any] = self._engine.scroll(request)[0]
            self._background = background(self.count(), [record.vector[DENSE] for record in records])
        return self._background

    def _ask(self, requests: Sequence[QueryRequest]) -> list[dict[int, float]]:
        with engine_errors(self.folder):
            answers = self._engine.query_batch(QueryBatchRequest(list(requests)))
        return [_scores(answer) for answer in answers]

    def _retrieve(self, points: Iterable[int], *, payload: Any, vectors: bool = False) -> list[Record]:
        with engine_errors(self.folder):
            return self._engine.retrieve(list(points), with_payload=payload, with_vector=vectors)

    def _note(self, points: Iterable[Any]) -> None:
        if self._noted is not None:
            self._noted.update(points)


def point_vectors(dense: Vector, key: str, text: str) -> dict[str, Any]:
    """The named vectors of a passage."""
    words = document_words(key, text)
    return {DENSE: list(dense), WORDS: words, PRESENCE: presence(words)}


def _config(dimension: int) -> EdgeConfig:
    graph_from_kb = GRAPH_FROM * dimension * 4 // 1024
    return EdgeConfig(
        vectors={DENSE: EdgeVectorParams(size=dimension, distance=Distance.Cosine)},
        sparse_vectors={name: EdgeSparseVectorParams(modifier=Modifier.Idf) for name in (WORDS, PRESENCE)},
        optimizers=EdgeOptimizersConfig(indexing_threshold=graph_from_kb),
        wal_enabled=True,
    )


def _best(query: Any, limit: int) -> QueryRequest:
    return QueryRequest(limit=limit, query=query, params=SearchParams(hnsw_ef=SEARCH_BREADTH))


def _holding(word: int) -> QueryRequest:
    return QueryRequest(limit=1, query=Query.Nearest(SparseVector([word], [1.0]), using=PRESENCE))


def _exactly(query: Any, points: set[Any]) -> QueryRequest:
    only = Filter(must=[HasIdCondition(points)])
    return QueryRequest(limit=max(1, len(points)), query=query, filter=only, params=SearchParams(exact=True))


def _scores(answer: Iterable[Any]) -> dict[int, float]:
    return {point.id: point.score for point in answer}


def _dense(records: Iterable[Any]) -> dict[int, Vector]:
    return {record.id: record.vector[DENSE] for record in records}


def _payloads(records: Iterable[Any]) -> dict[int, dict[str, Any]]:
    return {record.id: record.payload for record in records}
