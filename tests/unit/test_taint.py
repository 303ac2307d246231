"""What was trained on an excluded interaction is named, is not promoted, and can be dropped and trained anew."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hybrid_coordinator.domain.training import Recipe, Run, RunState, Teaching
from hybrid_coordinator.domain.versions import VersionStage
from hybrid_coordinator.errors import Conflict, NotFound
from hybrid_coordinator.flows.exclusion import Exclusion
from hybrid_coordinator.flows.taint import Taint, TaintMarker
from hybrid_coordinator.logic.canary import CanaryPolicy
from learning_room import LearningRoom, make_interaction, make_item
from version_room import BASE, START, VersionRoom, make_version

CANDIDATE, SERVING = VersionStage.CANDIDATE, VersionStage.SERVING
RETIRED, DROPPED = VersionStage.RETIRED, VersionStage.DROPPED


class Trained(VersionRoom):
    """Versions, and what they were trained on. What is learned anew is in `rebuilt`."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.rebuilt: list[str] = []
        self.taint = Taint(self.runs, self.versions, self._rebuild)

    async def _rebuild(self, model: str) -> Run:
        self.rebuilt.append(model)
        return Run("again", START, START, RunState.WAITING, model, Teaching.LORA, BASE, Recipe())


@pytest.fixture
async def learning(tmp_path: Path) -> AsyncIterator[LearningRoom]:
    room = await LearningRoom.open(tmp_path)
    for number in (1, 2, 3):
        await room.ledger.append(make_interaction(f"i{number}"))
    yield room
    await room.stored.aclose()


@pytest.fixture
async def trained() -> Trained:
    room = Trained(policy=CanaryPolicy(watch_days=0))
    await room.keep(make_version(1), make_version(2), make_version(3))
    return room


def exclusion(learning: LearningRoom, trained: Trained) -> Exclusion:
    marker = TaintMarker(trained.runs, learning.ledger, trained.clock)
    return Exclusion(learning.catalog, learning.ledger, learning.tracer, learning.cache, learning.clock, marker)


async def test_excluding_names_every_version_that_was_trained_on_it(learning: LearningRoom, trained: Trained) -> None:
    await trained.runs.keep_sources("tiny+v1", ["i1", "i2"])
    await trained.runs.keep_sources("tiny+v2", ["i2"])
    await trained.runs.keep_sources("tiny+v3", ["i1"])

    done = await exclusion(learning, trained).exclude("i1", "holds a name")

    assert done.versions == ("tiny+v3", "tiny+v1")
    assert (await trained.runs.version("tiny+v1")).tainted_by == ("i1",)
    assert (await trained.runs.version("tiny+v2")).tainted_by == ()
    [(_, change), *_] = await trained.runs.log(name="tiny+v3", limit=1)
    assert (change.action, change.why) == ("note", "interaction i1 was excluded: holds a name")


async def test_what_was_learned_from_it_taints_too(learning: LearningRoom, trained: Trained) -> None:
    await learning.learn(make_item("a", "i1"))
    await learning.learn(make_item("b", "i2", rests_on=("a",)))
    await learning.learn(make_item("c", "i1", "i2", "i3"))
    for version, source in (("tiny+v1", "a"), ("tiny+v2", "b"), ("tiny+v3", "c")):
        await trained.runs.keep_sources(version, [source])

    done = await exclusion(learning, trained).exclude("i1", "wrong")

    assert done.versions == ("tiny+v3", "tiny+v2", "tiny+v1")


async def test_excluding_again_names_the_same_and_writes_nothing(learning: LearningRoom, trained: Trained) -> None:
    await learning.learn(make_item("c", "i1", "i2", "i3"))
    await trained.runs.keep_sources("tiny+v1", ["c"])
    first = await exclusion(learning, trained).exclude("i1", "wrong")
    length = len(await trained.runs.log(limit=50))

    again = await exclusion(learning, trained).exclude("i1", "really")

    assert first.versions == again.versions == ("tiny+v1",)
    assert len(await trained.runs.log(limit=50)) == length


async def test_a_version_registered_after_the_exclusion_is_marked_by_the_step(
    learning: LearningRoom, trained: Trained
) -> None:
    await learning.ledger.exclude("i1", "wrong", START)
    await trained.runs.keep_sources("tiny+v2", ["i1", "i2"])
    marker = TaintMarker(trained.runs, learning.ledger, trained.clock)

    first, second = await marker.work(), await marker.work()

    assert (first.done, second.done) == (1, 0)
    assert (await trained.runs.version("tiny+v2")).tainted_by == ("i1",)


async def test_nothing_excluded_marks_nothing(learning: LearningRoom, trained: Trained) -> None:
    await trained.runs.keep_sources("tiny+v2", ["i1"])

    assert (await TaintMarker(trained.runs, learning.ledger, trained.clock).work()).done == 0


@pytest.mark.parametrize("act", ["start_canary", "promote"])
async def test_a_tainted_version_does_not_begin_to_answer(trained: Trained, act: str) -> None:
    await trained.keep(make_version(4, tainted_by=("i1",)))

    with pytest.raises(Conflict, match="trained on 'i1', excluded since"):
        await getattr(trained.versions, act)("tiny+v4", "person", "all the same")

    assert trained.host.opened == []


async def test_a_tainted_predecessor_is_not_gone_back_to(trained: Trained) -> None:
    await trained.keep(
        make_version(4, RETIRED, serving_since=START, tainted_by=("i1",)), make_version(5, SERVING, serving_since=START)
    )
    await trained.following.follow("local")

    await trained.versions.roll_back("local", "person", "worse")

    assert trained.answering == ("tiny", None)


async def test_dropping_gives_way_to_the_newest_clean_version(trained: Trained) -> None:
    for number in (1, 2, 3):
        await trained.versions.promote(f"tiny+v{number}", "person", "")
        trained.workshop.finish({"run_id": f"run-{number}"}, {"adapter.gguf": b"lora"})
        trained.clock.advance(60)

    dropped = await trained.taint.drop(["tiny+v3", "tiny+v2"], "holds a name")

    assert [version.name for version in dropped] == ["tiny+v2", "tiny+v3"]
    assert await trained.stages() == {"tiny+v1": SERVING, "tiny+v2": DROPPED, "tiny+v3": DROPPED}
    assert trained.answering == ("tiny+v1", None)
    assert "tiny+v2" not in [name for name, _ in trained.host.opened[3:]]
    assert [await trained.workshop.size(f"run-{number}") > 0 for number in (1, 2, 3)] == [True, False, False]
    assert ("model_dropped", "tiny+v3") in trained.events


async def test_dropping_all_leaves_the_base(trained: Trained) -> None:
    await trained.versions.promote("tiny+v1", "person", "")
    await trained.versions.start_canary("tiny+v2", "person", "")

    await trained.taint.drop(["tiny+v1", "tiny+v2", "tiny+v3"], "wrong")
    await trained.taint.drop(["tiny+v1"], "again")

    assert set((await trained.stages()).values()) == {DROPPED}
    assert trained.answering == ("tiny", None)


async def test_what_is_dropped_is_trained_anew_once_a_model(trained: Trained) -> None:
    runs = await trained.taint.rebuild(["tiny+v1", "tiny+v2"])

    assert [run.id for run in runs] == ["again"]
    assert trained.rebuilt == ["local"]


async def test_an_unknown_version_cannot_be_dropped(trained: Trained) -> None:
    with pytest.raises(NotFound):
        await trained.taint.drop(["tiny+v1", "tiny+v9"], "wrong")

    assert (await trained.stages())["tiny+v1"] is CANDIDATE
