"""The tree over the catalogue, and who is told of whom."""

from dataclasses import replace

import pytest

from hybrid_coordinator.domain.learning import Change, Learned, Stage
from hybrid_coordinator.errors import NotFound
from hybrid_coordinator.flows.skill_tree import SkillTree
from hybrid_coordinator.logic.skill_paths import RELATED
from hybrid_coordinator.logic.skill_tree import TreePolicy
from hybrid_coordinator.testing import HashEmbedder, ManualClock, MemoryCatalog
from learned_items import NOON, learned_skill


async def shelf(*items: Learned) -> MemoryCatalog:
    catalog = MemoryCatalog()
    await catalog.apply([Change(item.id, "learn", None, item, "extract") for item in items], NOON)
    return catalog


def tree_of(catalog: MemoryCatalog, embedder: HashEmbedder | None = None) -> SkillTree:
    return SkillTree(catalog, embedder or HashEmbedder(), ManualClock(NOON), TreePolicy())


def rebasing(*ids: str) -> list[Learned]:
    return [learned_skill(id, f"How do I rebase git branch {id}?") for id in ids]


async def related_of(catalog: MemoryCatalog, id: str) -> object:
    (item,) = await catalog.get([id])
    return item.draft.payload.get(RELATED)


async def test_only_what_is_served_is_in_the_tree() -> None:
    retired = learned_skill("old", "How do I rebase?", stage=Stage.RETIRED)

    tree = await tree_of(await shelf(*rebasing("a", "b"), retired)).tree()

    assert [one.id for leaf in tree.leaves() for one in leaf.skills] == ["a", "b"]


async def test_an_empty_catalogue_has_an_empty_tree() -> None:
    tree = tree_of(MemoryCatalog())

    assert (await tree.tree()).size == 0
    assert await tree.traverse("How do I rebase?", 3) == []
    assert (await tree.work()).done == 0


async def test_a_branch_is_found_by_its_path_and_a_wrong_one_is_said_to_be_none() -> None:
    tree = tree_of(await shelf(*rebasing("a", "b")))

    assert (await tree.branch(("git", "how-to"))).size == 2
    with pytest.raises(NotFound, match="'git'"):
        await tree.branch(("nixos",))


async def test_siblings_are_told_of_each_other_once() -> None:
    catalog = await shelf(*rebasing("a", "b"), learned_skill("lone", "How do I declare a nix flake?"))
    tree = tree_of(catalog)

    worked, again = await tree.work(), await tree.work()

    assert (worked.done, again.done) == (2, 0)
    assert await related_of(catalog, "a") == ["b"]
    assert await related_of(catalog, "lone") is None
    assert (await tree_of(catalog).work()).done == 0


async def test_a_new_skill_is_told_of_the_others_and_rewrites_none_of_them() -> None:
    catalog = await shelf(*rebasing("a", "b"))
    tree = tree_of(catalog)
    await tree.work()
    (newcomer,) = rebasing("c")
    await catalog.apply([Change("c", "learn", None, newcomer, "extract")], NOON)

    worked = await tree.work()

    assert worked.done == 1
    assert await related_of(catalog, "a") == ["b"]


async def test_who_was_told_of_one_that_is_gone_is_told_anew() -> None:
    catalog = await shelf(*rebasing("a", "b", "c"))
    tree = tree_of(catalog)
    await tree.work()
    (gone,) = await catalog.get(["b"])
    await catalog.apply([Change("b", "retire", gone, replace(gone, stage=Stage.RETIRED), "measure")], NOON)

    await tree.work()

    assert await related_of(catalog, "a") == ["c"]


async def test_many_are_told_in_batches() -> None:
    catalog = await shelf(*rebasing(*(f"n{number:03}" for number in range(130))))
    tree = tree_of(catalog)

    worked = [await tree.work() for _ in range(3)]

    assert [(one.done, one.more) for one in worked] == [(100, True), (30, False), (0, False)]


async def test_a_key_is_embedded_once() -> None:
    embedder = HashEmbedder()
    tree = tree_of(await shelf(*rebasing("a", "b")), embedder)

    await tree.tree()
    await tree.tree()

    assert len(embedder.embedded) == 2
