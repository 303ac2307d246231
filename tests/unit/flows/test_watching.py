"""Knowledge that changes makes remembered answers old."""

from hybrid_coordinator.domain.caching import CachedAnswer, CacheKey
from hybrid_coordinator.domain.knowledge import Collection, Draft, Probe
from hybrid_coordinator.flows.caching import CachePolicy, SemanticCache
from hybrid_coordinator.flows.watching import WatchedKnowledge
from hybrid_coordinator.testing import HashEmbedder, ManualClock, MemoryKnowledge
from room import cache_in_memory

QUESTION = "how to restart nginx"


class Watched:
    """Knowledge and a cache that holds one answer, which used the passage p1."""

    def __init__(self) -> None:
        self.embedder = HashEmbedder()
        self.cache = SemanticCache(cache_in_memory(self.embedder), self.embedder, ManualClock(), CachePolicy())
        self.knowledge = WatchedKnowledge(MemoryKnowledge(), self.cache)

    async def remember(self) -> None:
        await self.put("p1", QUESTION)
        answer = CachedAnswer("systemctl restart nginx", {"model": "home"})
        await self.cache.store(CacheKey(QUESTION), answer, passage_ids=("p1",), interaction_id="i1")
        assert await self.knows()

    async def put(self, id: str, key: str, collection: Collection = Collection.PRACTICES) -> None:
        await self.knowledge.put([Draft(id, collection, key, key)], await self.embedder.embed([key]))

    async def knows(self) -> bool:
        return (await self.cache.look_up(CacheKey(QUESTION), interaction_id="i2")).hit is not None


async def test_an_answer_whose_passage_changes_is_forgotten() -> None:
    watched = Watched()
    await watched.remember()

    await watched.put("p1", "something else entirely")

    assert not await watched.knows()


async def test_an_answer_whose_passage_is_removed_is_forgotten() -> None:
    watched = Watched()
    await watched.remember()

    await watched.knowledge.remove(["p1"])

    assert not await watched.knows()


async def test_an_answer_to_which_something_new_may_be_added_is_forgotten() -> None:
    watched = Watched()
    await watched.remember()

    await watched.put("p2", QUESTION)

    assert not await watched.knows()


async def test_answers_given_here_do_not_make_each_other_old() -> None:
    watched = Watched()
    await watched.remember()

    await watched.put("i2", QUESTION, Collection.INTERACTIONS)
    await watched.put("s1", QUESTION, Collection.SKILLS)

    assert await watched.knows()


async def test_news_about_something_else_leaves_an_answer_alone() -> None:
    watched = Watched()
    await watched.remember()

    await watched.put("p2", "the boiling point of gallium")
    await watched.knowledge.remove(["p2"])

    assert await watched.knows()


async def test_reading_and_counting_change_nothing() -> None:
    watched = Watched()
    await watched.remember()

    (vector,) = await watched.embedder.embed([QUESTION])
    found = await watched.knowledge.search(Probe(QUESTION, vector), [Collection.PRACTICES], limit=1)
    await watched.knowledge.amend({"p1": {"access_count": 5}})
    await watched.knowledge.tidy()

    assert [passage.id for passage in found] == ["p1"]
    assert (await watched.knowledge.get(["p1"]))[0].payload["access_count"] == 5
    assert (await watched.knowledge.counts())[Collection.PRACTICES] == 1
    assert await watched.knowledge.browse(Collection.PRACTICES, limit=5) == (await watched.knowledge.get(["p1"]), None)
    assert await watched.knows()
