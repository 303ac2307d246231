"""The knowledge store on a Qdrant server, for when several coordinators share it.

Collections bear the users' names, so that anything else that speaks Qdrant finds them. One more, with a single point,
says whose vectors they hold. Importing this module needs the extra `servers`; without it, that raises MissingExtra.
"""

import asyncio
from collections import defaultdict
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Self

from qdrant_edge import SparseVector

from hybrid_coordinator.backends.knowledge.background import SAMPLE, Background, background
from hybrid_coordinator.backends.knowledge.finding import found_passages, places
from hybrid_coordinator.backends.knowledge.manifest import demand_embedder
from hybrid_coordinator.backends.knowledge.payloads import (
    DENSE,
    PRESENCE,
    SOURCE,
    WORDS,
    amended_payload,
    last_of_each,
    passage,
    point_id,
    stored_payload,
)
from hybrid_coordinator.backends.knowledge.words import document_words, presence, query_words
from hybrid_coordinator.domain.knowledge import (
    USAGE_FIELDS,
    Collection,
    Draft,
    EmbedderIdentity,
    Passage,
    Payload,
    Probe,
    SearchMode,
    Vector,
)
from hybrid_coordinator.errors import (
    MissingExtra,
    SettingError,
    StorageFull,
    Unavailable,
)
from hybrid_coordinator.logic.fusion import SEARCH_DEPTH, Evidence, fuse

try:
    from qdrant_client import AsyncQdrantClient, models
    from qdrant_client.http.exceptions import ResponseHandlingException, UnexpectedResponse
except ImportError as error:
    raise MissingExtra("a Qdrant server needs its client; pip install 'hybrid-coordinator[servers]'") from error

MANIFEST = "hybrid-coordinator"
_MANIFEST_POINT = 0
_BATCH = 256
_TIMEOUT_S = 30


