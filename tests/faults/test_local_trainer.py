"""Training on this machine when processes, disks and people interfere. The trainer's process is a real one; in place of
the torch room it runs a program that does what it is told, word by word."""

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator, Callable, Generator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import anyio
import anyio.lowlevel
import anyio.to_thread
import pytest
from filelock import FileLock

from hybrid_coordinator.backends.trainers.local import LocalTrainer
from hybrid_coordinator.backends.trainers.log_file import LOG_BYTES
from hybrid_coordinator.backends.trainers.workshop import FolderWorkshop
from hybrid_coordinator.domain.training import BaseWeights, Progress, Recipe, Run, RunState, Teaching
from hybrid_coordinator.errors import Conflict, MissingExtra, StorageFull, Unavailable
from hybrid_coordinator.ports import Material, RunReport

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
WAIT_S = 120.0

OBEDIENT = """
import ctypes, fcntl, hashlib, json, os, signal, subprocess, sys
from pathlib import Path

folder = Path(sys.argv[1])
order = json.loads((folder / "order.json").read_text())
ctypes.CDLL(None).prctl(1, signal.SIGKILL)
if os.getppid() != order["parent_pid"]:
    os._exit(1)
lock = (folder / "lock").open("w")
fcntl.flock(lock, fcntl.LOCK_EX)
words, answers = (folder / "words").open(), (folder / "answers").open("w")


def answer(text):
    print(text, file=answers, flush=True)


def write(name, said):
    (folder / "part").write_text(json.dumps(said))
    (folder / "part").rename(folder / name)


answer("ready")
for line in words:
    match line.split():
        case ["progress", done, total]:
            said = {"stage": "train", "done": int(done), "total": int(total), "seconds_left": 8.5, "loss": 0.25}
            write("progress.json", {**said, "at": "now", "pid": os.getpid()})
            answer("progress")
        case ["say", count]:
            print("x" * int(count), flush=True)
            print("the last words", flush=True)
            answer("said")
        case ["fill"]:
            try:
                (folder / "adapter.gguf").write_bytes(b"x" * 10_000_000)
            except OSError as error:
                write("failure.json", {"error": str(error), "kind": "disk", "final": False})
            sys.exit(1)
        case ["fail", final]:
            write("failure.json", {"error": "too few rows", "kind": "data", "final": final == "final"})
            sys.exit(1)
        case ["finish", *rest]:
            made = b"weights"
            (folder / "adapter.gguf").write_bytes(made)
            said = {"bytes": len(made), "sha256": hashlib.sha256(made).hexdigest()}
            write("manifest.json", {"run_id": order["run_id"], "files": {"adapter.gguf": said}})
            answer("finished")
            if not rest:
                sys.exit(0)
        case ["ignore"]:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            answer("ignoring")
        case ["spawn"]:
            worker = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE)
            answer(worker.pid)
        case ["stdin"]:
            answer(len(sys.stdin.read()))
"""


def run_of(run_id: str = "run-1") -> Run:
    base = BaseWeights("tiny", "0" * 64, "tiny.gguf")
    return Run(run_id, NOON, NOON, RunState.WAITING, "local", Teaching.LORA, base, Recipe(targets=("q",)), "d" * 8)


@dataclass(frozen=True, slots=True)
class Line:
    """What leads to the program that works on a run, and back."""

    words: int
    answers: int

    async def hear(self) -> str:
        """The next line it says."""
        return await anyio.to_thread.run_sync(self._hear)

    async def tell(self, words: str) -> str:
        """Say something, and hear the answer."""
        self.say(words)
        return await self.hear()

    def say(self, words: str) -> None:
        os.write(self.words, f"{words}\n".encode())

    def _hear(self) -> str:
        said = b""
        while not said.endswith(b"\n"):
            readable, _, _ = select.select([self.answers], [], [], WAIT_S)
            assert readable, "the program says nothing"
            said += os.read(self.answers, 1)
        return said.decode().strip()


