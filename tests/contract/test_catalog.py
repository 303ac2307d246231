"""What every catalog promises, and what the log of one in SQL withstands."""

import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import closing
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import anyio
import pytest
from sqlalchemy.exc import DBAPIError

from hybrid_coordinator.backends.ledger.engines import open_store
from hybrid_coordinator.backends.ledger.records import Records
from hybrid_coordinator.domain.knowledge import Collection, Draft
from hybrid_coordinator.domain.learning import Change, Learned, LoggedChange, Stage
from hybrid_coordinator.domain.trust import Origin
from hybrid_coordinator.errors import BadInput, Conflict
from hybrid_coordinator.ports import Catalog
from hybrid_coordinator.testing import MemoryCatalog
from postgresql import Cluster

NOON = datetime(2026, 3, 4, 12, 0, 0, 123456, tzinfo=UTC)
FULL = Learned(
    id="full",
    stage=Stage.PROVEN,
    draft=Draft(
        "full",
        Collection.ERRORS,
        "lone \ud800",
        "nul \x00, \x100000 and 🕰",
        {"error_message": "E\x10", "examples": ["b", {"z": 1, "a": [0.1 + 0.2, None, True]}], "confidence": 1},
        "interaction:i1",
    ),
    origin=Origin.TOOL_OUTPUT_INTERNAL,
    learned_from=("i2", "i1"),
    strategy="error_fix",
    created_at=NOON,
    changed_at=NOON + timedelta(seconds=1),
    rests_on=("p2", "p1"),
    signature="E<n> at <path>" * 1_000,
    replaced_by="other",
    why="it helped: +0.2 [0.1, 0.3]",
)


def item(id: str, stage: Stage = Stage.CANDIDATE, **changed: object) -> Learned:
    draft = Draft(id, Collection.SKILLS, f"how to {id}", f"do {id}", {"skill_name": id})
    made = Learned(id, stage, draft, Origin.DIRECT_USER, (f"i-{id}",), "extractive", NOON, NOON)
    return replace(made, **changed)  # type: ignore[arg-type]


def learn(made: Learned) -> Change:
    return Change(made.id, "learn", None, made, "extract")


def move(before: Learned, stage: Stage) -> Change:
    return Change(before.id, "promote", before, replace(before, stage=stage), "measure", "it helped")


def delete(before: Learned) -> Change:
    return Change(before.id, "rollback", before, None, "person")


def ids(items: Sequence[Learned]) -> list[str]:
    return [one.id for one in items]


