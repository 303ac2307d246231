"""Keeping what was learned clean, and undoing it."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from curation import DAY_S, MemoryKeepsake, Workshop, from_fact, learned
from facts import BOTH_TRUE, CONTRADICTING, FactPair
from hybrid_coordinator.backends.embedders.minilm import MiniLmEmbedder
from hybrid_coordinator.backends.knowledge.edge import EdgeKnowledge
from hybrid_coordinator.domain.knowledge import Collection, Draft, Source
from hybrid_coordinator.domain.learning import Change, Learned, LoggedChange, Stage
from hybrid_coordinator.domain.trust import Origin
from hybrid_coordinator.errors import Conflict, NotFound
from hybrid_coordinator.testing import MemoryCatalog, MemoryKnowledge

ASKED = "How do I restart the billing service?"
STEPS = "1. Run `systemctl restart billing`.\n2. Check that port 8080 answers."
PORT = "Which port does the gateway use?"


@pytest.fixture
def workshop() -> Workshop:
    return Workshop()


@pytest.fixture
async def real(tmp_path: Path) -> AsyncIterator[Workshop]:
    """With the embedder and the store that the product has by default."""
    embedder = MiniLmEmbedder()
    knowledge = await EdgeKnowledge.open(tmp_path, embedder.identity)
    yield Workshop(knowledge=knowledge, embedder=embedder)
    await knowledge.aclose()
    await embedder.aclose()


async def test_an_empty_catalogue_needs_nothing(workshop: Workshop) -> None:
    (worked,) = await workshop.curate()

    assert (worked.done, worked.more) == (0, False)


async def test_doubles_become_one(workshop: Workshop) -> None:
    await workshop.learn(*(learned(id, ASKED, STEPS, days=day) for day, id in enumerate("abc")))

    await workshop.curate()

    kept = await workshop.item("a")
    assert kept.served
    assert set(kept.learned_from) == {"from a", "from b", "from c"}
    assert [await workshop.stage(id) for id in "bc"] == [Stage.MERGED, Stage.MERGED]
    assert [passage.id for passage in await workshop.found(ASKED)] == ["a"]


async def test_the_better_proven_double_is_kept(workshop: Workshop) -> None:
    await workshop.learn(learned("a", ASKED, STEPS), learned("b", ASKED, STEPS, days=1, stage=Stage.PROVEN))

    await workshop.curate()

    assert (await workshop.item("a")).replaced_by == "b"


async def test_near_questions_with_one_other_digit_stay_two(workshop: Workshop) -> None:
    words = "which of the many different steps of the long release guide should somebody follow before release"
    await workshop.learn(learned("a", f"{words} 4?", STEPS), learned("b", f"{words} 5?", STEPS))

    await workshop.curate()

    assert [await workshop.stage(id) for id in "ab"] == [Stage.CANDIDATE, Stage.CANDIDATE]


async def test_a_merge_taken_apart_leaves_both_as_they_were_and_apart(workshop: Workshop) -> None:
    a, b = learned("a", ASKED, STEPS), learned("b", ASKED, STEPS, days=1)
    await workshop.learn(a, b)
    await workshop.curate()

    await workshop.restorer.unmerge("b")
    await workshop.curate()

    now = workshop.clock.now()
    assert await workshop.catalog.get(["a", "b"]) == [replace(a, changed_at=now), replace(b, changed_at=now)]
    assert {passage.id for passage in await workshop.found(ASKED)} == {"a", "b"}


async def test_of_three_merged_any_can_be_taken_out(workshop: Workshop) -> None:
    await workshop.learn(*(learned(id, ASKED, STEPS, days=day) for day, id in enumerate("abc")))
    await workshop.curate()

    await workshop.restorer.unmerge("b")

    assert (await workshop.item("a")).learned_from == ("from a", "from c")
    assert (await workshop.item("b")).served
    assert await workshop.stage("c") is Stage.MERGED


async def test_what_is_not_merged_cannot_be_taken_apart(workshop: Workshop) -> None:
    await workshop.learn(learned("a", ASKED, STEPS))

    with pytest.raises(Conflict, match="not merged"):
        await workshop.restorer.unmerge("a")
    with pytest.raises(NotFound):
        await workshop.restorer.unmerge("nobody")


async def test_a_newer_value_takes_the_place_of_the_older(workshop: Workshop) -> None:
    await workshop.learn(
        learned("old", PORT, "The gateway listens on port 80."),
        learned("new", PORT, "The gateway listens on port 443.", days=5),
    )

    await workshop.curate()

    old, new = await workshop.catalog.get(["old", "new"])
    assert (old.stage, old.replaced_by) == (Stage.SUPERSEDED, "new")
    assert old.draft.payload["valid_to"] == new.draft.payload["valid_from"]
    assert [passage.id for passage in await workshop.found(PORT)] == ["new"]


async def test_which_is_newer_is_told_by_the_log_and_not_by_a_clock_that_went_back(workshop: Workshop) -> None:
    await workshop.learn(
        learned("old", PORT, "The gateway listens on port 80.", days=50),
        learned("new", PORT, "The gateway listens on port 443.", days=0),
    )

    await workshop.curate()

    assert (await workshop.stage("old"), await workshop.stage("new")) == (Stage.SUPERSEDED, Stage.CANDIDATE)


async def test_a_model_that_contradicts_a_person_is_held_back_until_a_person_decides(workshop: Workshop) -> None:
    await workshop.learn(
        learned("said", PORT, "The gateway listens on port 80.", origin=Origin.DIRECT_USER),
        learned("model", PORT, "The gateway listens on port 443.", days=5),
    )
    await workshop.curate()

    held = await workshop.item("model")
    assert held.stage is Stage.QUARANTINED
    assert "said" in held.why
    assert [passage.id for passage in await workshop.found(PORT)] == ["said"]

    await workshop.change(held, "approve", stage=Stage.CANDIDATE, origin=Origin.DIRECT_USER)
    await workshop.curate()
    assert [passage.id for passage in await workshop.found(PORT)] == ["model"]


async def test_a_correction_supersedes_what_was_learned_from_the_answer_it_corrects(workshop: Workshop) -> None:
    wrong = learned("wrong", "gateway port please", "It is 80.", learned_from=("asked",))
    await workshop.learn(wrong)
    await workshop.curate()

    await workshop.learn(
        learned(
            "said",
            "the answer was wrong",
            "Ask the network team, ports are theirs.",
            collection=Collection.PRACTICES,
            origin=Origin.DIRECT_USER,
            strategy="correction",
            learned_from=("said", "asked"),
        )
    )
    await workshop.curate()

    assert (await workshop.item("wrong")).replaced_by == "said"


async def test_when_the_newer_is_rejected_the_older_is_valid_again(workshop: Workshop) -> None:
    old = learned("old", PORT, "The gateway listens on port 80.")
    await workshop.learn(old, learned("new", PORT, "The gateway listens on port 443.", days=5))
    await workshop.curate()

    await workshop.change(await workshop.item("new"), "reject", stage=Stage.REJECTED)
    await workshop.pass_days(1)

    back = await workshop.item("old")
    assert back.served
    assert "valid_to" not in back.draft.payload
    assert [passage.id for passage in await workshop.found(PORT)] == ["old"]


async def test_what_a_person_brings_back_is_not_superseded_again(workshop: Workshop) -> None:
    await workshop.learn(
        learned("old", PORT, "The gateway listens on port 80."),
        learned("new", PORT, "The gateway listens on port 443.", days=5),
    )
    await workshop.curate()

    await workshop.restorer.restore("old")
    await workshop.pass_days(1)

    assert (await workshop.item("old")).served


async def test_what_nobody_uses_is_archived_and_can_be_restored(workshop: Workshop) -> None:
    await workshop.learn(learned("idle", ASKED, STEPS))
    await workshop.curate()

    await workshop.pass_days(89)
    assert await workshop.stage("idle") is Stage.CANDIDATE
    await workshop.pass_days(2)
    assert await workshop.stage("idle") is Stage.ARCHIVED
    assert await workshop.found(ASKED) == []

    await workshop.restorer.restore("idle")
    await workshop.curate()
    assert [passage.id for passage in await workshop.found(ASKED)] == ["idle"]
    assert await workshop.stage("idle") is Stage.CANDIDATE


async def test_what_is_used_stays(workshop: Workshop) -> None:
    await workshop.learn(learned("used", ASKED, STEPS))
    await workshop.curate()

    for uses in range(1, 5):
        await workshop.knowledge.amend({"used": {"access_count": uses}})
        await workshop.pass_days(60)

    assert await workshop.stage("used") is Stage.CANDIDATE


async def test_what_is_proven_stays_longer(workshop: Workshop) -> None:
    await workshop.learn(learned("proven", ASKED, STEPS, stage=Stage.PROVEN))
    await workshop.curate()

    await workshop.pass_days(200)
    assert await workshop.stage("proven") is Stage.PROVEN

    await workshop.pass_days(200)
    assert await workshop.stage("proven") is Stage.ARCHIVED


async def test_fading_is_shown_in_the_passage(workshop: Workshop) -> None:
    await workshop.learn(learned("idle", ASKED, STEPS))
    await workshop.curate()

    await workshop.pass_days(30)

    (passage,) = await workshop.knowledge.get(["idle"])
    assert passage.payload["freshness"] == pytest.approx(0.5)


async def test_a_clock_that_goes_back_archives_nothing(workshop: Workshop) -> None:
    await workshop.learn(learned("idle", ASKED, STEPS))
    await workshop.curate()

    workshop.clock.advance(-4_000 * DAY_S)
    workshop.curator.call_round()
    await workshop.curate()

    assert await workshop.stage("idle") is Stage.CANDIDATE


async def test_collections_that_were_lost_archive_nothing(workshop: Workshop) -> None:
    await workshop.learn(learned("used", ASKED, STEPS))
    await workshop.curate()
    await workshop.pass_days(80)

    await workshop.knowledge.remove(["used"])
    await workshop.pass_days(80)
    await workshop.publisher.restore()
    await workshop.pass_days(1)

    assert await workshop.stage("used") is Stage.CANDIDATE


async def _index(workshop: Workshop, *passage_ids: str) -> None:
    drafts = [Draft(id, Collection.CODEBASE, f"code {id}", f"code {id}") for id in passage_ids]
    await workshop.knowledge.put(drafts, await workshop.embedder.embed([draft.key for draft in drafts]))
    await workshop.ledger.put_source(Source("root", "file", "hash", passage_ids))


async def test_changed_code_makes_stale_what_rests_on_it_until_it_is_back(workshop: Workshop) -> None:
    await _index(workshop, "code a", "code b")
    await workshop.learn(learned("one", ASKED, STEPS, rests_on=("code a", "code b")))
    await workshop.curate()
    assert await workshop.stage("one") is Stage.CANDIDATE

    await workshop.knowledge.remove(["code b"])
    workshop.curator.call_round()
    await workshop.curate()
    assert await workshop.stage("one") is Stage.STALE
    assert await workshop.found(ASKED, [Collection.SKILLS]) == []

    await _index(workshop, "code b")
    workshop.curator.call_round()
    await workshop.curate()
    assert await workshop.stage("one") is Stage.CANDIDATE
    assert [passage.id for passage in await workshop.found(ASKED, [Collection.SKILLS])] == ["one"]


async def test_what_rests_on_something_learned_is_not_stale_when_that_is_archived(workshop: Workshop) -> None:
    await _index(workshop, "code a")
    await workshop.learn(
        learned("below", "a first question", "an answer"),
        learned("above", ASKED, STEPS, rests_on=("below",), stage=Stage.PROVEN),
    )
    await workshop.curate()

    await workshop.pass_days(100)
    await workshop.pass_days(1)

    assert (await workshop.stage("below"), await workshop.stage("above")) == (Stage.ARCHIVED, Stage.PROVEN)


async def test_an_index_that_was_lost_makes_nothing_stale(workshop: Workshop) -> None:
    await _index(workshop, "code a")
    await workshop.learn(learned("one", ASKED, STEPS, rests_on=("code a",)))
    await workshop.curate()

    await workshop.knowledge.remove(["code a"])
    await workshop.ledger.forget_copies()
    workshop.curator.call_round()
    await workshop.curate()

    assert await workshop.stage("one") is Stage.CANDIDATE


class _RivalCatalog(MemoryCatalog):
    """Somebody else changes an item whenever it is about to be changed, so many times."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.times = times

    async def apply(self, changes: Sequence[Change], at: datetime) -> list[LoggedChange]:
        if changes[0].actor == "curate" and self.times:
            self.times -= 1
            (item,) = await self.get([changes[0].item_id])
            await super().apply(
                [Change(item.id, "hold", item, replace(item, why=f"looked at {self.times}"), "measure")], at
            )
        return await super().apply(changes, at)