class School:
    """A workshop with runs whose material is frozen, and trainers that work in it."""

    def __init__(self, root: Path) -> None:
        self.workshop = FolderWorkshop(root / "runs")
        self.program: Sequence[str] = (sys.executable, "-I", "-S", "-c", OBEDIENT)
        self._descriptors: list[int] = []

    def trainer(self, **options: float) -> LocalTrainer:
        return LocalTrainer(self.workshop, threads=3, program=self.program, stop_s=options.get("stop_s", WAIT_S))

    async def enrol(self, run_id: str = "run-1") -> tuple[Run, Line]:
        run = run_of(run_id)
        await self.workshop.freeze(run, Material(train=[{"messages": []}]))
        for name in ("words", "answers"):
            os.mkfifo(self.workshop.folder(run_id) / name)
            self._descriptors.append(os.open(self.workshop.folder(run_id) / name, os.O_RDWR))
        return run, Line(*self._descriptors[-2:])

    def close(self) -> None:
        for descriptor in self._descriptors:
            os.close(descriptor)


@pytest.fixture
def school(tmp_path: Path) -> Generator[School]:
    opened = School(tmp_path)
    yield opened
    opened.close()


@asynccontextmanager
async def training(school: School, **options: float) -> AsyncGenerator[tuple[LocalTrainer, Run, Line]]:
    """A run that has begun."""
    trainer = school.trainer(**options)
    try:
        run, line = await school.enrol()
        await trainer.launch(run)
        assert await line.hear() == "ready"
        yield trainer, run, line
    finally:
        await trainer.aclose()


async def until(holds: Callable[[], bool]) -> None:
    """Wait for what the event loop, or the kernel, is about to do."""
    with anyio.fail_after(WAIT_S):
        while not holds():
            await anyio.lowlevel.checkpoint()


async def death_of(pid: int) -> None:
    """Wait until a process, which need not be a child of this one, is dead."""
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    dead, _, _ = await anyio.to_thread.run_sync(select.select, [process], [], [], WAIT_S)
    os.close(process)
    assert dead


async def ended(trainer: LocalTrainer) -> None:
    """Wait until the trainer, too, knows that its child is dead."""
    if trainer.process_id is not None:
        await death_of(trainer.process_id)
    await until(lambda: trainer.process_id is None)


async def stopped(pid: int) -> None:
    """Wait until a child of this process stands still."""
    await anyio.to_thread.run_sync(os.waitid, os.P_PID, pid, os.WSTOPPED | os.WNOWAIT)