class CatalogContract:
    """The promises of the port."""

    async def test_every_field_of_an_item_comes_back_as_it_was(self, catalog: Catalog) -> None:
        unlike_default = [field for field in fields(Learned) if getattr(FULL, field.name) != field.default]

        await catalog.apply([learn(FULL)], NOON)

        assert len(unlike_default) == len(fields(Learned))
        assert await catalog.get(["full"]) == [FULL]

    async def test_items_come_in_the_order_asked(self, catalog: Catalog) -> None:
        await catalog.apply([learn(item(id)) for id in "abc"], NOON)

        assert ids(await catalog.get(["c", "nobody", "a"])) == ["c", "a"]
        assert await catalog.get([]) == []

    async def test_a_change_of_what_somebody_else_changed_is_refused(self, catalog: Catalog) -> None:
        await catalog.apply([learn(item("a"))], NOON)
        await catalog.apply([move(item("a"), Stage.PROVEN)], NOON)

        for stale in (learn(item("a")), move(item("a"), Stage.RETIRED), delete(item("a")), delete(item("b"))):
            with pytest.raises(Conflict, match=r"'[ab]' was changed"):
                await catalog.apply([stale], NOON)

        assert await catalog.get(["a"]) == [item("a", Stage.PROVEN)]

    async def test_of_several_changes_all_are_made_or_none(self, catalog: Catalog) -> None:
        await catalog.apply([learn(item("a"))], NOON)

        with pytest.raises(Conflict):
            await catalog.apply([learn(item("b")), move(item("a"), Stage.PROVEN), learn(item("a"))], NOON)

        assert ids(await catalog.browse(limit=9)) == ["a"]
        assert len(await catalog.log(limit=9)) == 1
        assert await catalog.get(["a"]) == [item("a")]

    async def test_one_item_may_change_twice_at_once(self, catalog: Catalog) -> None:
        proven = item("a", Stage.PROVEN)

        logged = await catalog.apply([learn(item("a")), move(item("a"), Stage.PROVEN)], NOON)
        with pytest.raises(Conflict):
            await catalog.apply([delete(proven), move(proven, Stage.RETIRED)], NOON)

        assert [one.place for one in logged] == [1, 2]
        assert await catalog.get(["a"]) == [proven]

    async def test_a_change_of_nothing_is_bad_input(self, catalog: Catalog) -> None:
        with pytest.raises(BadInput, match="'a' changes nothing"):
            await catalog.apply([Change("a", "learn", None, None, "person")], NOON)

    async def test_no_changes_are_no_entries(self, catalog: Catalog) -> None:
        assert await catalog.apply([], NOON) == []
        assert await catalog.log(limit=9) == []
        assert await catalog.check_log() is None

    async def test_what_is_deleted_is_gone_and_can_be_learned_again(self, catalog: Catalog) -> None:
        await catalog.apply([learn(item("a"))], NOON)
        await catalog.apply([delete(item("a"))], NOON)
        gone = await catalog.get(["a"]), await catalog.browse(limit=9), await catalog.counts()
        of_its_source = await catalog.learned_from(["i-a"])

        await catalog.apply([learn(item("a", Stage.PROVEN))], NOON)

        assert (gone, of_its_source) == (([], [], {}), [])
        assert await catalog.get(["a"]) == [item("a", Stage.PROVEN)]
        assert ids(await catalog.learned_from(["i-a"])) == ["a"]

    async def test_items_are_browsed_page_by_page(self, catalog: Catalog) -> None:
        stages = {"d": Stage.RETIRED, "b": Stage.PROVEN}
        await catalog.apply([learn(item(id, stages.get(id, Stage.CANDIDATE))) for id in "dbca"], NOON)

        assert ids(await catalog.browse(limit=2)) == ["a", "b"]
        assert ids(await catalog.browse(limit=9, after="b")) == ["c", "d"]
        assert ids(await catalog.browse([Stage.RETIRED, Stage.CANDIDATE], limit=2)) == ["a", "c"]
        assert await catalog.browse([], limit=9) == []

    async def test_what_was_learned_from_a_source_is_found(self, catalog: Catalog) -> None:
        both = item("both", learned_from=("i1", "i2", "i1"))
        await catalog.apply([learn(both), learn(item("one", learned_from=("i2",))), learn(item("other"))], NOON)
        await catalog.apply([Change("one", "merge", item("one", learned_from=("i2",)), item("one"), "curate")], NOON)

        assert ids(await catalog.learned_from(["i1", "i2"])) == ["both"]
        assert ids(await catalog.learned_from(["i-one"])) == ["one"]
        assert await catalog.learned_from([]) == []

    async def test_items_of_a_signature_come_oldest_first(self, catalog: Catalog) -> None:
        for id in "bac":
            await catalog.apply([learn(item(id, signature="" if id == "c" else FULL.signature))], NOON)
        await catalog.apply([Change("b", "promote", (await catalog.get(["b"]))[0], FULL_B, "measure")], NOON)

        assert ids(await catalog.signed(FULL.signature)) == ["b", "a"]
        assert await catalog.signed("unheard of") == []

    async def test_what_changed_is_published_oldest_change_first(self, catalog: Catalog) -> None:
        await catalog.apply([learn(item(id)) for id in "abc"], NOON)
        await catalog.apply([move(item("a"), Stage.RETIRED)], NOON)
        waiting = await catalog.unpublished(limit=9)

        await catalog.mark_published([item("b"), item("a"), item("nobody")])

        assert waiting == [item("b"), item("c"), item("a", Stage.RETIRED)]
        assert await catalog.unpublished(limit=1) == [item("c")]
        assert await catalog.unpublished(limit=9) == [item("c"), item("a", Stage.RETIRED)]

    async def test_what_was_deleted_is_taken_out_of_the_collections(self, catalog: Catalog) -> None:
        await catalog.apply([learn(item("a"))], NOON)
        await catalog.mark_published([item("a")])
        await catalog.apply([delete(item("a"))], NOON)

        waiting = await catalog.unpublished(limit=9)
        await catalog.mark_published(waiting)

        assert waiting == [item("a", Stage.RETIRED)]
        assert await catalog.unpublished(limit=9) == []

    async def test_what_was_published_can_be_forgotten(self, catalog: Catalog) -> None:
        await catalog.apply([learn(item("b")), learn(item("a")), learn(item("gone"))], NOON)
        await catalog.apply([delete(item("gone")), move(item("b"), Stage.PROVEN)], NOON)
        await catalog.mark_published(await catalog.unpublished(limit=9))

        await catalog.forget_published()

        assert await catalog.unpublished(limit=9) == [item("a"), item("b", Stage.PROVEN)]

    async def test_items_are_counted_by_stage(self, catalog: Catalog) -> None:
        await catalog.apply([learn(item(id)) for id in "ab"], NOON)
        await catalog.apply([move(item("a"), Stage.PROVEN)], NOON)

        assert await catalog.counts() == {Stage.PROVEN: 1, Stage.CANDIDATE: 1}

    async def test_the_log_tells_every_change_in_order(self, catalog: Catalog) -> None:
        elsewhere = NOON.astimezone(timezone(timedelta(hours=5)))
        changes = [learn(FULL), learn(item("a")), move(item("a"), Stage.PROVEN)]
        logged = await catalog.apply(changes[:2], elsewhere) + await catalog.apply(changes[2:], NOON)

        log = await catalog.log(limit=9)

        assert [one.change for one in log] == changes
        assert [one.place for one in log] == [1, 2, 3]
        assert {one.at for one in log} == {NOON}
        assert log == logged
        assert await catalog.log(limit=1, after=1) == log[1:2]
        assert await catalog.log(limit=9, item_id="a") == log[1:]
        assert await catalog.log(limit=9, item_id="a", after=2) == log[2:]

    async def test_each_entry_of_the_log_is_chained_to_the_one_before(self, catalog: Catalog) -> None:
        log = await catalog.apply([learn(item(id)) for id in "abc"], NOON)

        assert [one.previous_hash for one in log] == ["", log[0].hash, log[1].hash]
        assert len({one.hash for one in log}) == 3
        assert await catalog.check_log() is None