async def test_what_another_daemon_changed_meanwhile_is_looked_at_again() -> None:
    workshop = Workshop(catalog=_RivalCatalog(times=1))
    await workshop.learn(learned("a", ASKED, STEPS), learned("b", ASKED, STEPS, days=1))

    await workshop.curate()

    assert [await workshop.stage(id) for id in "ab"] == [Stage.CANDIDATE, Stage.MERGED]
    assert (await workshop.item("b")).replaced_by == "a"


async def test_an_item_that_is_changed_all_the_time_is_left_alone_until_it_rests() -> None:
    rival = _RivalCatalog(times=1_000)
    workshop = Workshop(catalog=rival)
    await workshop.learn(learned("a", ASKED, STEPS), learned("b", ASKED, STEPS, days=1))
    await workshop.curate()
    assert [await workshop.stage(id) for id in "ab"] == [Stage.CANDIDATE, Stage.CANDIDATE]

    rival.times = 0
    held = await workshop.change(await workshop.item("b"), "hold", stage=Stage.ARCHIVED)
    await workshop.change(held, "restore", stage=Stage.CANDIDATE)
    await workshop.learn(learned("c", ASKED, STEPS, days=2))
    await workshop.curate()

    assert [await workshop.stage(id) for id in "ac"] == [Stage.CANDIDATE, Stage.MERGED]