class QdrantServerKnowledge:
    """The five collections on a server. Made by `open`."""

    def __init__(self, client: AsyncQdrantClient) -> None:
        self._client = client
        self._backgrounds: dict[Collection, Background] = {}

    @classmethod
    async def open(cls, client: AsyncQdrantClient, embedder: EmbedderIdentity) -> Self:
        """Take over a client, making the collections that are missing.

        Raises EmbedderChanged, SettingError for a wrong key and Unavailable when the server does not answer.
        """
        with server_errors():
            await _claim(client, embedder)
            for collection in Collection:
                if not await client.collection_exists(collection):
                    await _create(client, collection, embedder.dimension)
        return cls(client)

    async def put(self, drafts: Sequence[Draft], vectors: Sequence[Vector]) -> None:
        entries = last_of_each(zip(drafts, vectors, strict=True))
        homes = {point_id(draft.id): draft.collection for draft, _ in entries}
        known = await self._payloads(_everywhere(homes), list(USAGE_FIELDS))
        used = {point: usage for usages in known.values() for point, usage in usages.items()}
        points: dict[Collection, list[models.PointStruct]] = defaultdict(list)
        for draft, vector in entries:
            points[draft.collection].append(_point(draft, vector, used.get(point_id(draft.id), {})))
        for collection, stored in points.items():
            await self._store(collection, stored)
        for collection, usages in known.items():
            await self._delete(collection, [point for point in usages if homes[point] is not collection])

    async def search(
        self,
        probe: Probe,
        collections: Sequence[Collection],
        *,
        limit: int,
        mode: SearchMode = SearchMode.HYBRID,
    ) -> list[Passage]:
        asked = list(dict.fromkeys(collections))
        depth = max(limit, SEARCH_DEPTH)
        heard = await asyncio.gather(*(self._evidence(collection, probe, depth) for collection in asked))
        best = fuse(dict(zip(asked, heard, strict=True)), mode, limit)
        return list(found_passages(best, await self._payloads(places(best))))

    async def get(self, ids: Sequence[str]) -> list[Passage]:
        points = list(dict.fromkeys(map(point_id, ids)))
        payloads = await self._payloads(_everywhere(points))
        found = {
            point: passage(collection, payload)
            for collection, there in payloads.items()
            for point, payload in there.items()
        }
        return [found[point] for point in points if point in found]

    async def vectors(self, ids: Sequence[str]) -> Mapping[str, Vector]:
        points = {passage_id: point_id(passage_id) for passage_id in ids}
        found: dict[Any, Vector] = {}
        for collection in Collection:
            with server_errors():
                wanted = list(points.values())
                records = await self._client.retrieve(collection, wanted, with_payload=False, with_vectors=[DENSE])
            found |= _dense(records)
        return {passage_id: found[point] for passage_id, point in points.items() if point in found}

    async def amend(self, changes: Mapping[str, Payload]) -> None:
        merges = {point_id(passage_id): amended_payload(change) for passage_id, change in changes.items()}
        there = await self._payloads(_everywhere(merges), list(USAGE_FIELDS))
        for collection, points in there.items():
            for point in points:
                with server_errors():
                    await self._client.set_payload(collection, merges[point], [point], wait=True)

    async def remove(self, ids: Sequence[str]) -> None:
        for collection in Collection:
            await self._delete(collection, list(map(point_id, ids)))

    async def browse(
        self, collection: Collection, *, limit: int, after: str | None = None
    ) -> tuple[list[Passage], str | None]:
        start = 0 if after is None else point_id(after) + 1
        with server_errors():
            records, _ = await self._client.scroll(collection, offset=start, limit=limit + 1, with_payload=True)
        passages = [passage(collection, record.payload or {}) for record in records]
        page = passages[:limit]
        return page, page[-1].id if page and len(passages) > limit else None

    async def counts(self) -> Mapping[Collection, int]:
        with server_errors():
            return {collection: (await self._client.count(collection)).count for collection in Collection}

    async def tidy(self) -> None:
        """Nothing: a server tidies up by itself."""

    async def aclose(self) -> None:
        await self._client.close()

    async def _evidence(self, collection: Collection, probe: Probe, depth: int) -> Evidence:
        """As `Shard.evidence`: what speaks for the nearest points and for those that match the words best."""
        background = await self._present_background(collection)
        words = query_words(probe.text)
        unknown = background.unknown(words.indices)
        vector = list(probe.vector)
        near, said, *rarest = await self._ask(
            collection,
            [_best(vector, DENSE, depth), _best(_sparse(words), WORDS, depth), *map(_holding, unknown)],
        )
        background.learn(unknown, rarest)
        near_too, said_too, matched = await self._ask(
            collection,
            [
                _exactly(vector, DENSE, said.keys() - near.keys()),
                _exactly(_sparse(words), WORDS, near.keys() - said.keys()),
                _exactly(_sparse(presence(words)), PRESENCE, near.keys() | said.keys()),
            ],
        )
        return Evidence(
            size=background.size,
            mean_cosine=background.mean_cosine(vector),
            question_idf=background.idf_of(words.indices),
            cosines=near | near_too,
            bm25=said | said_too,
            matched_idf=matched,
        )

    async def _present_background(self, collection: Collection) -> Background:
        """Looked up anew after the collection grew or shrank by a tenth, by whomever."""
        with server_errors():
            size = (await self._client.count(collection, exact=False)).count
            known = self._backgrounds.get(collection)
            if known is None or known.outgrown(abs(size - known.size)):
                page: Any = await self._client.scroll(
                    collection, limit=SAMPLE, with_payload=False, with_vectors=[DENSE]
                )
                known = self._backgrounds[collection] = background(size, [record.vector[DENSE] for record in page[0]])
        return known

    async def _ask(self, collection: Collection, requests: Sequence[models.QueryRequest]) -> list[dict[int, float]]:
        with server_errors():
            answers = await self._client.query_batch_points(collection, requests)
        return [_scores(answer.points) for answer in answers]

    async def _payloads(
        self, wanted: Mapping[Collection, Sequence[int]], fields: list[str] | None = None
    ) -> dict[Collection, dict[int, dict[str, Any]]]:
        """The payloads of those points that are there, all of each unless only some fields are asked for."""
        found: dict[Collection, dict[int, dict[str, Any]]] = {}
        for collection, points in wanted.items():
            with server_errors():
                records = await self._client.retrieve(collection, list(points), with_payload=fields or True)
            found[collection] = _payloads(records)
        return found

    async def _store(self, collection: Collection, points: Sequence[models.PointStruct]) -> None:
        for start in range(0, len(points), _BATCH):
            with server_errors():
                await self._client.upsert(collection, points[start : start + _BATCH], wait=True)

    async def _delete(self, collection: Collection, points: list[int]) -> None:
        if points:
            with server_errors():
                await self._client.delete(collection, models.PointIdsList(points=[*points]), wait=True)


