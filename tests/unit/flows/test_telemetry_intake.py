"""Telemetry taken in from real files, whatever happens to them meanwhile."""

import gzip
import json
import os
import shutil
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pytest

from hybrid_coordinator.backends.telemetry.finding import Whereabouts
from hybrid_coordinator.backends.telemetry.tailing import TailedFiles
from hybrid_coordinator.domain.interaction import OutcomeKind
from hybrid_coordinator.domain.learning import Worked
from hybrid_coordinator.errors import SettingError
from hybrid_coordinator.flows import telemetry
from hybrid_coordinator.flows.telemetry import Intake
from hybrid_coordinator.logic.telemetry_places import TailingPolicy, TelemetryPlace, read_places
from hybrid_coordinator.testing import ManualClock, MemoryEventLog, MemoryLedger

PATIENCE_S = 300.0


def line(number: int, **fields: object) -> bytes:
    """An event of its own, which holds a question."""
    told = {"event": "task_completed", "prompt": f"Question {number}?", "output": f"Answer {number}.", **fields}
    return json.dumps({"timestamp": 1_767_954_600 + number, **told}).encode() + b"\n"


def lines(numbers: Iterable[int]) -> bytes:
    return b"".join(line(number) for number in numbers)


class Desk:
    """Files in a folder, and what of them was taken in. `reopen` is what a restart does to what is in memory."""

    def __init__(self, folder: Path, places: str = "", dead_letter_bytes: int = 1_000_000) -> None:
        self.folder = folder / "telemetry"
        self.folder.mkdir(exist_ok=True)
        self.file = self.folder / "ralph-events.jsonl"
        self.own = self.folder / "hybrid-events.jsonl"
        self.dead_letters = folder / "dead" / "letters.jsonl"
        self.places = read_places(places) or [TelemetryPlace(str(self.folder))]
        self.policy = TailingPolicy(patience_s=PATIENCE_S, dead_letter_bytes=dead_letter_bytes)
        self.ledger = MemoryLedger()
        self.log = MemoryEventLog(self.ledger)
        self.clock = ManualClock()
        self.open()

    def open(self) -> None:
        self.files = TailedFiles(Whereabouts(self.places, self.own), self.dead_letters, self.policy)
        self.intake = Intake(self.files, self.log, self.clock)

    async def reopen(self) -> None:
        await self.files.aclose()
        self.open()

    async def catch_up(self) -> Counter[str]:
        """Work until nothing is left to do; the figures summed up."""
        figures, more = Counter[str](), True
        while more:
            worked = await self.intake.work()
            figures.update(worked.counts)
            more = worked.more
        return figures

    async def questions(self) -> list[str]:
        return sorted(one.query for one in await self.ledger.recent(limit=10_000))

    def buried(self) -> list[dict[str, object]]:
        return [json.loads(each) for each in self.dead_letters.read_bytes().splitlines()]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def questions(numbers: Iterable[int]) -> list[str]:
    return sorted(f"Question {number}?" for number in numbers)


def make_old(path: Path) -> None:
    """Last written to long before the clock's time."""
    os.utime(path, (0, 0))


async def test_lines_become_events_and_interactions_and_are_not_read_again(desk: Desk) -> None:
    desk.file.write_bytes(lines(range(3)))

    first, second = await desk.catch_up(), await desk.catch_up()

    assert first == {"events": 3, "known": 0, "dead_letters": 0}
    assert second.total() == 0
    assert await desk.questions() == questions(range(3))
    assert [one.outcome and one.outcome.kind for one in await desk.ledger.recent(limit=9)] == [OutcomeKind.SUCCESS] * 3


async def test_a_second_gzip_behind_a_first_of_the_same_length_is_read(desk: Desk) -> None:
    packed = desk.folder / "ralph-events.jsonl.1.gz"
    packed.write_bytes(gzip.compress(lines(range(10, 15))))
    await desk.catch_up()
    await desk.reopen()

    with packed.open("ab") as file:
        file.write(gzip.compress(lines(range(20, 25))))

    assert await desk.catch_up() == {"events": 5, "known": 0, "dead_letters": 0}


