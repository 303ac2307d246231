"""Questions as numbers, and how alike two of them are.

Likeness is a sum of kernels: the same meaning, the same look, both together, the same words, as much found, as hard by
the prior. A question is like another one in several ways at once, and each way is believed by its share.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hybrid_coordinator.domain.evidence import Asked
from hybrid_coordinator.domain.knowledge import Collection
from hybrid_coordinator.logic.router_form import describe_form
from hybrid_coordinator.logic.router_prior import prior_confidence
from hybrid_coordinator.logic.router_words import Vocabulary, learn_vocabulary

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]

FOUND = 0.2
PRIOR = 1.0

NEAR_MEANING, WIDE_MEANING = 0.7, 1.0
NEAR_FOUND = 0.3
FARTHEST = 4.0
"""Standard deviations at which a look is cut: one odd question must not be alone in the world."""

FLAT = 1e-3


@dataclass(frozen=True, slots=True)
class Blend:
    """The shares of likeness in meaning and look at once, in meaning, in look and in words."""

    both: float
    meaning: float
    form: float
    words: float


BLENDS = (Blend(0.3, 0.2, 0.3, 0.2), Blend(0.1, 0.5, 0.1, 0.3), Blend(0.0, 0.1, 0.6, 0.3))
"""Where look and topic tell how hard a question is, where the topic does, and where the look; held-out rows choose."""


@dataclass(frozen=True, slots=True, eq=False)
class Views:
    """Some questions, one a row: meaning (unit length), look (standardised), words, what was found, prior shortfall."""

    meaning: Singles
    form: Singles
    words: Singles
    found: Floats
    prior: Floats

    def without_words(self) -> "Views":
        """The same, and far smaller."""
        return replace(self, words=np.zeros((len(self.words), 0), np.float32))


@dataclass(frozen=True, slots=True, eq=False)
class Lens:
    """Turns questions into views: what is usual among those it was learned from is taken away."""

    mean_meaning: Floats
    mean_form: Floats
    spread_form: Floats
    mean_prior: float
    vocabulary: Vocabulary

    def view(self, asked: Sequence[Asked], *, words: bool = True) -> Views:
        """Without `words` their columns are left out: one question's are weighed by `Vocabulary.weigh_one`."""
        texts = [one.text for one in asked]
        form = (np.array([describe_form(text) for text in texts]) - self.mean_form) / self.spread_form
        return Views(
            meaning=_unit(np.array([one.vector for one in asked], np.float64) - self.mean_meaning),
            form=np.clip(form, -FARTHEST, FARTHEST).astype(np.float32),
            words=self.vocabulary.weigh(texts) if words else np.zeros((len(texts), 0), np.float32),
            found=np.array([describe_found(one) for one in asked]),
            prior=np.array([1.0 - prior_confidence(one) for one in asked]) - self.mean_prior,
        )


def learn_lens(asked: Sequence[Asked]) -> Lens:
    """What is usual among these."""
    forms = np.array([describe_form(one.text) for one in asked])
    return Lens(
        mean_meaning=np.array([one.vector for one in asked], np.float64).mean(axis=0),
        mean_form=forms.mean(axis=0),
        spread_form=forms.std(axis=0) + FLAT,
        mean_prior=float(np.mean([1.0 - prior_confidence(one) for one in asked])),
        vocabulary=learn_vocabulary([one.text for one in asked]),
    )


def describe_found(asked: Asked) -> list[float]:
    """The best similarity of all and of each collection; 0 where nothing was found."""
    by_collection = [asked.similarities.get(collection.value, 0.0) for collection in Collection]
    return [max(asked.similarities.values(), default=0.0), *by_collection]


def likeness(left: Views, right: Views, blend: Blend) -> Floats:
    """Of shape (left, right), and without the words: theirs is a plain product, which one question has by weights."""
    meaning = np.maximum(2.0 - 2.0 * left.meaning @ right.meaning.T, 0.0)
    form = np.exp(-_distances(left.form, right.form) / (2 * left.form.shape[1]))
    found = np.exp(-_distances(left.found, right.found) / (2 * NEAR_FOUND**2))
    whole: Floats = (
        blend.both * form * np.exp(-meaning / (2 * WIDE_MEANING**2))
        + blend.meaning * np.exp(-meaning / (2 * NEAR_MEANING**2))
        + blend.form * form
        + FOUND * found
        + PRIOR * np.outer(left.prior, right.prior)
    )
    return whole


def _distances(left: Floats | Singles, right: Floats | Singles) -> Floats:
    """Squared, of every pair of rows."""
    squares = (left**2).sum(axis=1)[:, None] + (right**2).sum(axis=1)[None, :]
    distances: Floats = np.maximum(squares - 2 * left @ right.T, 0.0)
    return distances


def _unit(rows: Floats) -> Singles:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return (rows / np.where(lengths > 0, lengths, 1.0)).astype(np.float32)
