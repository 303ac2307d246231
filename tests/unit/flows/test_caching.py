"""The semantic cache as the answering flow uses it."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from hybrid_coordinator.backends.cache.sqlite import SqliteCache
from hybrid_coordinator.backends.embedders.minilm import MiniLmEmbedder
from hybrid_coordinator.domain.caching import CachedAnswer, CacheKey, Layer
from hybrid_coordinator.domain.knowledge import Vector
from hybrid_coordinator.errors import ModelUnavailable
from hybrid_coordinator.flows.caching import CachePolicy, SemanticCache
from hybrid_coordinator.testing import HashEmbedder, ManualClock

ASKED = CacheKey("How do I restart the nginx web server?")
AGAIN = CacheKey("How can I restart the nginx web server?")
ANSWER = CachedAnswer("Run systemctl restart nginx.", {"model": "small"})


class Bench:
    """A cache on a real file, with the real network, and a clock in the hand."""

    def __init__(self, stored: SqliteCache, embedder: MiniLmEmbedder) -> None:
        self.stored = stored
        self.embedder = embedder
        self.clock = ManualClock()

    def cache(self, policy: CachePolicy = CachePolicy()) -> SemanticCache:  # noqa: B008
        return SemanticCache(self.stored, self.embedder, self.clock, policy)


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    embedder = MiniLmEmbedder()
    stored = await SqliteCache.open(tmp_path / "cache.sqlite", embedder.identity)
    yield Bench(stored, embedder)
    await stored.aclose()


async def test_the_same_question_is_answered_without_embedding_it(tmp_path: Path) -> None:
    embedder = HashEmbedder()
    stored = await SqliteCache.open(tmp_path / "cache.sqlite", embedder.identity)
    cache = SemanticCache(stored, embedder, ManualClock(), CachePolicy())
    await cache.store(ASKED, ANSWER)
    embedder.embedded.clear()

    verdict = await cache.look_up(CacheKey("how do I restart the nginx web server"))
    await stored.aclose()

    assert verdict.layer is Layer.EXACT
    assert verdict.hit is not None
    assert verdict.hit.answer == ANSWER
    assert embedder.embedded == []


async def test_the_same_question_in_other_words_is_answered(bench: Bench) -> None:
    cache = bench.cache()
    await cache.store(ASKED, ANSWER)

    verdict = await cache.look_up(AGAIN)

    assert verdict.layer is Layer.SEMANTIC
    assert (await cache.entries())[0].hits == 1


async def test_a_look_up_tries_nothing_under_another_tenant_or_prompt(bench: Bench) -> None:
    cache = bench.cache()
    await cache.store(ASKED, ANSWER)

    assert (await cache.look_up(CacheKey(ASKED.text, tenant="other"))).hit is None
    assert (await cache.look_up(CacheKey(AGAIN.text, scope="other"))).hit is None


async def test_the_opposite_question_is_refused_by_name(bench: Bench) -> None:
    cache = bench.cache()
    await cache.store(CacheKey("How do I enable dark mode?"), ANSWER)

    verdict = await cache.look_up(CacheKey("How do I disable dark mode?"))

    assert verdict.hit is None
    assert verdict.guard == "opposites"


@pytest.mark.parametrize("policy", [CachePolicy(semantic=False), CachePolicy(error_budget=0.0)])
async def test_without_a_budget_only_the_same_question_hits(bench: Bench, policy: CachePolicy) -> None:
    cache = bench.cache(policy)
    await cache.store(ASKED, ANSWER)

    assert (await cache.look_up(AGAIN)).hit is None
    assert (await cache.look_up(ASKED)).hit is not None


async def test_an_answer_is_gone_when_its_time_is_over(bench: Bench) -> None:
    cache = bench.cache(CachePolicy(ttl_s=60))
    await cache.store(ASKED, ANSWER)

    bench.clock.advance(61)

    assert (await cache.look_up(ASKED)).hit is None
    assert (await cache.look_up(AGAIN)).hit is None


async def test_one_bad_outcome_ends_all_trust(bench: Bench) -> None:
    cache = bench.cache()
    await cache.store(ASKED, ANSWER)
    await cache.look_up(AGAIN, interaction_id="served")

    judged = await cache.judge("served", good=False)

    assert judged is not None
    assert judged.distrusted
    assert (await cache.look_up(AGAIN)).hit is None
    assert (await cache.look_up(ASKED)).hit is None


async def test_a_bad_outcome_of_the_answer_itself_ends_trust_too(bench: Bench) -> None:
    cache = bench.cache()
    await cache.store(ASKED, ANSWER, interaction_id="first")

    await cache.judge("first", good=False)

    assert (await cache.look_up(ASKED)).hit is None


async def test_a_fresh_answer_brings_trust_back(bench: Bench) -> None:
    cache = bench.cache()
    await cache.store(ASKED, ANSWER, interaction_id="first")
    await cache.judge("first", good=False)

    await cache.store(ASKED, ANSWER, interaction_id="second")

    assert (await cache.look_up(ASKED)).hit is not None


async def test_a_good_outcome_is_remembered_and_an_unknown_one_is_not(bench: Bench) -> None:
    cache = bench.cache()
    await cache.store(ASKED, ANSWER)
    await cache.look_up(AGAIN, interaction_id="served")

    judged = await cache.judge("served", good=True)

    assert judged is not None
    assert [seen.fitted for seen in judged.observations] == [True]
    assert await cache.judge("unknown", good=False) is None


async def test_proved_errors_beyond_the_budget_stop_semantic_hits_until_they_are_within(bench: Bench) -> None:
    cache = bench.cache()
    await cache.store(CacheKey(ASKED.text, scope="spoiled"), ANSWER)
    await cache.look_up(CacheKey(AGAIN.text, scope="spoiled"), interaction_id="served")
    await cache.judge("served", good=False)
    await cache.store(ASKED, ANSWER)

    assert "budget" in (await cache.look_up(AGAIN)).reason
    assert (cache.tally.hits, cache.tally.judged, cache.tally.wrong) == (1, 1, 1)
    for _ in range(30):
        assert (await cache.look_up(ASKED)).layer is Layer.EXACT
    assert (await cache.look_up(AGAIN)).layer is Layer.SEMANTIC


async def test_asking_again_in_the_shadow_judges_the_hit(bench: Bench) -> None:
    cache = bench.cache(CachePolicy(shadow_share=0.01))
    await cache.store(ASKED, ANSWER)
    await cache.look_up(AGAIN, interaction_id="served")

    agreed = await cache.compare("served", "Bananas grow on plants.")

    assert agreed is False
    assert (await cache.look_up(AGAIN)).hit is None
    assert (cache.shadow_due(0.005), cache.shadow_due(0.5)) == (True, False)


async def test_a_change_of_a_passage_forgets_what_rests_on_it(bench: Bench) -> None:
    cache = bench.cache()
    await cache.store(ASKED, ANSWER, passage_ids=["a", "b"])
    await cache.store(CacheKey("What is a mutex?"), ANSWER, passage_ids=["c"])

    assert await cache.invalidate(["b", "unknown"]) == 1
    assert [entry.key.text for entry in await cache.entries()] == ["What is a mutex?"]


async def test_purging_takes_the_named_a_tenant_or_all(bench: Bench) -> None:
    cache = bench.cache()
    one = await cache.store(ASKED, ANSWER)
    await cache.store(CacheKey("a", tenant="t"), ANSWER)
    await cache.store(CacheKey("b", tenant="u"), ANSWER)
    assert one is not None

    assert await cache.purge([one.id, "unknown"]) == 1
    assert await cache.purge(tenant="t") == 1
    assert await cache.purge() == 1
    assert await cache.entries() == []


async def test_a_full_cache_drops_what_was_least_used(bench: Bench) -> None:
    cache = bench.cache(CachePolicy(max_entries=3))
    for text in ("first question", "second matter", "third thing"):
        await cache.store(CacheKey(text), ANSWER)
    await cache.look_up(CacheKey("first question"))

    await cache.store(CacheKey("fourth issue"), ANSWER)

    assert (await cache.look_up(CacheKey("first question"))).hit is not None
    assert len(await cache.entries()) == 3


async def test_fresh_answers_teach_how_far_a_stored_one_reaches(bench: Bench) -> None:
    cache = bench.cache()
    first = await cache.store(ASKED, ANSWER)
    second = await cache.store(AGAIN, CachedAnswer("You can run systemctl restart nginx.", {}))
    other = await cache.store(CacheKey("How do I restart the nginx web server in Docker?"), CachedAnswer("q7", {}))
    assert first is not None
    assert second is not None
    assert other is not None

    taught = {entry.id: entry for entry in await cache.entries()}

    assert second.group == first.group
    assert other.group == other.id
    assert [seen.fitted for seen in taught[first.id].observations + taught[second.id].observations] == [True, False]


async def test_testing_a_question_counts_nothing(bench: Bench) -> None:
    cache = bench.cache()
    await cache.store(ASKED, ANSWER)

    assert (await cache.test(AGAIN)).hit is not None
    assert cache.tally.requests == 0
    assert (await cache.entries())[0].hits == 0


class BrokenEmbedder(HashEmbedder):
    """Answers nobody."""

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        raise ModelUnavailable("the embedder is away; come back later")


async def test_without_an_embedder_there_are_misses_and_no_errors(tmp_path: Path) -> None:
    embedder = BrokenEmbedder()
    stored = await SqliteCache.open(tmp_path / "cache.sqlite", embedder.identity)
    cache = SemanticCache(stored, embedder, ManualClock(), CachePolicy())

    assert (await cache.look_up(ASKED)).hit is None
    assert await cache.store(ASKED, ANSWER) is None
    await stored.aclose()
