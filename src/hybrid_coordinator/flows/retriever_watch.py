"""Part of the `deploy` step: what search has learned is compared with the way before, session by session.

A session counts with the mean over its settled questions of what the best passage shown for each had earned.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from statistics import fmean

from hybrid_coordinator.domain.learning import Arm, Worked
from hybrid_coordinator.domain.measures import Fared
from hybrid_coordinator.domain.versions import ANSWERING, ModelVersion, VersionStage
from hybrid_coordinator.flows.adapted_questions import RETRIEVER, AdaptedQuestions, goes_on_trial, trial_name
from hybrid_coordinator.flows.canary import DAY_S, STEP, enact
from hybrid_coordinator.flows.retriever_examples import ExampleGatherer, best_credit
from hybrid_coordinator.flows.versions import Versions
from hybrid_coordinator.logic.canary import (
    CanaryPolicy,
    Fate,
    Ruling,
    judge_promoted,
    judge_trial,
)
from hybrid_coordinator.logic.version_stages import Arms, arms
from hybrid_coordinator.ports import Clock


class RetrieverWatch:
    """Rules on the version of search that is on trial, or watched since it was promoted."""

    def __init__(
        self,
        versions: Versions,
        adapted: AdaptedQuestions,
        gatherer: ExampleGatherer,
        clock: Clock,
        policy: CanaryPolicy,
    ) -> None:
        self._versions = versions
        self._adapted = adapted
        self._gatherer = gatherer
        self._clock = clock
        self._policy = policy

    async def work(self) -> Worked:
        """Follow what is on record, take back what cannot be used, and rule on what is tried out or watched."""
        for lost in await self._adapted.follow():
            if lost.stage in ANSWERING:
                why = "its adapter is gone, or was made for another embedder"
                await self._versions.roll_back(lost.name, STEP, why)
        judged = await self._judge(arms(await self._versions.list(RETRIEVER), self._clock.now(), self._policy.share))
        await self._adapted.follow()
        if judged is None:
            return Worked()
        version, ruling = judged
        ruled = int(ruling.fate is not Fate.GO_ON)
        return Worked(done=ruled, counts={ruling.fate.value: ruled}, detail=f"{version.name}: {ruling.why}")

    async def _judge(self, known: Arms) -> tuple[ModelVersion, Ruling] | None:
        canary = known.trial.version if known.trial else None
        if canary is not None and canary.stage is VersionStage.CANARY:
            return canary, await self._judge_canary(canary, known)
        if known.trial is not None and known.serving is not None:
            return known.serving, await self._judge_promoted(known.serving, known)
        return None

    async def _judge_canary(self, canary: ModelVersion, known: Arms) -> Ruling:
        began = canary.canary_since or canary.changed_at
        mine, others = await self._fared(began, known)
        days = (self._clock.now() - began).total_seconds() / DAY_S
        ruling = judge_trial(canary, mine, others, days, self._policy)
        await enact(self._versions, canary, ruling)
        return ruling

    async def _judge_promoted(self, serving: ModelVersion, known: Arms) -> Ruling:
        control, mine = await self._fared(serving.serving_since or serving.changed_at, known)
        ruling = judge_promoted(mine, control, self._policy)
        await enact(self._versions, serving, ruling)
        return ruling

    async def _fared(self, since: datetime, known: Arms) -> tuple[Fared, Fared]:
        """The sessions that went the way on trial since then, and those that went the other."""
        share = known.trial.share if known.trial else 0.0
        sessions: dict[str, list[float]] = defaultdict(list)
        async for page, credited in self._gatherer.judged(since):
            for one in page:
                if one.session_id and one.created_at >= since:
                    sessions[one.session_id].append(best_credit(one, credited.get(one.id, {})))
        name = trial_name(known)
        means: dict[bool, list[float]] = {True: [], False: []}
        for session, credits in sessions.items():
            means[goes_on_trial(name, session, share)].append(fmean(credits))
        return _fared(means[True]), _fared(means[False])


def _fared(means: Sequence[float]) -> Fared:
    count = len(means)
    return Fared(Arm(count, sum(means), sum(mean * mean for mean in means), count), count)
