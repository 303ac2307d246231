"""Learn from outcomes how likely a local answer is to suffice: kernel ridge regression on what is lost by staying home.

shortfall(q) = mean + share · (prior(q) - mean prior) + Σ weight_i · likeness(q, q_i)

`shortfall` is remote minus local quality. The ridge, the blend of likenesses and the prior's share are those that err
least on held-out folds; the held-out shortfalls also calibrate the probability and say whether it can be trusted.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hybrid_coordinator.domain.evidence import Asked, Evidence, Judgement, Trial
from hybrid_coordinator.logic.router_calibration import Calibration, calibrate
from hybrid_coordinator.logic.router_prior import prior_confidence, tree_confidence
from hybrid_coordinator.logic.router_ridge import assign_folds, fit_ridge
from hybrid_coordinator.logic.router_trust import LearningPolicy, brier, deserves_trust
from hybrid_coordinator.logic.router_views import Blend, Lens, Views, learn_lens, likeness

Floats = NDArray[np.float64]

NEIGHBOURS = 12
LEAST_TO_FIT = 2

WELL = 0.5
"""From this quality on an answer was a good one."""


@dataclass(frozen=True, slots=True, eq=False)
class HeldOut:
    """What was predicted for each row by the others: p, and how far local sufficed, with both qualities."""

    p: Floats
    suffices: Floats
    local: Floats
    remote: Floats

    def trials(self) -> list[Trial]:
        """The rows one by one."""
        return [Trial(*map(float, row)) for row in zip(self.p, self.local, self.remote, strict=True)]

    def errors(self) -> list[float]:
        """The squared error of each row."""
        return [float(error) for error in brier(self.p, self.suffices)]


@dataclass(frozen=True, slots=True, eq=False)
class LearnedModel:
    """All that a judgement needs. `views` are of the rows learned from, without their words."""

    lens: Lens
    views: Views
    blend: Blend
    weights: Floats
    word_weights: Floats
    mean: float
    prior_share: float
    usual_remote: float
    calibration: Calibration
    held_out: HeldOut
    trusted: bool

    @property
    def dimension(self) -> int:
        """Of the vectors it was learned from."""
        return len(self.lens.mean_meaning)

    def judge(self, asked: Asked) -> Judgement:
        """The probability that local suffices, and the past questions that say so."""
        view = self.lens.view([asked], words=False)
        columns, words = self.lens.vocabulary.weigh_one(asked.text)
        shortfall = self.mean + self.prior_share * view.prior + likeness(view, self.views, self.blend) @ self.weights
        shortfall = shortfall + self.blend.words * float(words @ self.word_weights[columns])
        p = float(self.calibration.apply(shortfall)[0])
        return Judgement(p, f"{self._nearest(view)}; p {p:.2f}", len(self.weights), self.trusted)

    def squared_error(self, row: Evidence) -> float | None:
        """How wrong the judgement of this row is; None where nothing is known of its local answer."""
        if row.local is None:
            return None
        remote = self.usual_remote if row.remote is None else row.remote
        return (self.judge(row.asked).p - (1.0 - max(0.0, remote - row.local))) ** 2

    def _nearest(self, view: Views) -> str:
        likenesses = self.views.meaning @ view.meaning[0]
        near = np.argpartition(-likenesses, min(NEIGHBOURS, len(likenesses)) - 1)[:NEIGHBOURS]
        well = int((self.held_out.local[near] >= WELL).sum())
        return f"of the {len(near)} most similar questions asked before, {well} were answered well at home"


@dataclass(frozen=True, slots=True, eq=False)
class _Outcomes:
    """Qualities by row. Where nobody asked the remote model it counts as good as it was elsewhere."""

    local: Floats
    remote: Floats
    usual_remote: float

    @property
    def shortfall(self) -> Floats:
        return self.remote - self.local

    @property
    def suffices(self) -> Floats:
        """1 where local was at least as good as remote."""
        return 1.0 - np.maximum(self.shortfall, 0.0)


def judge_untaught(asked: Asked) -> Judgement:
    """What is thought of a question as long as no outcome is known."""
    p = prior_confidence(asked)
    return Judgement(p, f"no outcome was learned from yet; by its size and what was found, p {p:.2f}", 0, trusted=False)


def fit_model(rows: Sequence[Evidence], policy: LearningPolicy) -> LearnedModel | None:
    """Learn from the last `policy.most_rows` rows whose local outcome is known; None where there are fewer than two.

    The same rows in the same order give the same model.
    """
    known = [row for row in rows if row.local is not None][-policy.most_rows :]
    if len(known) < LEAST_TO_FIT:
        return None
    asked = [row.asked for row in known]
    outcomes = _outcomes(known)
    lens = learn_lens(asked)
    views = lens.view(asked)
    fit = fit_ridge(views, outcomes.shortfall, assign_folds(_groups(known)))
    calibration = calibrate(fit.held_out, outcomes.suffices)
    held_out = HeldOut(calibration.apply(fit.held_out), outcomes.suffices, outcomes.local, outcomes.remote)
    tree = np.array([tree_confidence(one) for one in asked])
    return LearnedModel(
        lens=lens,
        views=views.without_words(),
        blend=fit.blend,
        weights=fit.weights,
        word_weights=views.words.T.astype(np.float64) @ fit.weights,
        mean=fit.mean,
        prior_share=fit.prior_share,
        usual_remote=outcomes.usual_remote,
        calibration=calibration,
        held_out=held_out,
        trusted=deserves_trust(held_out.p, tree, held_out.suffices, policy),
    )


def _outcomes(rows: Sequence[Evidence]) -> _Outcomes:
    told = [row.remote for row in rows if row.remote is not None]
    usual = sum(told) / len(told) if told else 1.0
    local = np.array([row.local for row in rows], np.float64)
    remote = np.array([usual if row.remote is None else row.remote for row in rows], np.float64)
    return _Outcomes(local, remote, usual)


def _groups(rows: Sequence[Evidence]) -> list[str | int]:
    """A row without a group is one of its own."""
    return [index if row.group is None else row.group for index, row in enumerate(rows)]
