"""A version that answers worse goes back by itself: real weights in a real house, and nobody who decides by hand."""

from dataclasses import replace
from pathlib import Path
from statistics import fmean

from adapters import RUINOUS, version_of, write_adapter
from hybrid_coordinator.app import House, open_house
from hybrid_coordinator.backends.models.hosts.adapters import Fingerprints
from hybrid_coordinator.backends.trainers.workshop import FolderWorkshop
from hybrid_coordinator.domain.interaction import Interaction
from hybrid_coordinator.domain.query import Query, Wishes
from hybrid_coordinator.domain.training import BaseWeights
from hybrid_coordinator.domain.versions import ModelVersion, VersionChange, VersionStage
from hybrid_coordinator.logic.canary import CanaryPolicy
from hybrid_coordinator.settings import LocalSettings
from learning_house import BAD, GOOD, settings_in
from servers import smollm2

QUESTION, ANSWER = "What is the capital of France?", "Paris"
PLAIN = Wishes(cache=False, context=False)
MOST_SESSIONS = 200
LOOKED_AT_EVERY = 10


async def ask(house: House, session: str) -> Interaction:
    """Ask the local model, and say whether it was right."""
    query = Query(QUESTION, session_id=session, model="local", max_tokens=16, temperature=0.0, wishes=PLAIN)
    told = await house.answer_whole(query)
    await house.feedback.settle(told.id, GOOD if ANSWER in told.response else BAD)
    return told


def ruined(folder: Path, base: BaseWeights) -> ModelVersion:
    """A version whose weights are disturbed, with its files where a run would have left them."""
    run = FolderWorkshop(folder / "runs").folder("run-1")
    run.mkdir(parents=True)
    file = write_adapter(run / "adapter.gguf", base.sha256, strength=RUINOUS)
    return replace(version_of(file, base, 1), artefact=file.name)


async def test_a_version_on_trial_that_answers_worse_is_rolled_back_with_the_reason(tmp_path: Path) -> None:
    base = BaseWeights(smollm2().stem, await Fingerprints().of(smollm2()), str(smollm2()))
    settings = settings_in(
        tmp_path, canary=CanaryPolicy(share=0.5), local=LocalSettings(model_path=str(smollm2()), context_tokens=512)
    )
    async with open_house(settings) as house:
        training = house.training
        version = ruined(tmp_path, base)
        await training.runs.apply([VersionChange(None, version, "register", "train")], house.clock.now())
        await training.versions.start_canary(version.name, "person", "a trial of something ruined")

        answered: dict[str, list[bool]] = {}
        for number in range(1, MOST_SESSIONS):
            told = await ask(house, f"session {number}")
            answered.setdefault(str(told.model_used), []).append(ANSWER in told.response)
            if number % LOOKED_AT_EVERY == 0 and (await training.canary.work()).done:
                break
        after = await training.runs.version(version.name)
        last = [await ask(house, f"later {number}") for number in range(4)]

    assert after.stage is VersionStage.ROLLED_BACK
    assert "worse" in after.why
    assert fmean(answered[version.name]) < fmean(answered[base.name])
    assert {one.model_used for one in last} == {base.name}
    assert all(ANSWER in one.response for one in last)