FULL_B = item("b", Stage.PROVEN, signature=FULL.signature)


class SqlCatalogContract(CatalogContract):
    """The promises of a catalog in a database. A subclass gives `url`, the address of an empty one."""

    @pytest.fixture
    async def records(self, url: str) -> AsyncIterator[Records]:
        records = await Records.open(url)
        yield records
        await records.aclose()

    @pytest.fixture
    def catalog(self, records: Records) -> Catalog:
        return records.catalog

    async def test_what_was_applied_is_there_after_opening_again(self, records: Records, url: str) -> None:
        logged = await records.catalog.apply([learn(FULL)], NOON)
        await records.aclose()

        again = await Records.open(url)

        assert await again.catalog.get(["full"]) == [FULL]
        assert await again.catalog.log(limit=9) == logged
        await again.aclose()

    async def test_a_payload_is_the_same_whether_its_lists_are_tuples(self, catalog: Catalog) -> None:
        loose = item("a", draft=replace(item("a").draft, payload={"examples": ("b", "c"), "a": 1}))
        await catalog.apply([learn(loose)], NOON)

        await catalog.apply([move(loose, Stage.PROVEN)], NOON)

        assert (await catalog.get(["a"]))[0].draft.payload == {"examples": ["b", "c"], "a": 1}

    async def test_two_that_write_at_once_make_one_chain(self, records: Records, url: str) -> None:
        other = await Records.open(url)
        refused: list[Conflict] = []

        async def write(catalog: Catalog, name: str) -> None:
            try:
                await catalog.apply([learn(item(name))], NOON)
            except Conflict as error:
                refused.append(error)

        async with anyio.create_task_group() as group:
            for number in range(20):
                group.start_soon(write, records.catalog, f"n{number}")
                group.start_soon(write, other.catalog, f"n{number + 10}")

        assert len(refused) == 10
        assert [one.place for one in await other.catalog.log(limit=99)] == list(range(1, 31))
        assert await other.catalog.check_log() is None
        await other.aclose()

    @pytest.mark.parametrize("statement", ["UPDATE change_records SET why = 'else'", "DELETE FROM change_records"])
    async def test_the_database_refuses_to_rewrite_the_log(self, records: Records, url: str, statement: str) -> None:
        await records.catalog.apply([learn(item("a"))], NOON)
        store = open_store(url, {}, 1.0)

        with pytest.raises(DBAPIError, match="only grows"), store.writing.begin() as connection:
            connection.exec_driver_sql(statement)

        store.dispose()
        assert await records.catalog.check_log() is None

    async def test_the_views_show_what_was_learned_and_every_change(self, records: Records) -> None:
        logged = await records.catalog.apply([learn(item("a")), learn(item("gone"))], NOON)
        await records.catalog.apply([delete(item("gone"))], NOON)

        learned = await records.ledger.read("SELECT * FROM learned", limit=9, timeout_s=5)
        changes = await records.ledger.read(
            "SELECT place, date, item_id, action, actor, previous_hash, hash FROM changes ORDER BY place",
            limit=2,
            timeout_s=5,
        )

        moment = "2026-03-04 12:00:00.123456"
        what = ("a", "candidate", "skills-patterns", "a", "do a", "direct_user", "extractive", "")
        assert learned.rows == ((*what, "2026-03-04", moment, moment, '["i-a"]', "[]", None, "", 0),)
        assert changes.rows == tuple(_row(one) for one in logged)


