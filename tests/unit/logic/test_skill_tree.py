"""The tree of what was learned: its shape, its names, and how little it moves."""

from dataclasses import replace

import numpy as np
import pytest

from hybrid_coordinator.domain.knowledge import Collection
from hybrid_coordinator.logic.skill_paths import find_branch, find_related, outline, traverse
from hybrid_coordinator.logic.skill_tree import REST, Branch, Skill, TreePolicy, build_tree, find_aspect, see_skill
from learned_items import learned_skill, skill, vector_of

POLICY = TreePolicy()
THINGS = ("firewall", "timer", "shell", "font", "printer", "kernel", "locale", "swap")


def paths(tree: Branch) -> dict[str, tuple[str, ...]]:
    return {one.id: leaf.path for leaf in tree.leaves() for one in leaf.skills}


def many(count: int) -> list[Skill]:
    """How-tos about NixOS in a circle of things, each with a direction of its own."""
    return [
        skill(f"s{number:03}", f"How do I declare the {THINGS[number % 8]} number {number} on NixOS?")
        for number in range(count)
    ]


def test_topic_and_aspect_come_first() -> None:
    tree = build_tree(
        [
            skill("a", "How do I configure networking on NixOS?"),
            skill("b", "Why does NixOS fail to boot?"),
            skill("c", "How do I rebase a git branch?"),
        ],
        POLICY,
    )

    assert outline(tree) == {
        "git": {"how-to": ["How do I rebase a git branch?"]},
        "nixos": {
            "configuration": ["How do I configure networking on NixOS?"],
            "troubleshooting": ["Why does NixOS fail to boot?"],
        },
    }


@pytest.mark.parametrize(
    ("kind", "aspect"),
    [
        (Collection.ERRORS, "troubleshooting"),
        (Collection.PRACTICES, "practices"),
        (Collection.SKILLS, "how-to"),
    ],
)
def test_what_kind_of_knowledge_it_is_decides_where_its_question_does_not(kind: Collection, aspect: str) -> None:
    assert find_aspect(skill("a", "Rotate the logs", kind)) == aspect


def test_a_crowded_branch_is_divided_by_the_words_its_skills_share() -> None:
    tree = build_tree(many(40), POLICY)

    branch = find_branch(tree, ("nixos", "how-to"))

    assert branch is not None
    assert {inner.name for inner in branch.branches} == set(THINGS)
    assert {inner.size for inner in branch.branches} == {5}


def test_every_skill_is_in_exactly_one_place_however_odd_the_words() -> None:
    odd = [
        skill(f"o{number}", text) for number, text in enumerate(["other"] * 20 + ["", "???", "other " * 500, "42"] * 9)
    ]
    skills = [*many(90), *odd]

    tree = build_tree(skills, POLICY)

    placed = [one.id for leaf in tree.leaves() for one in leaf.skills]
    assert sorted(placed) == sorted(one.id for one in skills)
    assert tree.size == len(skills)
    assert len({leaf.path for leaf in tree.leaves()}) == len(list(tree.leaves()))
    assert max(len(leaf.path) for leaf in tree.leaves()) <= 4


def test_skills_without_a_shared_word_are_grouped_by_meaning_or_stay_together() -> None:
    east, north = np.eye(8, dtype=np.float32)[:2]
    alike = [Skill(f"e{n}", "", Collection.SKILLS, f"alpha{n}", {f"alpha{n}": f"alpha{n}"}, east) for n in range(9)]
    others = [
        Skill(f"n{n}", "", Collection.SKILLS, f"beta{n}", {f"beta{n}": f"beta{n}"}, v)
        for n, v in enumerate(np.eye(8, dtype=np.float32)[2:])
    ]
    lone = Skill("z", "", Collection.SKILLS, "gamma", {"gamma": "gamma"}, north)

    tree = build_tree([*alike, *others, lone], POLICY)

    sizes = {leaf.name: leaf.size for leaf in tree.leaves()}
    assert sizes[REST] == 7
    assert sorted(sizes.values()) == [7, 9]


def test_the_order_of_the_skills_does_not_matter() -> None:
    skills = many(60)

    assert paths(build_tree(skills, POLICY)) == paths(build_tree(skills[::-1], POLICY))


def test_one_more_skill_moves_hardly_any_other() -> None:
    skills = many(80)
    moved = []
    for left_out in range(0, 80, 8):
        before = paths(build_tree(skills[:left_out] + skills[left_out + 1 :], POLICY))
        after = paths(build_tree(skills, POLICY))
        moved.append(sum(after[id] != path for id, path in before.items()) / len(before))

    assert sum(moved) / len(moved) <= 0.02


def test_a_question_leads_to_the_branch_of_its_like() -> None:
    tree = build_tree([skill("a", "Why does NixOS fail to boot?"), skill("b", "How do I rebase a git branch?")], POLICY)

    best, _ = traverse(tree, skill("q", "rebase a branch").vector, 2)

    assert best.path == ("git", "how-to")


def test_a_path_that_leads_nowhere_has_no_branch() -> None:
    tree = build_tree(many(3), POLICY)

    assert find_branch(tree, ("nixos", "nowhere")) is None
    assert find_branch(tree, ()) is tree


def test_related_skills_are_the_nearest_siblings_and_never_oneself() -> None:
    (leaf,) = build_tree(many(5), POLICY).leaves()

    related = find_related(leaf, POLICY)

    assert all(len(ids) == POLICY.related and id not in ids for id, ids in related.items())


def test_a_skill_is_seen_by_its_name_its_question_and_its_tags() -> None:
    item = learned_skill("a", "How do I renew certificates?")
    tagged = replace(item, draft=replace(item.draft, payload={"skill_name": "renewal", "tags": ["acme"]}))

    seen = see_skill(tagged, vector_of("certificates"))

    assert (seen.name, seen.key) == ("renewal", "How do I renew certificates?")
    assert set(seen.words.values()) == {"renew", "certificates", "acme"}
