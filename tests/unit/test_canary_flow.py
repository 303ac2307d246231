"""Versions on trial are ruled on by what is recorded, and whoever should answers then."""

from contextlib import aclosing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from hybrid_coordinator.backends.ledger.records import Records
from hybrid_coordinator.domain.versions import VersionStage
from hybrid_coordinator.errors import ModelUnavailable
from hybrid_coordinator.logic.canary import CanaryPolicy
from version_room import START, VersionRoom, make_version

CANARY, HELD, SERVING = VersionStage.CANARY, VersionStage.HELD, VersionStage.SERVING
ROLLED_BACK, RETIRED = VersionStage.ROLLED_BACK, VersionStage.RETIRED
DAY_S = 86_400.0


async def on_trial(policy: CanaryPolicy | None = None) -> VersionRoom:
    """A room where v1 has become the canary of the base."""
    room = VersionRoom(policy=policy or CanaryPolicy())
    await room.keep(make_version(1))
    await room.versions.start_canary("tiny+v1", "measure", "it measured better")
    return room


async def test_while_nothing_is_known_the_trial_goes_on() -> None:
    room = await on_trial()

    worked = await room.watch.work()

    assert (worked.done, worked.detail) == (0, "tiny+v1: not known yet: no credit so far")
    assert room.answering == ("tiny", "tiny+v1")


async def test_a_better_canary_is_promoted_by_itself_and_watched() -> None:
    room = await on_trial()
    await room.fare("tiny+v1", 15, 15)
    await room.fare("tiny", 40, 4)

    worked = await room.watch.work()

    assert (worked.done, worked.counts) == (1, {"promote": 1})
    version = await room.runs.version("tiny+v1")
    assert (version.stage, version.watched_until) == (SERVING, START + timedelta(days=7))
    assert version.why.startswith("it fares better: credit 1.00 against 0.10")
    assert [measured.metric for measured in version.canary] == ["credit", "failures"]
    assert room.answering == ("tiny+v1", "tiny")
    assert room.events == [("model_canary", "tiny+v1"), ("model_promoted", "tiny+v1")]


async def test_a_worse_canary_is_rolled_back_by_itself() -> None:
    room = await on_trial()
    await room.fare("tiny+v1", 15, 0)
    await room.fare("tiny", 40, 36)

    await room.watch.work()

    version = await room.runs.version("tiny+v1")
    assert version.stage is ROLLED_BACK
    assert version.why.startswith("it fares worse: credit 0.00 against 0.90")
    assert room.answering == ("tiny", None)
    assert await room.ask("anybody") == "tiny"


async def test_an_undecided_canary_is_withdrawn_after_its_time() -> None:
    room = await on_trial()
    await room.fare("tiny+v1", 5, 4)
    room.clock.advance(15 * DAY_S)

    worked = await room.watch.work()

    assert worked.counts == {"withdraw": 1}
    assert await room.stages() == {"tiny+v1": HELD}
    assert room.answering == ("tiny", None)


async def test_answers_that_broke_off_count_also_in_a_process_that_has_not_seen_them() -> None:
    room = await on_trial()
    await room.fare("tiny+v1", 3, 3, failures=40)
    await room.fare("tiny", 60, 55)

    await room.watch.work()

    [failures] = [one for one in (await room.runs.version("tiny+v1")).canary if one.metric == "failures"]
    assert failures.after == pytest.approx(40 / 43)


async def test_a_canary_that_fails_before_its_first_word_harms_nobody_and_is_rolled_back() -> None:
    room = VersionRoom({"tiny+v1": [(ModelUnavailable("it died"),)]}, CanaryPolicy(share=1.0))
    await room.keep(make_version(1))
    await room.versions.start_canary("tiny+v1", "measure", "")

    answered = {await room.ask(f"session {number}") for number in range(30)}
    await room.fare("tiny", 30, 30)
    await room.watch.work()

    assert answered == {"tiny"}
    version = await room.runs.version("tiny+v1")
    assert version.stage is ROLLED_BACK
    assert version.why.startswith("it fails to answer more often")


async def test_what_was_answered_before_the_trial_does_not_count() -> None:
    room = VersionRoom()
    await room.keep(make_version(1))
    await room.fare("tiny", 60, 60)
    await room.fare("tiny+v1", 60, 0)
    room.clock.advance(60)
    await room.versions.start_canary("tiny+v1", "measure", "")

    await room.watch.work()

    assert await room.stages() == {"tiny+v1": CANARY}


async def test_a_canary_is_compared_with_what_serves_now_since_that_does() -> None:
    room = VersionRoom(policy=CanaryPolicy(watch_days=0))
    await room.keep(make_version(1), make_version(2))
    await room.versions.promote("tiny+v1", "person", "")
    room.clock.advance(60)
    await room.versions.start_canary("tiny+v2", "measure", "")
    await room.fare("tiny+v2", 15, 0)
    await room.fare("tiny", 60, 60)

    await room.watch.work()
    before = await room.stages()
    await room.fare("tiny+v1", 60, 60)
    await room.watch.work()

    assert before == {"tiny+v1": SERVING, "tiny+v2": CANARY}
    assert await room.stages() == {"tiny+v1": SERVING, "tiny+v2": ROLLED_BACK}


