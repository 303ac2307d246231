"""Finding the way in the tree of what was learned."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hybrid_coordinator.domain.learning import Learned
from hybrid_coordinator.logic.skill_tree import Branch, Floats, TreePolicy, find_centre

RELATED = "related_skills"
"""The users' field; it holds ids."""


def outline(branch: Branch) -> Mapping[str, Any] | list[str]:
    """The names in a branch: lists of skills under the names of the branches that hold them."""
    if branch.branches:
        return {inner.name: outline(inner) for inner in branch.branches}
    return [skill.name for skill in branch.skills]


def find_branch(tree: Branch, path: Sequence[str]) -> Branch | None:
    """The branch at a path; the empty one leads to the tree itself."""
    for depth in range(1, len(path) + 1):
        step = next((branch for branch in tree.branches if branch.path == tuple(path[:depth])), None)
        if step is None:
            return None
        tree = step
    return tree


def traverse(tree: Branch, vector: Floats, limit: int) -> list[Branch]:
    """The branches that a question belongs to, best first: those whose skills are most like it on average, of equal
    ones the earlier. `vector` is that of the question."""
    leaves = list(tree.leaves())
    likeness = [float(find_centre(leaf.skills) @ vector) for leaf in leaves]
    order = sorted(range(len(leaves)), key=lambda place: -likeness[place])
    return [leaves[place] for place in order[:limit]]


def find_related(leaf: Branch, policy: TreePolicy) -> dict[str, tuple[str, ...]]:
    """The ids of the most alike siblings of each skill in a branch."""
    vectors = np.stack([skill.vector for skill in leaf.skills])
    likeness = vectors @ vectors.T
    np.fill_diagonal(likeness, -1.0)
    nearest = np.argsort(-likeness, axis=1, kind="stable")[:, : policy.related]
    return {
        skill.id: tuple(leaf.skills[place].id for place in row if leaf.skills[place] is not skill)
        for skill, row in zip(leaf.skills, nearest.tolist(), strict=True)
    }


def lacks_related(item: Learned, siblings: Mapping[str, Sequence[str]]) -> bool:
    """Whether it is to be told of its siblings: it was told of none, or of one that is served no more. Who has some
    keeps them, so that a new skill does not rewrite all others."""
    told = item.draft.payload.get(RELATED) or ()
    return bool(siblings.get(item.id)) and (not told or any(id not in siblings for id in told))