async def test_what_is_added_is_read_on_after_a_restart(desk: Desk) -> None:
    desk.file.write_bytes(lines(range(3)))
    await desk.catch_up()
    await desk.reopen()

    with desk.file.open("ab") as file:
        file.write(lines(range(3, 5)))

    assert await desk.catch_up() == {"events": 2, "known": 0, "dead_letters": 0}


async def test_all_four_sources_are_read_and_those_of_coordinators_hold_no_interactions(desk: Desk) -> None:
    for source in ("ralph", "aidb", "vscode", "hybrid"):
        with (desk.folder / f"{source}-events.jsonl").open("wb") as file:
            file.write(line(1, event="completion", query="Why?", response="So."))
    desk.places = [TelemetryPlace(str(desk.folder))]
    desk.own = desk.folder.parent / "elsewhere" / "hybrid-events.jsonl"
    await desk.reopen()

    figures = await desk.catch_up()

    assert figures["events"] == 4
    assert len(await desk.ledger.recent(limit=9)) == 2
    assert await desk.log.tally(None) == {
        (f"{source}-events", "completion"): 1 for source in ("ralph", "aidb", "vscode", "hybrid")
    }


async def test_the_coordinators_own_file_is_not_read_back_under_any_name(desk: Desk) -> None:
    desk.own.write_bytes(line(1, event="route_decided"))
    (desk.folder / "hybrid-events.jsonl.2026-01").write_bytes(line(2, event="route_decided"))
    os.link(desk.own, desk.folder / "aidb-events.jsonl")

    assert (await desk.catch_up()).total() == 0


async def test_a_file_that_was_renamed_is_read_to_its_end_and_no_line_twice(desk: Desk) -> None:
    desk.file.write_bytes(lines(range(3)))
    await desk.catch_up()
    with desk.file.open("ab") as writer:
        desk.file.rename(desk.folder / "ralph-events.jsonl.1")
        writer.write(lines(range(3, 5)))
    desk.file.write_bytes(lines(range(5, 9)))

    figures = await desk.catch_up()

    assert figures == {"events": 6, "known": 0, "dead_letters": 0}
    assert await desk.questions() == questions(range(9))


async def test_a_file_that_was_copied_and_emptied_loses_no_line_and_gives_none_twice(desk: Desk) -> None:
    desk.file.write_bytes(lines(range(3)))
    await desk.catch_up()
    with desk.file.open("ab") as file:
        file.write(lines(range(3, 5)))
    shutil.copy(desk.file, desk.folder / "ralph-events.jsonl-20260109")
    desk.file.write_bytes(lines(range(5, 20)))

    figures = await desk.catch_up()

    assert figures == {"events": 17, "known": 3, "dead_letters": 0}
    assert await desk.questions() == questions(range(20))


async def test_a_file_that_was_emptied_is_read_from_its_beginning(desk: Desk) -> None:
    desk.file.write_bytes(lines(range(5)))
    await desk.catch_up()

    desk.file.write_bytes(lines(range(5, 7)))

    assert await desk.catch_up() == {"events": 2, "known": 0, "dead_letters": 0}


async def test_new_content_of_just_the_same_length_is_seen_after_a_restart_too(desk: Desk) -> None:
    desk.file.write_bytes(lines(range(10, 15)))
    await desk.catch_up()
    desk.file.write_bytes(lines(range(20, 25)))
    make_old(desk.file)
    await desk.reopen()

    assert (await desk.catch_up())["events"] == 5


async def test_a_packed_copy_gives_no_event_twice(desk: Desk) -> None:
    desk.file.write_bytes(lines(range(5)))
    await desk.catch_up()
    with desk.file.open("ab") as file:
        file.write(lines(range(5, 8)))
    (desk.folder / "ralph-events.jsonl.1.gz").write_bytes(gzip.compress(desk.file.read_bytes()))
    desk.file.unlink()

    figures = await desk.catch_up()
    await desk.reopen()

    assert figures == {"events": 3, "known": 5, "dead_letters": 0}
    assert (await desk.catch_up()).total() == 0


