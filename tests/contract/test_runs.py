"""What every store of training runs and versions promises, and what one in SQL withstands."""

import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import closing
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import anyio
import pytest
from sqlalchemy.exc import DBAPIError

from hybrid_coordinator.backends.ledger.engines import open_store
from hybrid_coordinator.backends.ledger.records import Records
from hybrid_coordinator.backends.ledger.run_rows import run_from_json, run_to_json
from hybrid_coordinator.backends.ledger.version_rows import version_from_json, version_to_json
from hybrid_coordinator.domain.training import BaseWeights, Progress, Recipe, Run, RunState, Teaching
from hybrid_coordinator.domain.versions import (
    Decision,
    ExamAnswer,
    Measured,
    ModelVersion,
    Verdict,
    VersionChange,
    VersionStage,
)
from hybrid_coordinator.errors import Conflict, NotFound
from hybrid_coordinator.ports import Runs
from hybrid_coordinator.testing import MemoryRuns
from postgresql import Cluster

NOON = datetime(2026, 3, 4, 12, 0, 0, 123456, tzinfo=UTC)
BASE = BaseWeights("SmolLM2", "ab" * 32, "/models/\ud800.gguf")
RECIPE = Recipe(
    rank=32,
    alpha=64.0,
    targets=("q", "v"),
    dropout=0.1,
    epochs=2.5,
    learning_rate=1e-3,
    batch=4,
    length=512,
    seed=1,
    patience=3,
    replay_share=0.1 + 0.2,
    stay_weight=0.5,
    preference_epochs=2.0,
    preference_beta=0.2,
    minutes=20.0,
    memory_gb=4.0,
    device="cpu",
    merged=True,
)
FULL_RUN = Run(
    id="full",
    created_at=NOON,
    changed_at=NOON + timedelta(seconds=1),
    state=RunState.FAILED,
    model="local",
    teaching=Teaching.LORA,
    base=BASE,
    recipe=RECIPE,
    dataset_hash="cd" * 32,
    rows=160,
    pairs=12,
    held_out=80,
    started_by="schedule",
    attempts=3,
    job="job \x00 7",
    progress=Progress("train", 40, 320, 61.5, 1 / 3),
    error="out of memory \ud800; lower the batch",
    version="SmolLM2+v3",
    spent_s=12.25,
    notes={"machine": "🕰", "a": "b"},
    instance="the one in the cellar",
)
GAIN = Measured("recall", 80, 0.025, 0.9, 0.8, 0.95, "lower", relative=True, groups=40)
FULL_VERSION = ModelVersion(
    name="full",
    number=3,
    model="local",
    teaching=Teaching.OPENAI,
    stage=VersionStage.ROLLED_BACK,
    run_id="r1",
    base=BASE,
    created_at=NOON,
    changed_at=NOON + timedelta(seconds=1),
    artefact="adapter.gguf",
    sha256="ef" * 32,
    scale=0.5,
    vendor_model="ft:gpt",
    dataset_hash="cd" * 32,
    rows=160,
    measured_against="SmolLM2+v2",
    measured=(GAIN, replace(GAIN, metric="exact")),
    verdict=Verdict(Decision.PROMOTE, "it recalls more \x00\ud800"),
    canary=(GAIN,),
    canary_since=NOON + timedelta(seconds=2),
    serving_since=NOON + timedelta(seconds=3),
    why="worse under full traffic",
    watched_until=NOON + timedelta(seconds=4),
    tainted_by=("i2", "i1"),
)


def run(id: str, state: RunState = RunState.WAITING) -> Run:
    return Run(id, NOON, NOON, state, "local", Teaching.LORA, BaseWeights("SmolLM2", "ab"), Recipe())


def version(name: str, number: int = 1, stage: VersionStage = VersionStage.CANDIDATE) -> ModelVersion:
    base = BaseWeights("SmolLM2", "ab")
    return ModelVersion(name, number, "local", Teaching.LORA, stage, "r1", base, NOON, NOON)