async def test_one_that_gets_worse_under_full_traffic_is_rolled_back_to_its_control() -> None:
    room = await on_trial()
    await room.versions.promote("tiny+v1", "person", "")
    room.clock.advance(DAY_S)
    await room.fare("tiny+v1", 60, 6)
    await room.fare("tiny", 15, 15)

    worked = await room.watch.work()

    assert worked.counts == {"roll back": 1}
    version = await room.runs.version("tiny+v1")
    assert version.stage is ROLLED_BACK
    assert version.why.startswith("now that it answers everybody, it fares worse")
    assert room.answering == ("tiny", None)


async def test_one_that_stays_better_needs_no_control_any_more() -> None:
    room = await on_trial()
    await room.versions.promote("tiny+v1", "person", "")
    await room.fare("tiny+v1", 60, 60)
    await room.fare("tiny", 15, 0)

    await room.watch.work()

    version = await room.runs.version("tiny+v1")
    assert (version.stage, version.watched_until) == (SERVING, None)
    assert room.answering == ("tiny+v1", None)
    assert (await room.watch.work()).detail == ""


async def test_after_the_watch_nothing_is_ruled_on() -> None:
    room = await on_trial()
    await room.versions.promote("tiny+v1", "person", "")
    await room.fare("tiny+v1", 60, 6)
    await room.fare("tiny", 15, 15)
    room.clock.advance(8 * DAY_S)

    worked = await room.watch.work()

    assert (worked.done, worked.detail) == (0, "")
    assert await room.stages() == {"tiny+v1": SERVING}


async def test_a_ruling_that_was_broken_off_is_made_again() -> None:
    room = VersionRoom(policy=CanaryPolicy(watch_days=0))
    await room.keep(make_version(1), make_version(2))
    await room.versions.promote("tiny+v1", "person", "")
    await room.versions.start_canary("tiny+v2", "measure", "")
    room.open_process()
    room.host.troubles["tiny+v2"] = ModelUnavailable("no memory just now")
    await room.fare("tiny+v2", 15, 15)
    await room.fare("tiny+v1", 60, 6)
    with pytest.raises(ModelUnavailable):
        await room.watch.work()
    unchanged = await room.stages()

    del room.host.troubles["tiny+v2"]
    await room.watch.work()

    assert unchanged == {"tiny+v1": SERVING, "tiny+v2": CANARY}
    assert await room.stages() == {"tiny+v1": RETIRED, "tiny+v2": SERVING}
    assert room.answering == ("tiny+v2", None)


async def test_a_clock_that_goes_back_withdraws_nothing() -> None:
    room = await on_trial()
    room.clock.advance(-30 * DAY_S)

    await room.watch.work()

    assert await room.stages() == {"tiny+v1": CANARY}


async def test_a_version_trained_on_what_is_excluded_is_not_promoted() -> None:
    room = VersionRoom()
    await room.keep(replace(make_version(1, CANARY, canary_since=START), tainted_by=("i1",)))
    await room.following.follow("local")
    await room.fare("tiny+v1", 15, 15)
    await room.fare("tiny", 40, 4)

    worked = await room.watch.work()

    assert worked.counts == {"withdraw": 1}
    version = await room.runs.version("tiny+v1")
    assert (version.stage, room.answering) == (HELD, ("tiny", None))
    assert "excluded since" in version.why


async def test_a_whole_life_is_on_record_and_outlives_the_process(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'ledger.sqlite'}"
    async with aclosing(await Records.open(url)) as records:
        room = VersionRoom(runs=records.runs, ledger=records.ledger)
        await room.keep(make_version(1), make_version(2))
        await room.versions.start_canary("tiny+v1", "measure", "it measured better")
        await room.fare("tiny+v1", 15, 15)
        await room.fare("tiny", 40, 4)
        room.clock.advance(60)
        await room.watch.work()

    async with aclosing(await Records.open(url)) as records:
        room.runs, room.ledger = records.runs, records.ledger
        room.open_process()
        await room.following.restore()
        served = await room.ask()
        await room.following.follow("local")
        watched = room.answering
        room.clock.advance(DAY_S)
        await room.fare("tiny+v1", 60, 6)
        await room.fare("tiny", 15, 15)
        await room.watch.work()
        log = [change.action for _, change in await records.runs.log(name="tiny+v1", limit=9)]
        broken = await records.runs.check_log()

    assert (served, watched, room.answering) == ("tiny+v1", ("tiny+v1", "tiny"), ("tiny", None))
    assert (log, broken) == (["roll-back", "promote", "canary", "register"], None)