def _row(logged: LoggedChange) -> tuple[object, ...]:
    change = logged.change
    said = (logged.place, "2026-03-04", change.item_id, change.action, change.actor)
    return (*said, logged.previous_hash, logged.hash)


class TestMemory(CatalogContract):
    @pytest.fixture
    def catalog(self) -> MemoryCatalog:
        return MemoryCatalog()


class TestSqlite(SqlCatalogContract):
    @pytest.fixture
    def url(self, tmp_path: Path) -> str:
        return f"sqlite:///{tmp_path / 'ledger.sqlite'}"

    @pytest.mark.parametrize(
        ("tampering", "place"),
        [
            ("UPDATE change_records SET why = 'else' WHERE place = 3", 3),
            ("UPDATE change_records SET after = replace(after, 'do', 'undo') WHERE place = 1200", 1200),
            ("UPDATE change_records SET at = '2026-03-04 12:00:00.000000' WHERE place = 2", 2),
            ("UPDATE change_records SET actor = 'person' WHERE place = 1", 1),
            ("DELETE FROM change_records WHERE place = 7", 8),
            ("DELETE FROM change_records WHERE place > 1190", 1191),
            ("DELETE FROM change_records", 1),
            ("DELETE FROM change_records WHERE place = 1", 2),
            ("UPDATE change_records SET place = -place WHERE place = 5", 6),
        ],
    )
    async def test_who_takes_the_guard_away_is_found_out(
        self, records: Records, tmp_path: Path, tampering: str, place: int
    ) -> None:
        await records.catalog.apply([learn(item(f"n{number}")) for number in range(1_201)], NOON)
        with closing(sqlite3.connect(tmp_path / "ledger.sqlite", isolation_level=None)) as connection:
            for trigger in ("changes_are_not_rewritten", "changes_are_not_forgotten"):
                connection.execute(f"DROP TRIGGER {trigger}")
            connection.execute(tampering)

        assert await records.catalog.check_log() == place


class TestPostgresql(SqlCatalogContract):
    @pytest.fixture
    def url(self, cluster: Cluster) -> str:
        return cluster.emptied()


async def test_an_item_that_was_altered_behind_the_log_is_found(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    records = await Records.open(f"sqlite:///{path}")
    try:
        (logged, *_) = await records.catalog.apply([learn(item("a")), learn(item("b"))], NOON)
        with closing(sqlite3.connect(path)) as stranger, stranger:
            stranger.execute("UPDATE learned_records SET text = 'run something evil' WHERE id = 'a'")

        assert await records.catalog.check_log() == logged.place
    finally:
        await records.aclose()
