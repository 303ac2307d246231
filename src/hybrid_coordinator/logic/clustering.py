"""Which of many unit vectors belong together, and what their texts would be called.

First everyone follows the earliest vector that is like it, then groups that are alike become one, then everyone goes to
the group it is most like. Likeness to a group is the mean cosine to its members. What comes later never moves who was
followed, so a new vector changes little. Compared in blocks: memory grows with the vectors, not with their pairs.
"""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hybrid_coordinator.logic.words import STOPWORDS, stem, words_of

Floats = NDArray[np.float32]
Labels = NDArray[np.intp]

BLOCK = 512
NAME_WORDS = 3
NAMELESS = "unnamed"


@dataclass(frozen=True, slots=True, eq=False)
class Cluster:
    """The places of its members, in order, and of the one in the middle. `centre` is the mean of their vectors, so that
    its product with a unit vector is the mean cosine to all of them; `cohesion` is that of the members themselves."""

    members: tuple[int, ...]
    medoid: int
    centre: Floats
    cohesion: float


def cluster(vectors: Floats, min_similarity: float) -> list[Cluster]:
    """Groups of rows, the largest first, of equal ones the earliest; who is like nobody is alone. Deterministic."""
    if not len(vectors):
        return []
    labels = _follow(vectors, min_similarity)
    labels = _join_groups(vectors, labels, min_similarity)
    labels = _move(vectors, labels, min_similarity)
    order = np.argsort(labels, kind="stable")
    ends = np.flatnonzero(np.diff(labels[order])) + 1
    clusters = [_describe(vectors, members) for members in np.split(order, ends)]
    return sorted(clusters, key=lambda one: (-len(one.members), one.members))


def name_clusters(clusters: Sequence[Iterable[str]]) -> list[str]:
    """A name for each group of texts, of the words that many of its texts and few other groups hold. No two are equal.

    weight(word) = share of the group's texts that hold it · ln(1 + groups / groups that hold it)
    """
    held = [_hold(texts) for texts in clusters]
    spread = Counter(word for shares, _ in held for word in shares)
    names: dict[str, None] = {}
    for shares, spelled in held:
        weights = {word: share * math.log1p(len(clusters) / spread[word]) for word, share in shares.items()}
        telling = [spelled[word] for word in sorted(weights, key=lambda word: (-weights[word], word))]
        names[_unused(telling, names)] = None
    return list(names)


def _follow(vectors: Floats, min_similarity: float) -> Labels:
    """Everyone follows the most similar of those who follow nobody; who finds none is followed from then on."""
    leaders = np.empty_like(vectors)
    labels = np.empty(len(vectors), np.intp)
    count = 0
    for start in range(0, len(vectors), BLOCK):
        block = vectors[start : start + BLOCK]
        known = count
        best, similarity = _nearest(block, leaders[:known])
        labels[start : start + BLOCK] = best
        among = block @ block.T
        fresh: list[int] = []
        for place in np.flatnonzero(similarity < min_similarity).tolist():
            nearest = max(fresh, key=lambda one: (among[place, one], -one), default=None)
            if nearest is not None and among[place, nearest] >= min_similarity:
                labels[start + place] = labels[start + nearest]
                continue
            fresh.append(place)
            leaders[count] = block[place]
            labels[start + place] = count
            count += 1
    return labels


def _join_groups(vectors: Floats, labels: Labels, min_similarity: float) -> Labels:
    """The smaller of two groups whose members are alike on average becomes part of the larger."""
    numbers, means = _means(vectors, labels)
    joined = np.arange(labels.max() + 1)
    kept: list[int] = []
    for place, number in enumerate(numbers.tolist()):
        alike = means[kept] @ means[place] if kept else np.empty(0, np.float32)
        if len(alike) and alike.max() >= min_similarity:
            joined[number] = numbers[kept[int(alike.argmax())]]
        else:
            kept.append(place)
    return joined[labels]


def _move(vectors: Floats, labels: Labels, min_similarity: float) -> Labels:
    """Everyone goes to the group of two or more that it is most like, if it is like any; else it stays."""
    numbers, means = _means(vectors, labels)
    moved = labels.copy()
    for start in range(0, len(vectors), BLOCK):
        best, similarity = _nearest(vectors[start : start + BLOCK], means)
        fits = np.flatnonzero(similarity >= min_similarity)
        moved[start + fits] = numbers[best[fits]]
    return moved


def _means(vectors: Floats, labels: Labels) -> tuple[Labels, Floats]:
    """Groups of two or more, the largest first, and the mean vector of each."""
    sizes = np.bincount(labels)
    numbers = np.argsort(-sizes, kind="stable")[: int((sizes > 1).sum())]
    place = np.full(len(sizes), -1)
    place[numbers] = np.arange(len(numbers))
    means = np.zeros((len(numbers), vectors.shape[1]), np.float32)
    grouped = place[labels] >= 0
    np.add.at(means, place[labels[grouped]], vectors[grouped])
    means /= sizes[numbers][:, None]
    return numbers, means


def _nearest(block: Floats, others: Floats) -> tuple[Labels, Floats]:
    """For each row the place of the most similar of the others, and how similar that is; of nobody, -1."""
    if not len(others):
        return np.zeros(len(block), np.intp), np.full(len(block), -1.0, np.float32)
    similarities = block @ others.T
    best = similarities.argmax(axis=1)
    highest: Floats = similarities.max(axis=1)
    return best, highest


def _describe(vectors: Floats, members: Labels) -> Cluster:
    own = vectors[members]
    centre = own.mean(axis=0, dtype=np.float32)
    middle = own @ centre
    return Cluster(tuple(members.tolist()), int(members[middle.argmax()]), centre, float(middle.mean()))


def _hold(texts: Iterable[str]) -> tuple[Mapping[str, float], Mapping[str, str]]:
    """The share of texts that hold a word, by its stem, and how it is spelled most often."""
    spellings: dict[str, Counter[str]] = {}
    holding: Counter[str] = Counter()
    told = [list(_telling(text)) for text in texts]
    for words in told:
        for word in words:
            spellings.setdefault(stem(word), Counter())[word] += 1
        holding.update({stem(word) for word in words})
    spelled = {word: min(forms, key=lambda form: (-forms[form], form)) for word, forms in spellings.items()}
    return {word: held / len(told) for word, held in holding.items()}, spelled


def _telling(text: str) -> Iterator[str]:
    return (word for word in words_of(text) if word not in STOPWORDS and len(word) > 1 and not word.isdigit())


def _unused(telling: Sequence[str], names: Mapping[str, None]) -> str:
    """The first words, and as many more, or a number, as tell this name from the others."""
    for length in range(NAME_WORDS, len(telling) + 1):
        if (name := "-".join(telling[:length])) not in names:
            return name
    name = "-".join(telling[:NAME_WORDS]) or NAMELESS
    return next(other for number in range(1, len(names) + 2) if (other := _numbered(name, number)) not in names)


def _numbered(name: str, number: int) -> str:
    return name if number == 1 else f"{name}-{number}"