async def test_a_rival_in_a_round_leaves_the_item_for_the_next_round() -> None:
    workshop = Workshop(catalog=_RivalCatalog(times=1))
    await workshop.learn(learned("idle", ASKED, STEPS))
    await workshop.curate()

    await workshop.pass_days(91)
    assert await workshop.stage("idle") is Stage.CANDIDATE

    await workshop.pass_days(1)
    assert await workshop.stage("idle") is Stage.ARCHIVED


async def test_after_a_restart_only_what_is_new_is_compared(workshop: Workshop) -> None:
    await workshop.learn(*(learned(f"{n}", f"question number {n}", "answer") for n in range(100)))
    await workshop.curate()
    workshop.curator = workshop.make_curator()
    embedder = workshop.embedder
    before = len(embedder.embedded)  # type: ignore[attr-defined]

    await workshop.learn(learned("new", "question number 7", "answer"))
    await workshop.curate()

    assert len(embedder.embedded) - before <= 4  # type: ignore[attr-defined]
    assert await workshop.stage("new") is Stage.MERGED


@pytest.mark.parametrize("content", [b"nonsense", b'{"place": 99, "hash": "of another log"}'])
async def test_a_bookmark_of_nothing_known_begins_anew(workshop: Workshop, content: bytes) -> None:
    keepsake = MemoryKeepsake()
    keepsake.content = content
    workshop.keepsake = keepsake
    workshop.curator = workshop.make_curator()
    await workshop.learn(learned("a", ASKED, STEPS), learned("b", ASKED, STEPS, days=1))

    await workshop.curate()

    assert await workshop.stage("b") is Stage.MERGED