def register(made: ModelVersion) -> VersionChange:
    return VersionChange(None, made, "register", "train", "it is whole")


def move(before: ModelVersion, stage: VersionStage) -> VersionChange:
    return VersionChange(before, replace(before, stage=stage), "promote", "person", "tried \ud800")


def names(versions: Sequence[ModelVersion]) -> list[str]:
    return [one.name for one in versions]


def ids(runs: Sequence[Run]) -> list[str]:
    return [one.id for one in runs]


class RunsContract:
    """The promises of the port."""

    # Runs

    async def test_every_field_of_a_run_comes_back_as_it_was(self, runs: Runs) -> None:
        for kind, made in ((Run, FULL_RUN), (Recipe, RECIPE), (Progress, FULL_RUN.progress)):
            assert all(getattr(made, field.name) != field.default for field in fields(kind))

        await runs.put_run(FULL_RUN, None)

        assert await runs.run("full") == FULL_RUN

    async def test_an_unknown_run_is_not_found(self, runs: Runs) -> None:
        with pytest.raises(NotFound, match="'nobody'"):
            await runs.run("nobody")

    async def test_a_run_is_put_in_place_of_what_it_was(self, runs: Runs) -> None:
        await runs.put_run(run("a"), None)

        await runs.put_run(run("a", RunState.RUNNING), run("a"))

        assert await runs.runs(limit=9) == [run("a", RunState.RUNNING)]

    async def test_a_run_that_somebody_else_changed_is_refused(self, runs: Runs) -> None:
        await runs.put_run(run("a"), None)
        await runs.put_run(run("a", RunState.RUNNING), run("a"))

        for id, before in (("a", run("a")), ("a", None), ("b", run("b"))):
            with pytest.raises(Conflict, match="was changed by somebody else"):
                await runs.put_run(run(id, RunState.CANCELLED), before)

        assert await runs.runs(limit=9) == [run("a", RunState.RUNNING)]

    async def test_runs_come_newest_first_and_by_state(self, runs: Runs) -> None:
        states = {"a": RunState.WAITING, "b": RunState.FINISHED, "c": RunState.RUNNING}
        for id, state in states.items():
            await runs.put_run(replace(run(id, state), created_at=NOON - timedelta(hours=ord(id))), None)
        await runs.put_run(run("a", RunState.RUNNING), await runs.run("a"))

        assert ids(await runs.runs(limit=9)) == ["c", "b", "a"]
        assert ids(await runs.runs(limit=1)) == ["c"]
        assert ids(await runs.runs(limit=9, states=[RunState.RUNNING])) == ["c", "a"]
        assert await runs.runs(limit=9, states=[]) == []

    # Versions

    async def test_every_field_of_a_version_comes_back_as_it_was(self, runs: Runs) -> None:
        for kind, made in ((ModelVersion, FULL_VERSION), (Measured, GAIN)):
            assert all(getattr(made, field.name) != field.default for field in fields(kind))

        await runs.apply([register(FULL_VERSION)], NOON)

        assert await runs.version("full") == FULL_VERSION

    async def test_an_unknown_version_is_not_found(self, runs: Runs) -> None:
        with pytest.raises(NotFound, match="'nobody'"):
            await runs.version("nobody")

    async def test_versions_come_by_number_the_newest_first(self, runs: Runs) -> None:
        embedder = replace(version("e+v3", 3), model="embedder")
        await runs.apply([register(one) for one in (version("v2", 2), version("v10", 10), embedder)], NOON)

        assert names(await runs.versions()) == ["v10", "e+v3", "v2"]
        assert names(await runs.versions("local")) == ["v10", "v2"]
        assert await runs.versions("nobody") == []

    async def test_a_change_of_what_somebody_else_changed_is_refused(self, runs: Runs) -> None:
        await runs.apply([register(version("a"))], NOON)
        await runs.apply([move(version("a"), VersionStage.CANARY)], NOON)

        for stale in (register(version("a")), move(version("a"), VersionStage.HELD), move(version("b"), ANY)):
            with pytest.raises(Conflict, match=r"'[ab]' was changed by somebody else"):
                await runs.apply([stale], NOON)

        assert await runs.versions() == [version("a", stage=VersionStage.CANARY)]

    async def test_of_several_changes_all_are_made_or_none(self, runs: Runs) -> None:
        await runs.apply([register(version("a"))], NOON)

        with pytest.raises(Conflict):
            await runs.apply([register(version("b")), move(version("a"), ANY), register(version("a"))], NOON)

        assert await runs.versions() == [version("a")]
        assert len(await runs.log(limit=9)) == 1

    async def test_one_version_may_change_twice_at_once(self, runs: Runs) -> None:
        canary = version("a", stage=VersionStage.CANARY)

        await runs.apply([register(version("a")), move(version("a"), VersionStage.CANARY)], NOON)
        await runs.apply([], NOON)

        assert await runs.versions() == [canary]
        assert await runs.check_log() is None

    async def test_the_log_tells_every_change_newest_first(self, runs: Runs) -> None:
        elsewhere = NOON.astimezone(timezone(timedelta(hours=5)))
        changes = [register(FULL_VERSION), register(version("a")), move(version("a"), VersionStage.CANARY)]
        await runs.apply(changes[:2], elsewhere)
        await runs.apply(changes[2:], NOON + timedelta(hours=1))

        log = await runs.log(limit=9)

        assert [change for _, change in log] == changes[::-1]
        assert [at for at, _ in log] == [NOON + timedelta(hours=1), NOON, NOON]
        assert await runs.log(limit=1) == log[:1]
        assert await runs.log(name="full", limit=9) == log[2:]
        assert await runs.log(name="nobody", limit=9) == []
        assert await runs.check_log() is None

    # What versions were trained on, and what they answered

    async def test_versions_are_found_by_what_they_were_trained_on(self, runs: Runs) -> None:
        await runs.keep_sources("v1", ["i2", "i1", "i3\ud800"])
        await runs.keep_sources("v2", ["i1"])
        await runs.keep_sources("v2", ["i4", "i1"])

        assert await runs.trained_on(["i1", "i2", "unheard of", "i1"]) == {"v1": ["i1", "i2"], "v2": ["i1"]}
        assert await runs.trained_on(["i4", "i1"]) == {"v1": ["i1"], "v2": ["i4", "i1"]}
        assert await runs.trained_on(["i3\ud800"]) == {"v1": ["i3\ud800"]}
        assert await runs.trained_on([]) == {}

    async def test_more_sources_than_one_statement_takes_are_kept(self, runs: Runs) -> None:
        many = [f"i{number}" for number in range(1_201)]
        await runs.keep_sources("v1", many)

        assert await runs.trained_on(["unheard of", *many]) == {"v1": many}

    async def test_the_last_answer_to_an_item_is_kept(self, runs: Runs) -> None:
        first = [ExamAnswer("a", "8091", {"exact": 0.0}), ExamAnswer("b", "\x00\ud800")]
        again = ExamAnswer("a", "8092", {"exact": 1.0, "similarity": 1 / 3})
        await runs.keep_answers("v1", first)
        await runs.keep_answers("v2", first)
        await runs.keep_answers("v1", [])

        await runs.keep_answers("v1", [again])

        assert await runs.answers("v1") == {"a": again, "b": first[1]}
        assert await runs.answers("v2") == {"a": first[0], "b": first[1]}
        assert await runs.answers("nobody") == {}