def standing_of(pid: int) -> str:
    """The kernel's letter for a process: T stands still, Z is dead; "" when it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return ""


def pid_of(trainer: LocalTrainer) -> int:
    assert trainer.process_id is not None
    return trainer.process_id


async def test_a_run_begins_tells_how_far_it_is_and_ends_with_a_manifest(school: School) -> None:
    async with training(school) as (trainer, run, line):
        started = await trainer.poll(run)
        await line.tell("progress 3 12")
        working = await trainer.poll(run)
        await line.tell("finish")
        finished = await trainer.poll(run)

        assert started == RunReport(RunState.RUNNING)
        assert working == RunReport(RunState.RUNNING, Progress("train", 3, 12, 8.5, 0.25))
        assert finished.state is RunState.FINISHED
        assert trainer.process_id is None
        assert await school.workshop.manifest(run.id) is not None


async def test_the_process_is_told_all_it_needs_and_is_in_nobodys_way(school: School) -> None:
    async with training(school) as (trainer, run, line):
        order = json.loads((school.workshop.folder(run.id) / "order.json").read_text())
        pid = pid_of(trainer)

        assert order["run_id"] == run.id
        assert order["base"] == {"name": "tiny", "sha256": "0" * 64, "path": "tiny.gguf"}
        assert Recipe(**{**order["recipe"], "targets": tuple(order["recipe"]["targets"])}) == run.recipe
        assert (order["dataset_hash"], order["threads"], order["parent_pid"]) == ("d" * 8, 3, os.getpid())
        assert os.getpriority(os.PRIO_PROCESS, pid) == 19
        assert os.getsid(pid) == pid
        assert await line.tell("stdin") == "0"


async def test_launching_a_run_that_works_does_nothing(school: School) -> None:
    async with training(school) as (trainer, run, _):
        before = trainer.process_id

        await trainer.launch(run)

        assert trainer.process_id == before


async def test_a_second_run_waits_for_its_turn(school: School) -> None:
    async with training(school) as (trainer, _, _):
        other, _ = await school.enrol("run-2")

        with pytest.raises(Conflict, match="'run-1' is being trained"):
            await trainer.launch(other)

        assert await trainer.poll(other) == RunReport(RunState.WAITING)


async def test_a_run_is_launched_once_however_many_ask_at_once(school: School) -> None:
    trainer = school.trainer()
    run, line = await school.enrol()

    async with anyio.create_task_group() as tasks:
        for _ in range(5):
            tasks.start_soon(trainer.launch, run)
    first = await line.hear()

    assert first == "ready"
    assert await line.tell("progress 1 2") == "progress"
    await trainer.aclose()


async def test_a_killed_process_leaves_a_run_that_goes_on(school: School) -> None:
    async with training(school) as (trainer, run, line):
        await line.tell("progress 3 12")
        await line.tell("say 10")
        os.kill(pid_of(trainer), signal.SIGKILL)
        await ended(trainer)

        report = await trainer.poll(run)
        await trainer.launch(run)

        assert (report.state, report.progress.done) == (RunState.WAITING, 3)
        assert "killed by SIGKILL" in report.error
        assert "the last words" in report.error
        assert await line.hear() == "ready"
        assert (await trainer.poll(run)).state is RunState.RUNNING


async def test_a_failure_that_may_pass_leaves_a_run_that_goes_on(school: School) -> None:
    async with training(school) as (trainer, run, line):
        line.say("fail later")
        await ended(trainer)

        report = await trainer.poll(run)
        await trainer.launch(run)

        assert (report.state, report.error) == (RunState.WAITING, "too few rows")
        assert await line.hear() == "ready"


async def test_a_failure_for_good_is_told_to_whoever_asks_and_after_a_restart(school: School) -> None:
    async with training(school) as (trainer, run, line):
        line.say("fail final")
        await ended(trainer)

        for asked in (trainer, school.trainer()):
            report = await asked.poll(run)
            assert (report.state, report.error) == (RunState.FAILED, "too few rows")


async def test_a_process_that_dies_at_its_start_says_why(school: School) -> None:
    school.program = (sys.executable, "-c", "import no_such_module")
    trainer = school.trainer()
    run, _ = await school.enrol()
    await trainer.launch(run)
    await ended(trainer)

    report = await trainer.poll(run)

    assert report.state is RunState.WAITING
    assert "No module named 'no_such_module'" in report.error


async def test_a_program_that_is_not_there_is_unavailable(school: School) -> None:
    school.program = ("/no/such/program",)
    run, _ = await school.enrol()

    with pytest.raises(Unavailable, match="'run-1' could not be started"):
        await school.trainer().launch(run)


async def test_a_pause_stops_the_process_and_all_its_helpers_at_once(school: School) -> None:
    async with training(school) as (trainer, run, line):
        worker = int(await line.tell("spawn"))
        both = (pid_of(trainer), worker)

        for _ in range(2):
            await trainer.pause(True)
        await stopped(pid_of(trainer))
        await until(lambda: all(standing_of(pid) == "T" for pid in both))
        assert (await trainer.poll(run)).state is RunState.RUNNING
        for _ in range(2):
            await trainer.pause(False)
        await until(lambda: all(standing_of(pid) in ("S", "R") for pid in both))

        assert await line.tell("progress 1 2") == "progress"


async def test_a_run_that_is_launched_in_a_pause_waits_for_its_end(school: School) -> None:
    trainer = school.trainer()
    run, line = await school.enrol()
    await trainer.pause(True)

    await trainer.launch(run)
    await stopped(pid_of(trainer))
    await trainer.pause(False)

    assert await line.hear() == "ready"
    await trainer.aclose()


@pytest.mark.parametrize("paused", [False, True])
@pytest.mark.parametrize("stubborn", [False, True])
async def test_closing_ends_every_process_even_one_that_stands_still(
    school: School, paused: bool, stubborn: bool
) -> None:
    async with training(school, stop_s=0.3 if stubborn else WAIT_S) as (trainer, run, line):
        if stubborn:
            await line.tell("ignore")
        pid = pid_of(trainer)
        await trainer.pause(paused)

        with anyio.fail_after(WAIT_S):
            await trainer.aclose()
            await trainer.aclose()
        await trainer.pause(False)

        assert standing_of(pid) == ""
        assert await trainer.poll(run) == RunReport(RunState.WAITING)
        await trainer.launch(run)
        assert await line.hear() == "ready"


async def test_a_process_that_will_not_end_takes_its_helpers_along(school: School) -> None:
    async with training(school, stop_s=0.2) as (trainer, _, line):
        worker = int(await line.tell("spawn"))
        await line.tell("ignore")

        await trainer.aclose()

        await death_of(worker)


async def test_a_finished_process_that_lingers_is_ended(school: School) -> None:
    async with training(school, stop_s=0.2) as (trainer, run, line):
        await line.tell("ignore")
        await line.tell("finish and stay")

        assert (await trainer.poll(run)).state is RunState.FINISHED
        assert trainer.process_id is None


async def test_a_cancelled_run_is_over_for_good(school: School) -> None:
    async with training(school) as (trainer, run, _):
        await trainer.cancel(run)
        await trainer.cancel(run)

        assert trainer.process_id is None
        assert (await trainer.poll(run)).state is RunState.CANCELLED
        with pytest.raises(Conflict, match="was cancelled"):
            await trainer.launch(run)


async def test_a_run_that_another_coordinator_trains_is_cancelled_there(school: School) -> None:
    async with training(school) as (trainer, run, _):
        elsewhere = school.trainer()

        assert (await elsewhere.poll(run)).state is RunState.RUNNING
        await elsewhere.launch(run)
        assert elsewhere.process_id is None
        await elsewhere.cancel(run)

        assert (await trainer.poll(run)).state is RunState.CANCELLED
        assert trainer.process_id is None


async def test_cancelling_a_run_that_is_gone_does_nothing(school: School) -> None:
    await school.trainer().cancel(run_of("gone"))

    assert await school.workshop.size("gone") == 0


async def test_a_lock_that_is_held_means_that_somebody_works(school: School) -> None:
    run, _ = await school.enrol()
    trainer = school.trainer()
    with FileLock(school.workshop.folder(run.id) / "lock"):
        held = await trainer.poll(run)
    free = await trainer.poll(run)

    assert (held.state, free.state) == (RunState.RUNNING, RunState.WAITING)


async def test_the_log_stays_bounded_while_the_process_goes_on_writing(school: School) -> None:
    async with training(school) as (trainer, run, line):
        log = school.workshop.folder(run.id) / "log.txt"
        for _ in range(3):
            await line.tell(f"say {LOG_BYTES}")
            await trainer.poll(run)
            assert log.stat().st_size <= LOG_BYTES // 2
        await line.tell("say 5")

        assert log.read_text().endswith("xxxxx\nthe last words\n")
        assert log.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("name", ["progress.json", "failure.json"])
@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b'{"stage": 1, "done": "x"}'])
async def test_what_makes_no_sense_in_a_run_folder_says_nothing(school: School, name: str, content: bytes) -> None:
    run, _ = await school.enrol()
    (school.workshop.folder(run.id) / name).write_bytes(content)

    assert await school.trainer().poll(run) == RunReport(RunState.WAITING)


async def test_a_missing_extra_is_named_with_what_to_install() -> None:
    trainer = LocalTrainer(FolderWorkshop(Path("runs")), needs=("json", "no_such_torch"))

    with pytest.raises(MissingExtra, match=r"needs no_such_torch; install torch first .*\[train\]"):
        await trainer.check()
    await LocalTrainer(FolderWorkshop(Path("runs")), needs=("json",)).check()


async def test_the_room_itself_refuses_what_teaches_nothing(school: School) -> None:
    trainer = LocalTrainer(school.workshop)
    run, _ = await school.enrol()
    await trainer.launch(run)
    await ended(trainer)

    report = await trainer.poll(run)

    assert report.state is RunState.FAILED
    assert "train.jsonl" in report.error


LAUNCH = """
import asyncio, sys
from pathlib import Path
from hybrid_coordinator.backends.trainers.local import LocalTrainer
from hybrid_coordinator.backends.trainers.workshop import FolderWorkshop
from hybrid_coordinator.domain.training import BaseWeights, Recipe, Run, RunState, Teaching
from datetime import UTC, datetime