async def test_curation_comes_to_rest(workshop: Workshop) -> None:
    await workshop.learn(*(from_fact(f"old {n}", pair[0]) for n, pair in enumerate(CONTRADICTING)))
    await workshop.learn(*(from_fact(f"new {n}", pair[1]) for n, pair in enumerate(CONTRADICTING)))

    await workshop.curate()
    (worked,) = await workshop.curate()

    assert (worked.done, worked.more) == (0, False)
    assert await workshop.catalog.check_log() is None


async def _valid_ones(real: Workshop, pairs: Sequence[FactPair]) -> list[list[str]]:
    """What the newer question of each pair finds first and whether both are still there, all pairs in one house."""
    for number, (older, newer) in enumerate(pairs):
        await real.learn(from_fact(f"old {number}", older), from_fact(f"new {number}", newer, days=1))
    await real.curate()
    served: list[Learned] = await real.catalog.browse([Stage.CANDIDATE], limit=1_000)
    return [
        [passage.id for passage in await real.found(newer.question) if passage.id in {one.id for one in served}]
        for _, newer in pairs
    ]


async def test_of_two_facts_that_contradict_each_other_the_valid_one_is_first_and_the_other_gone(
    real: Workshop,
) -> None:
    found = await _valid_ones(real, CONTRADICTING)

    valid = [number for number, ids in enumerate(found) if ids[0] == f"new {number}" and f"old {number}" not in ids]
    assert len(valid) >= 0.95 * len(CONTRADICTING), sorted(set(range(len(found))) - set(valid))


async def test_two_facts_that_are_both_true_both_stay(real: Workshop) -> None:
    await _valid_ones(real, BOTH_TRUE)

    lost = [one.id for one in await real.catalog.browse(None, limit=1_000) if not one.served]
    assert lost == []


async def test_in_fakes_and_in_real_stores_a_merge_is_the_same(real: Workshop) -> None:
    again = "How can I restart the billing service?"
    for workshop in (real, Workshop(knowledge=MemoryKnowledge(), embedder=real.embedder)):
        await workshop.learn(learned("a", ASKED, STEPS), learned("b", again, STEPS, days=1))

        await workshop.curate()

        assert (await workshop.item("b")).replaced_by == "a"