ANY = VersionStage.HELD


class SqlRunsContract(RunsContract):
    """The promises of a store in a database. A subclass gives `url`, the address of an empty one."""

    @pytest.fixture
    async def records(self, url: str) -> AsyncIterator[Records]:
        records = await Records.open(url)
        yield records
        await records.aclose()

    @pytest.fixture
    def runs(self, records: Records) -> Runs:
        return records.runs

    async def test_what_was_kept_is_there_after_opening_again(self, records: Records, url: str) -> None:
        await records.runs.put_run(FULL_RUN, None)
        await records.runs.apply([register(FULL_VERSION)], NOON)
        await records.runs.keep_sources("full", ["i1"])
        await records.aclose()

        again = await Records.open(url)

        assert await again.runs.run("full") == FULL_RUN
        assert await again.runs.version("full") == FULL_VERSION
        assert await again.runs.log(limit=9) == [(NOON, register(FULL_VERSION))]
        assert await again.runs.trained_on(["i1"]) == {"full": ["i1"]}
        await again.aclose()

    async def test_of_many_that_change_a_run_at_once_one_does(self, records: Records, url: str) -> None:
        other = await Records.open(url)
        done: list[str] = []

        async def begin(runs: Runs, name: str) -> None:
            try:
                await runs.put_run(replace(run("a"), job=name), None)
            except Conflict:
                return
            done.append(name)

        async with anyio.create_task_group() as group:
            for number in range(10):
                group.start_soon(begin, records.runs, f"here{number}")
                group.start_soon(begin, other.runs, f"there{number}")

        assert [(await other.runs.run("a")).job] == done
        await other.aclose()

    async def test_two_that_write_at_once_make_one_chain(self, records: Records, url: str) -> None:
        other = await Records.open(url)
        refused: list[Conflict] = []

        async def write(runs: Runs, name: str) -> None:
            try:
                await runs.apply([register(version(name))], NOON)
            except Conflict as error:
                refused.append(error)

        async with anyio.create_task_group() as group:
            for number in range(20):
                group.start_soon(write, records.runs, f"v{number}")
                group.start_soon(write, other.runs, f"v{number + 10}")

        assert len(refused) == 10
        assert len(await other.runs.log(limit=99)) == 30
        assert await other.runs.check_log() is None
        await other.aclose()

    @pytest.mark.parametrize("verb", ["UPDATE model_version_change_records SET why = 'else'", "DELETE FROM {}"])
    async def test_the_database_refuses_to_rewrite_the_log(self, records: Records, url: str, verb: str) -> None:
        await records.runs.apply([register(version("a"))], NOON)
        store = open_store(url, {}, 1.0)

        with pytest.raises(DBAPIError, match="only grows"), store.writing.begin() as connection:
            connection.exec_driver_sql(verb.format("model_version_change_records"))

        store.dispose()
        assert await records.runs.check_log() is None

    async def test_a_version_that_was_altered_behind_the_log_is_found(self, records: Records, url: str) -> None:
        await records.runs.apply([register(version("a")), register(version("b"))], NOON)
        store = open_store(url, {}, 1.0)
        with store.writing.begin() as connection:
            connection.exec_driver_sql(
                "UPDATE model_version_records SET record = replace(record, 'candidate', 'serving') WHERE name = 'b'"
            )

        store.dispose()
        assert await records.runs.check_log() == 2

    async def test_the_views_show_runs_versions_and_what_became_of_them(self, records: Records) -> None:
        shown = replace(FULL_RUN, job="7", error="out of memory")
        await records.runs.put_run(shown, None)
        await records.runs.apply([register(FULL_VERSION), move(FULL_VERSION, VersionStage.DROPPED)], NOON)
        await records.runs.keep_sources("full", ["i1"])
        await records.runs.keep_answers("full", [ExamAnswer("a", "8092", {"exact": 1.0})])

        rows = {view: await self._look(records, view) for view in ("runs", "model_versions", "model_version_changes")}

        [ran] = rows["runs"]
        assert (ran["id"], ran["state"], ran["date"]) == ("full", "failed", "2026-03-04")
        assert (ran["rows"], ran["held_out"], ran["spent_s"], ran["error"]) == (160, 80, 12.25, "out of memory")
        assert ran["progress"].startswith('{"stage":"train","done":40,')
        [made] = rows["model_versions"]
        assert (made["stage"], made["number"], made["decision"]) == ("dropped", 3, "promote")
        assert made["serving_since"] == "2026-03-04 12:00:03.123456"
        assert made["canary"].startswith('[{"metric":"recall","items":80,')
        told = [(row["place"], row["version"], row["action"], row["actor"]) for row in rows["model_version_changes"]]
        assert told == [(1, "full", "register", "train"), (2, "full", "promote", "person")]
        assert await self._look(records, "version_sources") == [{"version": "full", "source_id": "i1"}]
        answer = {"version": "full", "item": "a", "text": "8092", "scores": '{"exact":1.0}'}
        assert await self._look(records, "exam_answers") == [answer]

    async def _look(self, records: Records, view: str) -> list[dict[str, Any]]:
        table = await records.ledger.read(f"SELECT * FROM {view}", limit=9, timeout_s=5)
        return [dict(zip(table.columns, row, strict=True)) for row in table.rows]


