"""Part of the `deploy` step: a version on trial, or just promoted, is judged by how its answers fare."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from hybrid_coordinator.domain.learning import Worked
from hybrid_coordinator.domain.measures import Fared
from hybrid_coordinator.domain.versions import ModelVersion, VersionStage
from hybrid_coordinator.flows.versioned_model import VersionedModel
from hybrid_coordinator.flows.versions import Versions
from hybrid_coordinator.logic.canary import CanaryPolicy, Fate, Ruling, judge_promoted, judge_trial
from hybrid_coordinator.logic.version_stages import at_stage, is_watched, predecessors
from hybrid_coordinator.ports import Clock, Ledger

STEP = "deploy"

DAY_S = 86_400.0


async def enact(versions: Versions, version: ModelVersion, ruling: Ruling) -> None:
    """Do what was ruled of a version that is on trial, or serves and is watched: promoting that one ends the watch."""
    serves = version.stage is VersionStage.SERVING
    acts = {
        Fate.PROMOTE: versions.stop_watching if serves else versions.promote,
        Fate.ROLL_BACK: versions.roll_back,
        Fate.WITHDRAW: versions.hold,
    }
    if (act := acts.get(ruling.fate)) is not None:
        await act(version.name, STEP, ruling.why, ruling.measured)


class CanaryWatch:
    """Looks at every model of the house at each turn, and remembers nothing: what it did is on record."""

    def __init__(
        self,
        ledger: Ledger,
        versions: Versions,
        models: Mapping[str, VersionedModel],
        clock: Clock,
        policy: CanaryPolicy,
    ) -> None:
        self._ledger = ledger
        self._versions = versions
        self._models = models
        self._clock = clock
        self._policy = policy

    async def work(self) -> Worked:
        """Rule on whoever is on trial or watched. Going on is no change."""
        counts: Counter[str] = Counter()
        told: list[str] = []
        for model in self._models:
            versions = await self._versions.list(model)
            if (judged := await self._judge(model, versions)) is not None:
                version, ruling = judged
                counts[ruling.fate.value] += ruling.fate is not Fate.GO_ON
                told.append(f"{version.name}: {ruling.why}")
        return Worked(done=counts.total(), counts=counts, detail="; ".join(told))

    async def _judge(self, model: str, versions: Sequence[ModelVersion]) -> tuple[ModelVersion, Ruling] | None:
        serving, canary = at_stage(versions, VersionStage.SERVING), at_stage(versions, VersionStage.CANARY)
        if canary is not None:
            return canary, await self._judge_canary(model, canary, serving)
        if serving is not None and is_watched(serving, self._clock.now()):
            below = predecessors(versions)
            return serving, await self._judge_promoted(model, serving, below[0] if below else None)
        return None

    async def _judge_canary(self, model: str, canary: ModelVersion, serving: ModelVersion | None) -> Ruling:
        """Only what was answered while both did counts."""
        began = canary.canary_since or canary.changed_at
        since = max(began, serving.serving_since) if serving and serving.serving_since else began
        mine, others = await self._fared(model, canary.name, _name(serving, canary), since)
        days = (self._clock.now() - began).total_seconds() / DAY_S
        ruling = judge_trial(canary, mine, others, days, self._policy)
        await enact(self._versions, canary, ruling)
        return ruling

    async def _judge_promoted(self, model: str, serving: ModelVersion, control: ModelVersion | None) -> Ruling:
        since = serving.serving_since or serving.changed_at
        mine, others = await self._fared(model, serving.name, _name(control, serving), since)
        ruling = judge_promoted(mine, others, self._policy)
        await enact(self._versions, serving, ruling)
        return ruling

    async def _fared(self, model: str, name: str, other: str, since: datetime) -> tuple[Fared, Fared]:
        fared = await self._ledger.fared([name, other], since)
        return self._with_failures(model, name, fared), self._with_failures(model, other, fared)

    def _with_failures(self, model: str, name: str, known: Mapping[str, Fared]) -> Fared:
        """What a version failed to begin was answered by another, and is not recorded under its name: the model itself
        has counted it, of both sides, since the trial began in this process."""
        fared, house = known.get(name, Fared()), self._models[model]
        counted = next((one for one in (house.trial, house.control) if one is not None and one.name == name), None)
        if counted is None:
            return fared
        return replace(
            fared, interactions=max(fared.interactions, counted.asked), failed=max(fared.failed, counted.failed)
        )


def _name(version: ModelVersion | None, beside: ModelVersion) -> str:
    """What answers as a version is recorded under its name; the base under its own."""
    return version.name if version else beside.base.name