async def main(root, program):
    trainer = LocalTrainer(FolderWorkshop(Path(root)), program=(sys.executable, "-I", "-S", "-c", program))
    now = datetime(2026, 3, 4, tzinfo=UTC)
    run = Run("run-1", now, now, RunState.WAITING, "local", Teaching.LORA, BaseWeights("tiny", ""), Recipe())
    await trainer.launch(run)
    print(trainer.process_id, flush=True)
    await asyncio.Event().wait()

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.mark.parametrize("paused", [False, True])
async def test_the_process_dies_with_a_coordinator_that_is_killed_and_the_next_one_goes_on(
    school: School, paused: bool
) -> None:
    run, line = await school.enrol()
    command = [sys.executable, "-c", LAUNCH, str(school.workshop.folder(run.id).parent), OBEDIENT]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as coordinator:
        assert coordinator.stdout is not None
        pid = int(coordinator.stdout.readline())
        assert await line.hear() == "ready"
        if paused:
            os.killpg(pid, signal.SIGSTOP)
        coordinator.kill()
    await death_of(pid)

    trainer = school.trainer()
    report = await trainer.poll(run)
    await trainer.launch(run)

    assert report == RunReport(RunState.WAITING)
    assert await line.hear() == "ready"
    await trainer.aclose()