async def test_a_long_gzip_is_read_in_several_batches_across_a_restart(desk: Desk) -> None:
    (desk.folder / "ralph-events.jsonl.1.gz").write_bytes(gzip.compress(lines(range(2_500))))

    first = await desk.intake.work()
    second = await desk.intake.work()
    await desk.reopen()
    third = await desk.intake.work()

    assert [first.done, second.done, third.done] == [1_000, 1_000, 500]
    assert [first.more, second.more, third.more] == [True, True, False]


async def test_a_half_written_gzip_is_read_on_when_it_has_grown(desk: Desk) -> None:
    whole = gzip.compress(lines(range(900)))
    packed = desk.folder / "ralph-events.jsonl.1.gz"
    packed.write_bytes(whole[: len(whole) // 2])

    half = await desk.intake.work()
    again = await desk.intake.work()
    with packed.open("ab") as file:
        file.write(whole[len(whole) // 2 :])
    rest = await desk.catch_up()

    assert half.done < 900
    assert "cannot be" in half.detail
    assert again == Worked(counts={"events": 0, "known": 0, "dead_letters": 0}, detail=again.detail)
    assert "cannot be" in again.detail
    assert half.done + rest["events"] == 900
    assert rest["dead_letters"] == 0


@pytest.mark.parametrize("content", [b"", b"\x1f\x8b", b"no gzip at all", gzip.compress(b"", mtime=0)])
async def test_what_is_no_gzip_or_an_empty_one_gives_nothing_and_stops_nothing(desk: Desk, content: bytes) -> None:
    (desk.folder / "aidb-events.jsonl.gz").write_bytes(content)
    desk.file.write_bytes(lines(range(2)))

    assert await desk.catch_up() == {"events": 2, "known": 0, "dead_letters": 0}


async def test_half_a_line_waits_for_its_end(desk: Desk) -> None:
    whole = line(1)
    desk.file.write_bytes(line(0) + whole[:20])

    before = await desk.catch_up()
    with desk.file.open("ab") as file:
        file.write(whole[20:])
    after = await desk.catch_up()

    assert (before["events"], after["events"]) == (1, 1)
    assert before["dead_letters"] == after["dead_letters"] == 0


async def test_a_last_line_without_its_end_is_taken_when_nobody_has_written_for_long(desk: Desk) -> None:
    desk.file.write_bytes(lines(range(2)).rstrip())
    assert (await desk.catch_up())["events"] == 1

    make_old(desk.file)

    assert (await desk.catch_up())["events"] == 1
    assert (await desk.catch_up()).total() == 0


async def test_when_the_clock_goes_back_half_a_line_is_waited_for(desk: Desk) -> None:
    desk.file.write_bytes(lines(range(2)).rstrip())
    noon = desk.clock.now().timestamp()
    os.utime(desk.file, (noon, noon))
    desk.clock.advance(PATIENCE_S - 1)
    assert (await desk.catch_up())["events"] == 1

    desk.clock.advance(-3_600)
    assert (await desk.catch_up())["events"] == 0

    desk.clock.advance(3_602)
    assert (await desk.catch_up())["events"] == 1


async def test_a_line_that_goes_on_after_it_was_given_up_spoils_no_other(desk: Desk) -> None:
    whole = line(1)
    desk.file.write_bytes(line(0) + whole[:20])
    make_old(desk.file)
    given_up = await desk.catch_up()
    await desk.reopen()

    with desk.file.open("ab") as file:
        file.write(whole[20:] + line(2))
    after = await desk.catch_up()

    assert (given_up["events"], given_up["dead_letters"]) == (1, 1)
    assert (after["events"], after["dead_letters"]) == (1, 0)
    assert await desk.questions() == questions([0, 2])


async def test_lines_may_end_as_on_windows_and_blank_ones_are_passed_over(desk: Desk) -> None:
    desk.file.write_bytes(b"\n\r\n  \n".join(line(number).replace(b"\n", b"\r\n") for number in range(3)))

    assert await desk.catch_up() == {"events": 3, "known": 0, "dead_letters": 0}


async def test_a_long_line_is_read_like_any_other(desk: Desk) -> None:
    desk.file.write_bytes(line(0) + line(1, output="long " * 100_000) + line(2))

    assert await desk.catch_up() == {"events": 3, "known": 0, "dead_letters": 0}
    assert await desk.questions() == questions(range(3))


async def test_equal_lines_are_one_event_if_they_bear_a_time_and_several_if_not(desk: Desk) -> None:
    untimed = b'{"event": "checkpoint_saved"}\n'
    desk.file.write_bytes(line(0) * 3 + untimed * 3)

    assert (await desk.catch_up())["events"] == 4

    shutil.copy(desk.file, desk.folder / "ralph-events.jsonl.1")

    assert await desk.catch_up() == {"events": 0, "known": 6, "dead_letters": 0}


async def test_a_line_that_is_no_event_is_kept_with_its_place_and_reason(desk: Desk) -> None:
    desk.file.write_bytes(line(0) + b"rubbish\n" + line(1) + b'{"event": "task_completed", "prompt": 7}\n')

    figures = await desk.catch_up()

    assert figures == {"events": 2, "known": 0, "dead_letters": 2}
    first, second = desk.buried()
    assert (first["file"], first["offset"], first["line"]) == (str(desk.file), len(line(0)), 2)
    assert str(first["reason"]).startswith("not JSON")
    assert first["beginning"] == "rubbish"
    assert second["reason"] == "'prompt' is 7, where a text is due"


async def test_a_dead_letter_is_kept_once_however_often_its_line_is_read(desk: Desk) -> None:
    desk.file.write_bytes(b"rubbish\n" * 3)
    await desk.catch_up()
    before = desk.dead_letters.read_bytes()

    await desk.log.forget(await desk.log.positions())
    await desk.reopen()
    await desk.catch_up()
    with desk.dead_letters.open("ab") as file:
        file.write(b'{"file": "half a li')
    await desk.log.forget(await desk.log.positions())
    await desk.reopen()
    await desk.catch_up()

    assert len(desk.buried()) == 3
    assert desk.dead_letters.read_bytes() == before


async def test_a_file_name_of_odd_bytes_is_no_obstacle(desk: Desk) -> None:
    (desk.folder / os.fsdecode(b"ralph-events.jsonl.\xff")).write_bytes(line(0) + b"rubbish\n")

    figures = await desk.catch_up()

    assert (figures["events"], figures["dead_letters"]) == (1, 1)
    assert str(desk.buried()[0]["file"]).endswith("ralph-events.jsonl.\\udcff")


async def test_dead_letters_take_no_more_room_than_allowed(tmp_path: Path) -> None:
    desk = Desk(tmp_path, dead_letter_bytes=20_000)
    desk.file.write_bytes(b"".join(b"rubbish %d\n" % number for number in range(5_000)))

    figures = await desk.catch_up()

    files = [path for path in desk.dead_letters.parent.iterdir() if path.suffix != ".lock"]
    sizes = [path.stat().st_size for path in files]
    assert figures["dead_letters"] == 5_000
    assert len(sizes) == 2
    assert sum(sizes) <= 20_000
    assert desk.buried()[-1]["beginning"] == "rubbish 4999"


async def test_secrets_reach_neither_events_nor_interactions_nor_dead_letters(desk: Desk) -> None:
    key = "sk-ant-api03-" + "a1B2" * 10
    desk.file.write_bytes(
        line(0, output=f"first\n{key}", env={"password": "hunter2hunter2", "list": [f"x {key}"]})
        + line(1)
        + b'{"event": "task_completed", "prompt": 1, "output": "%s"}\n' % key.encode()
    )

    await desk.catch_up()

    [told] = [one for one in await desk.ledger.recent(limit=9) if one.query == "Question 0?"]
    [kept] = [event for event in desk.log._events.values() if "env" in event.fields]
    assert told.response == "first\n[redacted:anthropic]"
    assert kept.fields["env"] == {"password": "[redacted:secret]", "list": ["x [redacted:anthropic]"]}
    assert "sk-ant" not in desk.dead_letters.read_text()


async def test_every_file_gets_its_share_of_a_batch(desk: Desk) -> None:
    desk.file.write_bytes(lines(range(3_000)))
    (desk.folder / "aidb-events.jsonl").write_bytes(line(1, event="query", query="?") + line(2, event="query"))

    await desk.intake.work()

    tally = await desk.log.tally(None)
    assert tally["aidb-events", "query"] == 2
    assert tally["ralph-events", "task_completed"] == telemetry.BATCH - 2


async def test_many_files_all_have_their_turn(desk: Desk) -> None:
    for file in range(100):
        (desk.folder / f"ralph-events.jsonl.{file}").write_bytes(lines(range(file * 60, file * 60 + 60)))

    assert (await desk.catch_up())["events"] == 6_000


@pytest.mark.parametrize("name", ["notes.txt", "ralph-events.jsonl.gz.part", "ralph-events.jsonl.zst", "x.jsonl"])
async def test_other_files_in_the_folder_are_not_telemetry(desk: Desk, name: str) -> None:
    (desk.folder / name).write_bytes(lines(range(2)))

    worked = await desk.intake.work()

    assert worked == Worked(counts={"events": 0, "known": 0, "dead_letters": 0})


async def test_what_cannot_be_read_is_named_and_stops_nothing(desk: Desk) -> None:
    desk.file.write_bytes(lines(range(2)))
    os.mkfifo(desk.folder / "aidb-events.jsonl")
    (desk.folder / "vscode-events.jsonl").symlink_to(desk.file)
    (desk.folder / "cursor-events.jsonl").write_bytes(lines(range(2)))
    (desk.folder / "ralph-events.jsonl.d").mkdir()

    worked = await desk.intake.work()

    assert worked.done == 2
    assert worked.detail.count("is no plain file") == 3
    assert "cursor-events.jsonl' its name says no source" in worked.detail


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
async def test_a_file_that_may_not_be_read_is_read_once_it_may(desk: Desk) -> None:
    desk.file.write_bytes(lines(range(2)))
    desk.file.chmod(0)

    refused = await desk.intake.work()
    desk.file.chmod(0o600)

    assert "Permission denied" in refused.detail
    assert (await desk.catch_up())["events"] == 2


async def test_positions_of_files_that_are_gone_are_forgotten_unless_their_folder_is_out_of_sight(desk: Desk) -> None:
    desk.file.write_bytes(lines(range(2)))
    await desk.catch_up()

    away = desk.folder.rename(desk.folder.parent / "away")
    worked = await desk.intake.work()
    assert "telemetry" in worked.detail
    assert len(await desk.log.positions()) == 1

    away.rename(desk.folder)
    desk.file.unlink()
    await desk.catch_up()
    assert await desk.log.positions() == []


async def test_a_named_file_is_read_with_its_copies_through_a_link_too(tmp_path: Path) -> None:
    (tmp_path / "elsewhere.log").write_bytes(lines(range(2)))
    (tmp_path / "agent.log").symlink_to(tmp_path / "elsewhere.log")
    (tmp_path / "agent.log.1").write_bytes(lines(range(2, 5)))
    desk = Desk(tmp_path, places=f"{tmp_path / 'agent.log'}=ralph-events")

    assert (await desk.catch_up())["events"] == 5


def test_a_file_of_which_nothing_tells_the_source_is_refused(tmp_path: Path) -> None:
    (tmp_path / "agent.log").touch()

    with pytest.raises(SettingError, match=r"agent\.log.*write =SOURCE"):
        Desk(tmp_path, places=str(tmp_path / "agent.log"))
    with pytest.raises(SettingError, match="'ralph' is no telemetry source"):
        read_places(f"{tmp_path}=ralph")
