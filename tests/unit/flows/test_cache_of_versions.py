"""The answers of a version go out of the cache with it, and those of one on trial never come in."""

from dataclasses import replace

from hybrid_coordinator.domain.interaction import CacheUse
from hybrid_coordinator.domain.query import Finished, Query, Usage
from hybrid_coordinator.flows.versioned_model import VersionedModel
from hybrid_coordinator.logic.version_names import is_other_version
from hybrid_coordinator.testing import ScriptedModel
from room import HOME, Room, answer

QUESTION = Query("What is the port of velgate?")


def pupil(name: str) -> ScriptedModel:
    return ScriptedModel((f"{name} says so", Finished(name, Usage(10, 5))), card=HOME)


async def test_what_a_replaced_version_said_is_not_said_again_until_it_is_back() -> None:
    home = VersionedModel(HOME, pupil("home"), "home")
    house = Room(models={"home": home}).house  # type: ignore[dict-item]

    said = [await answer(house, QUESTION)]
    await home.switch(pupil("home+v1"), "home+v1")
    said += [await answer(house, QUESTION), await answer(house, QUESTION)]
    await home.switch(pupil("home"), "home")
    said.append(await answer(house, QUESTION))

    assert [one.model_used for one in said] == ["home", "home+v1", "home+v1", "home"]
    assert [one.cache for one in said[:3]] == [CacheUse.NONE, CacheUse.NONE, CacheUse.EXACT]


async def test_what_a_version_on_trial_said_is_said_to_nobody_else() -> None:
    home = VersionedModel(HOME, pupil("home"), "home")
    house = Room(models={"home": home}).house  # type: ignore[dict-item]
    await home.try_out(pupil("home+v1"), "home+v1", 1.0)

    tried = await answer(house, replace(QUESTION, session_id="monday"))
    kept = await house.cache.entries()
    await home.end_trial()
    other = await answer(house, QUESTION)

    assert (tried.model_used, kept) == ("home+v1", [])
    assert (other.model_used, other.cache) == ("home", CacheUse.NONE)


def test_versions_of_a_base_are_told_from_strangers() -> None:
    assert is_other_version("tiny", "tiny+v1")
    assert is_other_version("tiny+v2", "tiny+v1")
    assert is_other_version("tiny+v12", "tiny")
    assert not is_other_version("tiny+v1", "tiny+v1")
    assert not is_other_version("gpt-4o", "tiny+v1")
    assert not is_other_version("tiny-v2", "tiny")