def connect(url: str, api_key: str | None) -> AsyncQdrantClient:
    """A client for a server's URL. Nothing is sent yet."""
    return AsyncQdrantClient(url, api_key=api_key or None, timeout=_TIMEOUT_S, check_compatibility=False)


@contextmanager
def server_errors() -> Generator[None]:
    """Translate what the client raises when a server refuses, or does not answer."""
    try:
        yield
    except ResponseHandlingException as error:
        raise Unavailable(f"the Qdrant server does not answer ({error}). Start it, or check QDRANT_URL") from error
    except ValueError as error:
        raise Unavailable(f"what answered is no Qdrant server ({error}). Check QDRANT_URL") from error
    except UnexpectedResponse as error:
        said = error.content.decode("utf-8", "replace")
        if error.status_code in (401, 403):
            raise SettingError("the Qdrant server refuses the key. Set QDRANT_API_KEY to the one it expects") from error
        if "No space left" in said or "disk" in said.lower():
            raise StorageFull(f"the Qdrant server has no room: {said}. Free space on its disk") from error
        raise Unavailable(f"the Qdrant server answered {error.status_code}: {said}. Look at its log") from error


async def _claim(client: AsyncQdrantClient, embedder: EmbedderIdentity) -> None:
    """Say on the server whose vectors it holds, or see that they are the embedder's."""
    if not await client.collection_exists(MANIFEST):
        await client.create_collection(MANIFEST, models.VectorParams(size=1, distance=models.Distance.DOT))
    records = await client.retrieve(MANIFEST, [_MANIFEST_POINT])
    if not records:
        page = {"embedder": embedder.name, "dimension": embedder.dimension}
        await client.upsert(MANIFEST, [models.PointStruct(id=_MANIFEST_POINT, vector=[1.0], payload=page)], wait=True)
        return
    stored = records[0].payload or {}
    demand_embedder("the Qdrant server", EmbedderIdentity(stored["embedder"], stored["dimension"]), embedder)


async def _create(client: AsyncQdrantClient, collection: Collection, dimension: int) -> None:
    await client.create_collection(
        collection,
        {DENSE: models.VectorParams(size=dimension, distance=models.Distance.COSINE)},
        {name: models.SparseVectorParams(modifier=models.Modifier.IDF) for name in (WORDS, PRESENCE)},
    )
    await client.create_payload_index(collection, SOURCE, models.PayloadSchemaType.KEYWORD, wait=True)


def _point(draft: Draft, vector: Vector, used: Payload) -> models.PointStruct:
    words = document_words(draft.key, draft.text)
    return models.PointStruct(
        id=point_id(draft.id),
        vector={DENSE: list(vector), WORDS: _sparse(words), PRESENCE: _sparse(presence(words))},
        payload=stored_payload(draft, used),
    )


def _everywhere(points: Iterable[int]) -> dict[Collection, list[int]]:
    """A passage's id does not tell its collection."""
    return {collection: list(points) for collection in Collection}


def _sparse(words: SparseVector) -> models.SparseVector:
    return models.SparseVector(indices=words.indices, values=words.values)


def _best(query: Any, using: str, limit: int) -> models.QueryRequest:
    return models.QueryRequest(query=query, using=using, limit=limit)


def _holding(word: int) -> models.QueryRequest:
    return _best(models.SparseVector(indices=[word], values=[1.0]), PRESENCE, 1)


def _exactly(query: Any, using: str, points: Iterable[Any]) -> models.QueryRequest:
    wanted = list(points)
    only = models.Filter(must=[models.HasIdCondition(has_id=wanted)])
    return models.QueryRequest(query=query, using=using, filter=only, limit=max(1, len(wanted)))


def _payloads(records: Iterable[Any]) -> dict[int, dict[str, Any]]:
    return {record.id: record.payload for record in records}


def _scores(points: Iterable[Any]) -> dict[int, float]:
    return {point.id: point.score for point in points}


def _dense(records: Iterable[Any]) -> dict[Any, Vector]:
    return {record.id: record.vector[DENSE] for record in records}