@pytest.fixture
def small_disk(tmp_path: Path) -> Generator[Path]:
    """A file system of 200 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounting = ["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(folder)]
    mounted = subprocess.run(mounting, capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {mounted.stderr.decode().strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


async def test_on_a_full_disk_nothing_is_started_and_later_it_is(small_disk: Path) -> None:
    school = School(small_disk)
    run, line = await school.enrol()
    trainer, ballast = school.trainer(), small_disk / "ballast"
    with pytest.raises(OSError, match="No space left"):
        ballast.write_bytes(b"x" * 300_000)

    with pytest.raises(StorageFull, match="free some space"):
        await trainer.launch(run)
    started = trainer.process_id
    ballast.unlink()
    await trainer.launch(run)

    assert started is None
    assert await line.hear() == "ready"
    await trainer.aclose()
    school.close()


async def test_a_disk_that_fills_while_the_adapter_is_written_leaves_a_run_that_goes_on(small_disk: Path) -> None:
    school = School(small_disk)
    run, line = await school.enrol()
    trainer = school.trainer()
    await trainer.launch(run)
    assert await line.hear() == "ready"
    line.say("fill")
    await ended(trainer)

    report = await trainer.poll(run)

    assert report.state is RunState.WAITING
    assert await school.workshop.manifest(run.id) is None
    await trainer.aclose()
    school.close()
