"""What every embedder promises, on the real network with its real weights."""

import math
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager

import anyio
import pytest

from hybrid_coordinator.backends.embedders.minilm import MiniLmEmbedder
from hybrid_coordinator.backends.embedders.openai import OpenAIEmbedder
from hybrid_coordinator.backends.http import open_client
from hybrid_coordinator.domain.knowledge import EmbedderIdentity, Vector
from hybrid_coordinator.ports import Embedder
from servers import embeddings_server

TEXTS = ["restart nginx", "", "bake bread", "how do I reload the nginx web server?", " \n\t", "漢字 é 🐧 \ud800 \x00"]


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with embeddings_server() as url:
        yield url


def cosine(one: Vector, other: Vector) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))


class EmbedderPromises:
    """Inherited by one class a backend, which says how to open it."""

    def open(self, url: str) -> AbstractAsyncContextManager[Embedder]:
        raise NotImplementedError

    async def test_every_text_gets_a_unit_vector_of_the_promised_length(self, url: str) -> None:
        async with self.open(url) as embedder:
            vectors = await embedder.embed(TEXTS)

        assert [len(vector) for vector in vectors] == [embedder.identity.dimension] * len(TEXTS)
        assert [math.hypot(*vector) for vector in vectors] == pytest.approx([1.0] * len(TEXTS), abs=1e-6)

    async def test_vectors_come_in_the_order_of_the_texts(self, url: str) -> None:
        texts = [f"{'very ' * (7 * index % 20)}number {index}" for index in range(70)]

        async with self.open(url) as embedder:
            together = await embedder.embed(texts)
            alone = [(await embedder.embed([text]))[0] for text in texts[::10]]

        assert all(cosine(one, other) > 0.9999 for one, other in zip(together[::10], alone, strict=True))

    async def test_the_same_text_has_the_same_vector_whatever_stands_beside_it(self, url: str) -> None:
        async with self.open(url) as embedder:
            [first] = await embedder.embed(["restart nginx"])
            [_, second] = await embedder.embed(["a much longer text than the other one, " * 9, "restart nginx"])

        assert cosine(first, second) == pytest.approx(1.0, abs=1e-6)

    async def test_texts_that_mean_the_same_are_near(self, url: str) -> None:
        async with self.open(url) as embedder:
            [restart, _, bread, reload, *_] = await embedder.embed(TEXTS)

        assert cosine(restart, reload) > 0.5 > cosine(restart, bread)

    async def test_no_texts_give_no_vectors(self, url: str) -> None:
        async with self.open(url) as embedder:
            assert await embedder.embed([]) == []

    async def test_a_megabyte_of_text_is_cut(self, url: str) -> None:
        async with self.open(url) as embedder:
            with anyio.fail_after(20):
                vectors = await embedder.embed(["word " * 200_000, "漢" * 1_000_000, "x" * 1_000_000])

        assert len(vectors) == 3

    async def test_askers_at_the_same_time_get_their_own_vectors(self, url: str) -> None:
        found: dict[str, Vector] = {}

        async def note(text: str) -> None:
            [found[text]] = await embedder.embed([text])

        async with self.open(url) as embedder:
            async with anyio.create_task_group() as tasks:
                for text in TEXTS:
                    tasks.start_soon(note, text)
            together = await embedder.embed(TEXTS)

        assert all(
            cosine(found[text], vector) == pytest.approx(1.0, abs=1e-6)
            for text, vector in zip(TEXTS, together, strict=True)
        )

    async def test_closing_twice_is_fine(self, url: str) -> None:
        async with self.open(url) as embedder:
            await embedder.aclose()
            await embedder.aclose()


class TestMiniLmEmbedder(EmbedderPromises):
    @asynccontextmanager
    async def open(self, url: str) -> AsyncIterator[Embedder]:
        async with aclosing(MiniLmEmbedder()) as embedder:
            yield embedder


class TestOpenAIEmbedder(EmbedderPromises):
    @asynccontextmanager
    async def open(self, url: str) -> AsyncIterator[Embedder]:
        identity = EmbedderIdentity("all-minilm", 384)
        async with aclosing(OpenAIEmbedder(identity, base_url=url, client=open_client(trust_env=False))) as embedder:
            yield embedder
