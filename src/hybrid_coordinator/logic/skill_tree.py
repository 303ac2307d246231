"""Everything learned as a tree that a person can walk: topic, aspect, then what crowded branches have in common.

An item's topic and aspect follow from its own words, so that nothing that is added later moves it there. Only a branch
with more items than fit on a screen is divided: by the words that most of its items share, and where they share none
by what they mean. Every item is in exactly one place.
"""

import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from hybrid_coordinator.domain.knowledge import Collection
from hybrid_coordinator.domain.learning import Learned
from hybrid_coordinator.logic.clustering import cluster, name_clusters
from hybrid_coordinator.logic.topics import name_topic
from hybrid_coordinator.logic.words import STOPWORDS, stem, words_of

Floats = NDArray[np.float32]

ROOT = "skills"
REST = "other"
HOW_TO = "how-to"

TOO_COMMON = 0.6
"""A word that a greater share of a branch holds divides nothing."""

_ASPECTS = {
    "troubleshooting": r"\berrors?\b|\bfail\w*|\bcrash\w*|\bbroken\b|\bdebug\w*|troubleshoot|\bwhy\b|not work"
    r"|\bcannot\b|\bcan['’]t\b|\bdenied\b|\bfix\b|\btime(?:d )?out\b|\bdown\b|\bmissing\b",
    "configuration": r"\bconfig\w*|\bset(?:ting)? ?up\b|\bsettings?\b|\binstall\w*|\benabl\w*|\bdisabl\w*|\boptions?\b",
}
_ASPECT_PATTERNS = {aspect: re.compile(pattern, re.IGNORECASE) for aspect, pattern in _ASPECTS.items()}
_EMPTY = frozenset((
    "all", "also", "any", "both", "each", "every", "few", "get", "given", "just", "like", "make", "many", "more",
    "most", "need", "new", "not", "one", "only", "other", "same", "some", "such", "too", "two", "use",
    "used", "using", "very", "want", "way", "without",
))  # fmt: skip
"""Words that tell nobody what a branch holds."""

_BY_KIND = {Collection.ERRORS: "troubleshooting", Collection.PRACTICES: "practices"}


@dataclass(frozen=True, slots=True)
class TreePolicy:
    """A branch with more than `crowded` items is divided, `levels` times at most, into groups of `least_group` or more:
    at most `most_groups`, or the square root of the items where that is more. Items belong together from
    `min_similarity` on. Each is told `related` siblings."""

    crowded: int = 12
    levels: int = 2
    most_groups: int = 15
    least_group: int = 3
    min_similarity: float = 0.45
    related: int = 3


@dataclass(frozen=True, slots=True, eq=False)
class Skill:
    """An item as the tree sees it: its telling words by their stems, and the vector of the question it answers."""

    id: str
    name: str
    kind: Collection
    key: str
    words: Mapping[str, str]
    vector: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Branch:
    """A place in the tree: `path` leads to it from the root. It holds either further branches or skills."""

    path: tuple[str, ...]
    branches: tuple["Branch", ...] = ()
    skills: tuple[Skill, ...] = ()

    @property
    def name(self) -> str:
        return self.path[-1] if self.path else ROOT

    @property
    def size(self) -> int:
        """How many skills are in it, at any depth."""
        return len(self.skills) + sum(branch.size for branch in self.branches)

    def leaves(self) -> Iterator["Branch"]:
        """The branches that hold skills, in order."""
        if self.skills:
            yield self
        for branch in self.branches:
            yield from branch.leaves()


def see_skill(item: Learned, vector: Floats) -> Skill:
    """What the tree goes by: the question an item answers, what it is called and its tags."""
    payload, key = item.draft.payload, item.draft.key
    name = str(payload.get("skill_name") or payload.get("title") or payload.get("error_message") or key)
    tags = payload.get("tags")
    said = " ".join([key, *(map(str, tags) if isinstance(tags, list) else ())])
    return Skill(item.id, name, item.draft.collection, key, _telling(said), vector)


def _telling(text: str) -> Mapping[str, str]:
    words = (word for word in words_of(text) if len(word) > 2 and not word[0].isdigit())
    return {stem(word): word for word in words if word not in STOPWORDS and word not in _EMPTY}


def build_tree(skills: Sequence[Skill], policy: TreePolicy) -> Branch:
    """The whole tree. The order of the skills does not matter."""
    ordered = sorted(skills, key=lambda skill: skill.id)
    topics = _group_by(ordered, lambda skill: name_topic(skill.key, skill.name))
    return Branch((), tuple(_topic(name, topics[name], policy) for name in sorted(topics)))


