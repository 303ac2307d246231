"""The embedder that remembers keeps every embedder's promises, and asks the one it wraps less."""

from collections.abc import Sequence
from contextlib import aclosing

import anyio
import pytest

from hybrid_coordinator.backends.embedders.minilm import MiniLmEmbedder
from hybrid_coordinator.backends.embedders.remembering import LONGEST_TEXT, RememberingEmbedder
from hybrid_coordinator.domain.knowledge import Vector
from hybrid_coordinator.errors import ModelUnavailable
from hybrid_coordinator.testing import HashEmbedder

TEXTS = ["restart nginx", "", "bake bread", " \n\t", "漢字 é 🐧 \ud800 \x00", "restart nginx", "word " * 2_000]


async def test_its_vectors_are_those_of_the_embedder_it_wraps_in_the_order_of_the_texts() -> None:
    async with aclosing(MiniLmEmbedder()) as wrapped:
        embedder = RememberingEmbedder(wrapped)
        fresh = await embedder.embed(TEXTS)
        known = await embedder.embed(TEXTS[::-1])
        mixed = await embedder.embed(["something new", *TEXTS])
        expected = [vector for text in TEXTS for vector in await wrapped.embed([text])]

        assert embedder.identity == wrapped.identity
        assert await embedder.embed([]) == []
    assert known == fresh[::-1]
    assert mixed[1:] == fresh
    assert all(cosine(one, other) > 0.9999 for one, other in zip(fresh, expected, strict=True))


def cosine(one: Vector, other: Vector) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))


async def test_askers_at_the_same_time_get_their_own_vectors() -> None:
    found: dict[str, Vector] = {}
    embedder = RememberingEmbedder(HashEmbedder())

    async def note(text: str) -> None:
        [found[text]] = await embedder.embed([text])

    async with anyio.create_task_group() as tasks:
        for text in TEXTS:
            tasks.start_soon(note, text)

    assert [found[text] for text in TEXTS] == await HashEmbedder().embed(TEXTS)


async def test_closing_closes_what_it_wraps_and_twice_is_fine() -> None:
    embedder = RememberingEmbedder(MiniLmEmbedder())

    await embedder.aclose()
    await embedder.aclose()


class FailingEmbedder(HashEmbedder):
    """Fails for as long as it is told to."""

    failing = True

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        if self.failing:
            raise ModelUnavailable("asleep")
        return await super().embed(texts)


async def test_a_text_is_embedded_once_however_often_it_is_asked_for() -> None:
    inner = HashEmbedder()
    embedder = RememberingEmbedder(inner)

    first = await embedder.embed(["a", "b", "a"])
    second = await embedder.embed(["b", "c", "a"])

    assert inner.embedded == ["a", "b", "c"]
    assert second == [first[1], (await inner.embed(["c"]))[0], first[0]]


async def test_the_text_that_was_not_asked_for_longest_is_forgotten_first() -> None:
    inner = HashEmbedder()
    embedder = RememberingEmbedder(inner, most_texts=2)

    await embedder.embed(["a", "b"])
    await embedder.embed(["a"])
    await embedder.embed(["c"])
    await embedder.embed(["a"])
    await embedder.embed(["b"])

    assert inner.embedded == ["a", "b", "c", "b"]


async def test_more_texts_at_once_than_it_remembers_all_get_their_vectors() -> None:
    embedder = RememberingEmbedder(HashEmbedder(), most_texts=2)
    texts = [f"text {number}" for number in range(5)]

    assert await embedder.embed(texts) == await HashEmbedder().embed(texts)


async def test_long_texts_are_not_remembered() -> None:
    inner = HashEmbedder()
    embedder = RememberingEmbedder(inner)
    kept, passed = "x" * LONGEST_TEXT, "x" * (LONGEST_TEXT + 1)

    await embedder.embed([kept, passed])
    await embedder.embed([kept, passed])

    assert inner.embedded == [kept, passed, passed]


async def test_a_failure_is_not_remembered() -> None:
    inner = FailingEmbedder()
    embedder = RememberingEmbedder(inner)
    with pytest.raises(ModelUnavailable):
        await embedder.embed(["a"])
    inner.failing = False

    assert await embedder.embed(["a"]) == await HashEmbedder().embed(["a"])