class TestMemory(RunsContract):
    @pytest.fixture
    def runs(self) -> MemoryRuns:
        return MemoryRuns()


class TestSqlite(SqlRunsContract):
    @pytest.fixture
    def url(self, tmp_path: Path) -> str:
        return f"sqlite:///{tmp_path / 'ledger.sqlite'}"

    @pytest.mark.parametrize(
        ("tampering", "place"),
        [
            ("UPDATE model_version_change_records SET why = 'else' WHERE place = 3", 3),
            ("UPDATE model_version_change_records SET after = before WHERE place = 9", 9),
            ("DELETE FROM model_version_change_records WHERE place = 7", 8),
            ("DELETE FROM model_version_change_records WHERE place > 15", 16),
            ("DELETE FROM model_version_change_records", 1),
        ],
    )
    async def test_who_takes_the_guard_away_is_found_out(
        self, records: Records, tmp_path: Path, tampering: str, place: int
    ) -> None:
        await records.runs.apply([register(version(f"v{number}")) for number in range(20)], NOON)
        with closing(sqlite3.connect(tmp_path / "ledger.sqlite", isolation_level=None)) as connection:
            for trigger in ("version_changes_are_not_rewritten", "version_changes_are_not_forgotten"):
                connection.execute(f"DROP TRIGGER {trigger}")
            connection.execute(tampering)

        assert await records.runs.check_log() == place


class TestPostgresql(SqlRunsContract):
    @pytest.fixture
    def url(self, cluster: Cluster) -> str:
        return cluster.emptied()


def test_records_of_another_release_load() -> None:
    shortest = (
        "id",
        "name",
        "created_at",
        "changed_at",
        "state",
        "stage",
        "model",
        "teaching",
        "base",
        "number",
        "run_id",
    )
    plain_run, plain_version = run("a"), version("a")
    told_run, told_version = run_to_json(plain_run), version_to_json(plain_version)

    old_run = run_from_json({name: value for name, value in told_run.items() if name in shortest})
    old_version = version_from_json({name: value for name, value in told_version.items() if name in shortest})
    newer = {"mood": "calm", "base": {**told_run["base"], "mood": "calm"}}
    new_run = run_from_json({**told_run, **newer, "recipe": {"rank": 8, "mood": 1}, "progress": {"done": 3, "mood": 1}})
    new_version = version_from_json({**version_to_json(FULL_VERSION), **newer})

    assert (old_run, old_version) == (plain_run, plain_version)
    assert new_run == replace(plain_run, recipe=Recipe(rank=8), progress=Progress(done=3))
    assert new_version == replace(FULL_VERSION, base=plain_run.base)
