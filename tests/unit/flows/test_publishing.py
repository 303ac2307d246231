"""Showing in the collections what was learned."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from curation import Workshop, learned
from hybrid_coordinator.domain.knowledge import Collection, Vector
from hybrid_coordinator.domain.learning import Stage
from hybrid_coordinator.domain.trust import Origin
from hybrid_coordinator.errors import ModelUnavailable
from hybrid_coordinator.flows.publishing import BATCH, SHOWN_SOURCES, Publisher
from hybrid_coordinator.testing import HashEmbedder, MemoryKnowledge

ONE = learned("one", "How do I restart nginx?", "Run `systemctl restart nginx`.")


@pytest.fixture
def workshop() -> Workshop:
    return Workshop()


async def test_a_candidate_is_served_with_what_readers_must_know_of_it(workshop: Workshop) -> None:
    await workshop.learn(replace(ONE, origin=Origin.TOOL_OUTPUT_INTERNAL))

    await workshop.publisher.work()

    (passage,) = await workshop.found("How do I restart nginx?")
    assert passage.text == ONE.draft.text
    assert passage.payload["skill_name"] == "one"
    assert passage.payload["stage"] == "candidate"
    assert passage.payload["origin"] == "tool_output_internal"
    assert passage.payload["strategy"] == "extractive"
    assert passage.payload["learned_from"] == ["from one"]


@pytest.mark.parametrize("stage", [stage for stage in Stage if stage not in (Stage.CANDIDATE, Stage.PROVEN)])
async def test_what_is_at_no_served_stage_is_taken_away(workshop: Workshop, stage: Stage) -> None:
    await workshop.learn(ONE)
    await workshop.publisher.work()

    await workshop.change(ONE, "any", stage=stage)
    await workshop.publisher.work()

    assert await workshop.found("How do I restart nginx?") == []


async def test_what_never_was_served_never_appears(workshop: Workshop) -> None:
    await workshop.learn(replace(ONE, stage=Stage.QUARANTINED))

    await workshop.publisher.work()

    assert await workshop.found("How do I restart nginx?") == []


async def test_when_nothing_changed_nothing_is_published(workshop: Workshop) -> None:
    await workshop.learn(ONE)
    await workshop.publisher.work()

    worked = await workshop.publisher.work()

    assert (worked.done, worked.more) == (0, False)


async def test_many_items_are_published_in_batches(workshop: Workshop) -> None:
    await workshop.learn(*(learned(f"item {number}", f"question {number}", "answer") for number in range(BATCH + 1)))

    first, second = await workshop.publisher.work(), await workshop.publisher.work()

    assert (first.done, first.more) == (BATCH, True)
    assert (second.done, second.more) == (1, False)
    assert (await workshop.knowledge.counts())[Collection.SKILLS] == BATCH + 1


async def test_use_is_still_counted_after_a_promotion(workshop: Workshop) -> None:
    await workshop.learn(ONE)
    await workshop.publisher.work()
    await workshop.knowledge.amend({"one": {"access_count": 7}})

    await workshop.change(ONE, "promote", stage=Stage.PROVEN)
    await workshop.publisher.work()

    (passage,) = await workshop.knowledge.get(["one"])
    assert passage.payload["stage"] == "proven"
    assert passage.payload["access_count"] == 7


async def test_lost_collections_are_filled_anew(workshop: Workshop) -> None:
    await workshop.learn(*(learned(f"item {number}", f"question {number}", "answer") for number in range(BATCH + 1)))
    await workshop.curate()
    emptied = MemoryKnowledge()

    restored = await Publisher(workshop.catalog, emptied, workshop.embedder).restore()

    assert restored == BATCH + 1
    assert (await emptied.counts())[Collection.SKILLS] == BATCH + 1


async def test_an_item_made_of_very_much_has_a_small_passage(workshop: Workshop) -> None:
    await workshop.learn(replace(ONE, learned_from=tuple(f"interaction {number}" for number in range(1_000))))

    await workshop.publisher.work()

    (passage,) = await workshop.knowledge.get(["one"])
    assert len(passage.payload["learned_from"]) == SHOWN_SOURCES
    assert len((await workshop.item("one")).learned_from) == 1_000


class _SilentEmbedder(HashEmbedder):
    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        raise ModelUnavailable("the embedder is gone; start it")


async def test_without_an_embedder_nothing_is_said_to_be_published(workshop: Workshop) -> None:
    await workshop.learn(ONE)

    with pytest.raises(ModelUnavailable):
        await Publisher(workshop.catalog, workshop.knowledge, _SilentEmbedder()).work()

    assert await workshop.catalog.unpublished(limit=9) == [ONE]
