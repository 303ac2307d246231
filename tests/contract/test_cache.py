"""What a cache promises."""

import math
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hybrid_coordinator.backends.cache.sqlite import SqliteCache
from hybrid_coordinator.domain.caching import CachedAnswer, CacheEntry, CacheKey, Observation
from hybrid_coordinator.domain.knowledge import EmbedderIdentity, Vector
from hybrid_coordinator.errors import BadInput
from hybrid_coordinator.ports import Cache

EMBEDDER = EmbedderIdentity("eight-dimensional", 8)
NOW = datetime(2026, 3, 4, 12, 0, 0, 250_000, tzinfo=UTC)


def vector(angle: float) -> Vector:
    """A unit vector at an angle to the first axis."""
    return [math.cos(angle), math.sin(angle), *[0.0] * 6]


def entry(id: str, text: str | None = None, tenant: str = "", scope: str = "") -> CacheEntry:
    return CacheEntry(
        id=id,
        key=CacheKey(text or f"question {id}", tenant, scope),
        answer=CachedAnswer("Ein Äpfelchen 🍎", {"model": "small", "usage": {"input": 3}}),
        created_at=NOW,
        expires_at=NOW + timedelta(hours=1),
        passage_ids=(f"passage of {id}", "common"),
        interaction_id=f"interaction of {id}",
        group="a group",
        rival=0.5,
        kin=0.75,
        observations=(Observation(0.9, fitted=True),),
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cache.sqlite"


@pytest.fixture
async def cache(path: Path) -> AsyncIterator[Cache]:
    opened = await SqliteCache.open(path, EMBEDDER)
    yield opened
    await opened.aclose()


async def test_the_same_question_is_found_however_it_was_typed(cache: Cache) -> None:
    await cache.put(entry("one", "What is  nginx?"))

    found = await cache.exact(CacheKey("what is nginx"))

    assert found == entry("one", "What is  nginx?")


async def test_a_tenant_never_meets_what_another_stored(cache: Cache) -> None:
    await cache.put(entry("one", "a", tenant="t", scope="s"), vector(0))

    for stranger in (CacheKey("a"), CacheKey("a", tenant="t"), CacheKey("a", scope="s"), CacheKey("a", "s", "t")):
        assert await cache.exact(stranger) is None
        assert await cache.nearest(stranger, vector(0), limit=5) == []


async def test_the_nearest_come_first_and_the_identical_scores_one(cache: Cache) -> None:
    for name, angle in (("far", 2.0), ("same", 0.0), ("near", 0.5)):
        await cache.put(entry(name), vector(angle))

    found = await cache.nearest(CacheKey("any"), vector(0.0), limit=2)

    assert [near.entry.id for near in found] == ["same", "near"]
    assert found[0].similarity == 1.0
    assert found[1].similarity == pytest.approx(math.cos(0.5), abs=0.002)


async def test_among_many_the_nearest_is_found(cache: Cache) -> None:
    for number in range(700):
        await cache.put(entry(str(number)), vector(1.0 + number / 1000))
    await cache.put(entry("sought"), vector(0.01))

    [best] = await cache.nearest(CacheKey("any"), vector(0.0), limit=1)

    assert best.entry.id == "sought"


async def test_an_entry_without_a_vector_is_only_found_by_its_question(cache: Cache) -> None:
    await cache.put(entry("one", "a"))

    assert await cache.exact(CacheKey("a")) is not None
    assert await cache.nearest(CacheKey("a"), vector(0), limit=5) == []


async def test_the_same_question_stored_again_replaces_the_first(cache: Cache) -> None:
    await cache.put(entry("old", "a"), vector(0))
    await cache.put(entry("new", "A."), vector(0))

    assert await cache.find("old") is None
    assert [near.entry.id for near in await cache.nearest(CacheKey("a"), vector(0), limit=5)] == ["new"]
    assert await cache.size() == 1


async def test_amending_keeps_the_vector_and_passes_over_the_unknown(cache: Cache) -> None:
    await cache.put(entry("one"), vector(0))

    await cache.amend([replace(entry("one"), distrusted=True), entry("unknown")])

    [near] = await cache.nearest(CacheKey("any"), vector(0), limit=5)
    assert near.entry.distrusted
    assert await cache.find("unknown") is None


async def test_entries_are_found_by_what_they_rest_on_and_whose_answer_they_keep(cache: Cache) -> None:
    await cache.put(entry("one"))
    await cache.put(entry("two"))

    assert [found.id for found in await cache.resting_on(["passage of one", "no passage"])] == ["one"]
    assert [found.id for found in await cache.resting_on(["common"])] == ["one", "two"]
    assert (await cache.answering("interaction of two")) == entry("two")
    assert await cache.answering("no interaction") is None


async def test_removing_counts_what_was_there(cache: Cache) -> None:
    await cache.put(entry("one"), vector(0))
    await cache.put(entry("two"), vector(1))

    assert await cache.remove(["one", "one", "unknown"]) == 1
    assert await cache.exact(CacheKey("question one")) is None
    assert await cache.resting_on(["passage of one"]) == []
    assert [near.entry.id for near in await cache.nearest(CacheKey("any"), vector(0), limit=5)] == ["two"]


async def test_the_newest_are_listed_first_and_a_tenant_alone(cache: Cache) -> None:
    await cache.put(entry("old", tenant="t"))
    await cache.put(replace(entry("new"), created_at=NOW + timedelta(seconds=1)))

    assert [found.id for found in await cache.browse()] == ["new", "old"]
    assert [found.id for found in await cache.browse("t")] == ["old"]


async def test_expired_entries_are_named(cache: Cache) -> None:
    await cache.put(entry("one"))

    assert await cache.expired(NOW) == []
    assert [found.id for found in await cache.expired(NOW + timedelta(hours=1))] == ["one"]


async def test_a_payload_that_is_no_json_is_refused(cache: Cache) -> None:
    with pytest.raises(BadInput, match="JSON"):
        await cache.put(replace(entry("one"), answer=CachedAnswer("a", {"when": NOW})))


@pytest.mark.parametrize(
    "text", ["\ud800 half a pair", "漢字", "a" * 100_000, "line\nline", "'; DROP TABLE entries; --"]
)
async def test_any_question_survives_a_restart(path: Path, text: str) -> None:
    first = await SqliteCache.open(path, EMBEDDER)
    await first.put(entry("one", text), vector(0.5))
    await first.count_hit("one")
    await first.aclose()

    second = await SqliteCache.open(path, EMBEDDER)
    found = await second.exact(CacheKey(text))
    [near] = await second.nearest(CacheKey("any"), vector(0.5), limit=1)
    await second.aclose()

    assert found == replace(entry("one", text), hits=1)
    assert near.similarity == 1.0


async def test_vectors_of_another_embedder_are_not_compared(path: Path) -> None:
    first = await SqliteCache.open(path, EMBEDDER)
    await first.put(entry("one"), vector(0))
    await first.aclose()

    second = await SqliteCache.open(path, EmbedderIdentity("another", 8))
    size = await second.size()
    await second.aclose()

    assert size == 0


async def test_closing_twice_is_fine(path: Path) -> None:
    cache = await SqliteCache.open(path, EMBEDDER)

    await cache.aclose()
    await cache.aclose()