def _topic(name: str, skills: Sequence[Skill], policy: TreePolicy) -> Branch:
    aspects = _group_by(skills, find_aspect)
    divided = (_divide((name, aspect), aspects[aspect], policy, policy.levels) for aspect in sorted(aspects))
    return Branch((name,), tuple(divided))


def find_aspect(skill: Skill) -> str:
    """What kind of knowledge it is: by its collection, else by its question."""
    named = (aspect for aspect, pattern in _ASPECT_PATTERNS.items() if pattern.search(skill.key))
    return _BY_KIND.get(skill.kind) or next(named, HOW_TO)


def _divide(path: tuple[str, ...], skills: Sequence[Skill], policy: TreePolicy, levels: int) -> Branch:
    if len(skills) <= policy.crowded or not levels:
        return Branch(path, skills=tuple(skills))
    groups = _find_groups(skills, frozenset(map(stem, path)), policy)
    if len(groups) < 2:
        return Branch(path, skills=tuple(skills))
    return Branch(path, tuple(_divide((*path, name), groups[name], policy, levels - 1) for name in sorted(groups)))


def _find_groups(skills: Sequence[Skill], taken: frozenset[str], policy: TreePolicy) -> dict[str, list[Skill]]:
    """By shared words first, then by meaning; the rest stays together."""
    most = max(policy.most_groups, math.isqrt(len(skills)))
    groups, left = _by_words(skills, taken, most, policy)
    left = _by_likeness(groups, left, policy)
    clusters, left = _by_meaning(left, most - len(groups), policy)
    for name, members in chain(clusters.items(), [(REST, left)] if left else []):
        groups.setdefault(name, []).extend(members)
    return groups


def _by_words(
    skills: Sequence[Skill], taken: frozenset[str], most: int, policy: TreePolicy
) -> tuple[dict[str, list[Skill]], list[Skill]]:
    """Each group has a word that more of those left hold than any other; one that most hold tells nothing."""
    left, groups = list(skills), dict[str, list[Skill]]()
    common = Counter(word for skill in skills for word in skill.words)
    names = {word for word, count in common.items() if count <= TOO_COMMON * len(skills)} - taken
    while len(groups) < most:
        held = Counter(word for skill in left for word in skill.words if word in names)
        word = min(held, key=lambda word: (-held[word], word), default="")
        if held[word] < policy.least_group:
            break
        groups[_spell(word, skills)] = [skill for skill in left if word in skill.words]
        left = [skill for skill in left if word not in skill.words]
    return groups, left


def _spell(word: str, skills: Sequence[Skill]) -> str:
    """As most of them spell it."""
    forms = Counter(skill.words[word] for skill in skills if word in skill.words)
    return min(forms, key=lambda form: (-forms[form], form))


def _by_likeness(groups: dict[str, list[Skill]], left: Sequence[Skill], policy: TreePolicy) -> list[Skill]:
    """Who holds no shared word goes to the group it is most like; those that are like none come back."""
    if not groups:
        return list(left)
    centres = {name: find_centre(members) for name, members in groups.items()}
    alone: list[Skill] = []
    for skill in left:
        name = max(centres, key=lambda name: float(centres[name] @ skill.vector))
        (groups[name] if float(centres[name] @ skill.vector) >= policy.min_similarity else alone).append(skill)
    return alone


def _by_meaning(skills: Sequence[Skill], most: int, policy: TreePolicy) -> tuple[dict[str, list[Skill]], list[Skill]]:
    if len(skills) < policy.least_group or most < 1:
        return {}, list(skills)
    found = [
        [skills[place] for place in one.members]
        for one in cluster(np.stack([skill.vector for skill in skills]), policy.min_similarity)
        if len(one.members) >= policy.least_group
    ][:most]
    grouped = {skill.id for members in found for skill in members}
    names = name_clusters([[skill.key for skill in members] for members in found])
    return dict(zip(names, found, strict=True)), [skill for skill in skills if skill.id not in grouped]


def _group_by(skills: Sequence[Skill], name_of: Callable[[Skill], str]) -> dict[str, list[Skill]]:
    groups: dict[str, list[Skill]] = {}
    for skill in skills:
        groups.setdefault(name_of(skill), []).append(skill)
    return groups


def find_centre(skills: Sequence[Skill]) -> Floats:
    """The mean of their vectors: its product with a unit vector is the mean cosine to all of them."""
    centre: Floats = np.mean([skill.vector for skill in skills], axis=0, dtype=np.float32)
    return centre
