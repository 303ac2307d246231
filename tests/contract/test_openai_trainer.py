"""Training at a vendor, through the official client, against a stand-in of the vendor's API over real HTTP."""

import json
import subprocess
import sys
from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import anyio.to_thread
import httpx2
import pytest
from openai import AsyncOpenAI

from hybrid_coordinator.backends.trainers.openai import OpenAITrainer
from hybrid_coordinator.backends.trainers.workshop import FolderWorkshop
from hybrid_coordinator.domain.knowledge import Payload
from hybrid_coordinator.domain.training import Progress, Recipe, Run, RunState, Teaching
from hybrid_coordinator.errors import BadInput, Conflict, SettingError, Unavailable
from hybrid_coordinator.logic.teaching_backends import read_model_backend, vendor_base
from hybrid_coordinator.ports import Material, RunReport
from hybrid_coordinator.testing import ManualClock
from openai_jobs import CREATED, KEY, JobsVendor, Trouble, jobs_vendor

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
WAIT_S = 120.0


def row(number: int) -> Payload:
    return {
        "messages": [
            {"role": "system", "content": "You help.", "name": "secret-name"},
            {"role": "user", "content": f"What is {number}? 🕰\u2028"},
            {"role": "assistant", "content": f"It is {number}."},
        ],
        "metadata": {"row_id": f"secret-{number}", "interaction_id": "secret-interaction", "place": "/secret"},
        "weight": "secret-field",
    }


MATERIAL = Material(
    train=[row(number) for number in range(12)],
    validation=[row(100)],
    held_out=[row(200)],
    pairs=[{"prompt": "secret-pair", "chosen": "a", "rejected": "b"}],
)


def run_of(run_id: str = "4f0c1e9a-0000-4000-8000-000000000001") -> Run:
    recipe = Recipe(epochs=2.6, batch=4, seed=11)
    return Run(run_id, NOON, NOON, RunState.WAITING, "gpt", Teaching.OPENAI, vendor_base("gpt-4o-mini"), recipe, "dd")


@dataclass(slots=True)
class Agency:
    """A vendor, a workshop, and a trainer between them."""

    vendor: JobsVendor
    workshop: FolderWorkshop
    trainer: OpenAITrainer
    run: Run

    async def begin(self) -> Run:
        """Launch the run, and keep its job as a flow does."""
        self.run = replace(self.run, job=await self.trainer.launch(self.run))
        return self.run

    def uploaded(self) -> dict[str, list[Any]]:
        """What the vendor was sent, by the last but one part of the file's name."""
        return {
            file["filename"].split(".")[-2]: [
                json.loads(line) for line in self.vendor.contents[file["id"]].split(b"\n") if line
            ]
            for file in self.vendor.files
        }


def trainer_at(url: str, workshop: FolderWorkshop, *, key: str = KEY, retries: int = 0) -> OpenAITrainer:
    http = httpx2.AsyncClient(verify=False, timeout=WAIT_S)
    client = AsyncOpenAI(base_url=url, api_key=key, max_retries=retries, http_client=http)
    return OpenAITrainer(client, workshop, ManualClock(datetime.fromtimestamp(CREATED + 100, UTC)))


@pytest.fixture
def vendor() -> Iterator[JobsVendor]:
    with jobs_vendor() as running:
        yield running


@pytest.fixture
async def agency(vendor: JobsVendor, tmp_path: Path) -> AsyncGenerator[Agency]:
    workshop = FolderWorkshop(tmp_path / "runs")
    run = run_of()
    await workshop.freeze(run, MATERIAL)
    trainer = trainer_at(vendor.url, workshop)
    yield Agency(vendor, workshop, trainer, run)
    await trainer.aclose()


async def test_a_run_becomes_a_job_of_the_rows_and_the_recipe(agency: Agency) -> None:
    run = await agency.begin()

    asked = agency.vendor.jobs[0]["asked"]
    assert run.job == "ftjob-1"
    assert asked["model"] == "gpt-4o-mini"
    assert asked["metadata"] == {"hybrid_coordinator_run": run.id}
    assert asked["method"] == {
        "type": "supervised",
        "supervised": {"hyperparameters": {"n_epochs": 3, "batch_size": 4}},
    }
    assert (asked["seed"], asked["suffix"]) == (11, "run-4f0c1e9a")
    assert {file["id"]: file["filename"] for file in agency.vendor.files} == {
        asked["training_file"]: f"{run.id}.train.jsonl",
        asked["validation_file"]: f"{run.id}.validation.jsonl",
    }
    assert {file["purpose"] for file in agency.vendor.files} == {"fine-tune"}


async def test_nothing_but_what_was_said_leaves_this_machine(agency: Agency) -> None:
    await agency.begin()

    sent = agency.uploaded()
    assert sent["train"][0] == {
        "messages": [
            {"role": "system", "content": "You help."},
            {"role": "user", "content": "What is 0? 🕰\u2028"},
            {"role": "assistant", "content": "It is 0."},
        ]
    }
    assert (len(sent["train"]), len(sent["validation"])) == (12, 1)
    everything = b"".join(agency.vendor.contents.values())
    assert b"secret" not in everything
    assert b"What is 200?" not in everything


async def test_a_recipe_that_leaves_it_open_lets_the_vendor_choose(agency: Agency) -> None:
    agency.run = replace(agency.run, recipe=Recipe())

    await agency.begin()

    assert agency.vendor.jobs[0]["asked"]["method"]["supervised"] == {"hyperparameters": {}}


async def test_without_validation_rows_no_such_file_is_sent(agency: Agency) -> None:
    agency.run = run_of("other-run")
    await agency.workshop.freeze(agency.run, replace(MATERIAL, validation=[]))

    await agency.begin()

    assert list(agency.uploaded()) == ["train"]
    assert "validation_file" not in agency.vendor.jobs[0]["asked"]


async def test_a_job_is_told_of_until_its_model_is_ready(agency: Agency) -> None:
    run = await agency.begin()
    queued = await agency.trainer.poll(run)
    agency.vendor.advance("running", estimated_finish=CREATED + 160)
    agency.vendor.events[:] = [
        event("message", None),
        event("metrics", {"step": 30, "total_steps": 90, "train_loss": 0.75}),
        event("metrics", {"step": 20, "total_steps": 90, "train_loss": 1.5}),
    ]
    running = await agency.trainer.poll(run)
    agency.vendor.advance("succeeded", fine_tuned_model="ft:tuned", trained_tokens=1234, finished_at=CREATED + 500)
    finished = await agency.trainer.poll(run)
    manifest = await agency.workshop.manifest(run.id)

    assert queued == RunReport(RunState.RUNNING, Progress("validating_files"))
    assert running == RunReport(RunState.RUNNING, Progress("running", 30, 90, 60.0, 0.75))
    assert finished.state is RunState.FINISHED
    assert manifest is not None
    assert (manifest["vendor_model"], manifest["job"], manifest["seconds"]) == ("ft:tuned", "ftjob-1", 500)
    assert manifest["metrics"] == {"trained_tokens": 1234}
    assert manifest["base"] == {"name": "gpt-4o-mini", "sha256": sha256(b"gpt-4o-mini").hexdigest()}
    train = agency.workshop.folder(run.id) / "material" / "train.jsonl"
    assert manifest["data"]["train.jsonl"] == sha256(train.read_bytes()).hexdigest()


def event(kind: str, data: Any) -> dict[str, Any]:
    return {
        "id": "ftevent-1",
        "object": "fine_tuning.job.event",
        "created_at": CREATED,
        "level": "info",
        "message": "Step",
        "type": kind,
        "data": data,
    }


async def test_a_finished_run_is_finished_without_asking_the_vendor_again(agency: Agency) -> None:
    run = await agency.begin()
    agency.vendor.advance("succeeded", fine_tuned_model="ft:tuned")
    await agency.trainer.poll(run)
    asked = len(agency.vendor.asked)

    assert (await agency.trainer.poll(run)).state is RunState.FINISHED
    assert len(agency.vendor.asked) == asked


async def test_what_became_of_a_job_without_success_is_told_in_the_vendors_words(agency: Agency) -> None:
    run = await agency.begin()
    agency.vendor.advance("failed", error={"code": "bad", "message": "only 12 examples", "param": "training_file"})
    failed = await agency.trainer.poll(run)
    agency.vendor.advance("succeeded", error=None)
    without_model = await agency.trainer.poll(run)
    agency.vendor.advance("cancelled")
    cancelled = await agency.trainer.poll(run)
    agency.vendor.jobs.clear()
    gone = await agency.trainer.poll(run)

    assert (failed.state, "'only 12 examples'" in failed.error) == (RunState.FAILED, True)
    assert without_model.state is RunState.FAILED
    assert cancelled.state is RunState.CANCELLED
    assert (gone.state, "knows no job 'ftjob-1'" in gone.error) == (RunState.FAILED, True)
    assert await agency.workshop.manifest(run.id) is None


async def test_a_launch_of_a_run_with_a_job_sends_nothing(agency: Agency) -> None:
    run = await agency.begin()
    asked = len(agency.vendor.asked)

    assert await agency.trainer.launch(run) == run.job
    assert len(agency.vendor.asked) == asked


@pytest.mark.parametrize("forgets_metadata", [False, True])
@pytest.mark.parametrize("page_size", [1, 100])
async def test_a_job_whose_name_was_lost_is_found_again(agency: Agency, forgets_metadata: bool, page_size: int) -> None:
    agency.vendor.forgets_metadata, agency.vendor.page_size = forgets_metadata, page_size
    first = await agency.trainer.launch(agency.run)
    other = run_of("other-run")
    await agency.workshop.freeze(other, MATERIAL)
    await agency.trainer.launch(other)

    assert await agency.trainer.launch(agency.run) == first == "ftjob-1"
    assert len(agency.vendor.jobs) == 2
    assert len(agency.vendor.files) == 4


@pytest.mark.parametrize("retries", [0, 2])
async def test_an_answer_that_is_lost_after_the_job_began_leads_to_no_second_job(agency: Agency, retries: int) -> None:
    trainer = trainer_at(agency.vendor.url, agency.workshop, retries=retries)
    agency.vendor.troubles.append(Trouble("POST", "/fine_tuning/jobs", 0, done=True))

    with pytest.raises(Unavailable, match="cannot be reached"):
        await trainer.launch(agency.run)

    assert await trainer.launch(agency.run) == "ftjob-1"
    assert len(agency.vendor.jobs) == 1
    await trainer.aclose()


LAUNCH = """
import asyncio, sys
from pathlib import Path
from test_openai_trainer import run_of, trainer_at
from hybrid_coordinator.backends.trainers.workshop import FolderWorkshop

asyncio.run(trainer_at(sys.argv[1], FolderWorkshop(Path(sys.argv[2]))).launch(run_of()))
"""


@pytest.mark.parametrize(
    ("path", "done"), [("/files", False), ("/files", True), ("/fine_tuning/jobs", False), ("/fine_tuning/jobs", True)]
)
async def test_a_kill_at_any_moment_of_a_launch_leads_to_one_job(agency: Agency, path: str, done: bool) -> None:
    agency.vendor.troubles.append(Trouble("POST", path, -1, done=done))
    root = agency.workshop.folder(agency.run.id).parent
    here = Path(__file__).parent
    command = [sys.executable, "-c", LAUNCH, agency.vendor.url, str(root)]
    with subprocess.Popen(command, env={"PYTHONPATH": f"{here}:{here.parent}"}) as child:
        waited = await anyio.to_thread.run_sync(agency.vendor.silent.wait, WAIT_S)
        child.kill()

    run = await agency.begin()

    assert waited
    assert run.job == "ftjob-1"
    assert len(agency.vendor.jobs) == 1
    assert sorted(agency.uploaded()) == ["train", "validation"]
    assert len(agency.vendor.files) == 2


@pytest.mark.parametrize("status", [400, 404, 422])
async def test_what_the_vendor_will_not_take_is_a_failed_run_with_its_words(agency: Agency, status: int) -> None:
    agency.vendor.troubles.append(Trouble("POST", "/fine_tuning/jobs", status, "model may not be\ntrained"))

    run = await agency.begin()
    report = await agency.trainer.poll(run)

    assert run.job == ""
    assert report.state is RunState.FAILED
    assert "model may not be trained" in report.error


async def test_a_run_without_rows_fails_before_anything_is_sent(agency: Agency) -> None:
    agency.run = run_of("empty-run")
    await agency.workshop.freeze(agency.run, Material(train=[]))

    report = await agency.trainer.poll(await agency.begin())

    assert (report.state, "no rows" in report.error) == (RunState.FAILED, True)
    assert not agency.vendor.files


@pytest.mark.parametrize("status", [408, 409, 429, 500, 503])
async def test_what_may_pass_is_unavailable_and_a_later_launch_goes_on(agency: Agency, status: int) -> None:
    agency.vendor.troubles.append(Trouble("POST", "/fine_tuning/jobs", status, "slow down", retry_after="7"))

    with pytest.raises(Unavailable, match=f"answered {status}: slow down") as caught:
        await agency.begin()

    assert caught.value.retry_after_s == 7
    assert (await agency.begin()).job == "ftjob-1"
    assert len(agency.vendor.files) == 2


async def test_a_wrong_key_names_the_setting(agency: Agency) -> None:
    trainer = trainer_at(agency.vendor.url, agency.workshop, key="wrong")

    with pytest.raises(SettingError, match="OPENAI_API_KEY"):
        await trainer.check()
    with pytest.raises(SettingError, match="OPENAI_API_KEY"):
        await trainer.launch(agency.run)

    await agency.trainer.check()
    assert (await agency.begin()).job == "ftjob-1"
    await trainer.aclose()


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/files"), ("POST", "/files"), ("GET", "/fine_tuning/jobs"), ("POST", "/fine_tuning/jobs")],
)
@pytest.mark.parametrize("page", [b"<html>Hello</html>", b"null", b"{", b"[]", b'{"data": 7}', b'{"data": [8]}'])
async def test_an_answer_that_is_none_of_the_api_is_unavailable(
    agency: Agency, method: str, path: str, page: bytes
) -> None:
    agency.vendor.troubles.append(Trouble(method, path, 200, page=page))

    with pytest.raises(Unavailable, match="none of its API"):
        await agency.begin()

    assert (await agency.begin()).job


async def test_a_vendor_that_is_not_there_is_unavailable(agency: Agency) -> None:
    trainer = trainer_at("http://127.0.0.1:1/v1", agency.workshop)

    for ask in (trainer.check(), trainer.launch(agency.run), trainer.poll(replace(agency.run, job="ftjob-1"))):
        with pytest.raises(Unavailable, match="cannot be reached"):
            await ask
    await trainer.aclose()


async def test_a_cancelled_run_is_cancelled_there_and_over_for_good(agency: Agency) -> None:
    run = await agency.begin()

    await agency.trainer.cancel(run)
    await agency.trainer.cancel(run)

    assert agency.vendor.jobs[0]["status"] == "cancelled"
    assert (await agency.trainer.poll(run)).state is RunState.CANCELLED
    with pytest.raises(Conflict, match="was cancelled"):
        await agency.trainer.launch(replace(run, job=""))


async def test_a_cancellation_that_the_vendor_did_not_hear_leaves_the_run_going(agency: Agency) -> None:
    run = await agency.begin()
    agency.vendor.troubles.append(Trouble("POST", "/fine_tuning/jobs/ftjob-1/cancel", 503, "try later"))

    with pytest.raises(Unavailable, match="try later"):
        await agency.trainer.cancel(run)

    assert (await agency.trainer.poll(run)).state is RunState.RUNNING


async def test_a_job_whose_name_was_lost_is_cancelled_too(agency: Agency) -> None:
    await agency.trainer.launch(agency.run)

    await agency.trainer.cancel(agency.run)

    assert agency.vendor.jobs[0]["status"] == "cancelled"


async def test_cancelling_what_never_began_asks_for_nothing_to_be_done(agency: Agency) -> None:
    await agency.trainer.cancel(agency.run)

    assert {method for method, _ in agency.vendor.asked} == {"GET"}


async def test_a_pause_is_nothing_to_the_vendor(agency: Agency) -> None:
    await agency.trainer.pause(True)

    assert not agency.vendor.asked


def test_a_vendor_that_trains_nothing_is_refused_with_the_choices() -> None:
    with pytest.raises(BadInput, match=r"Anthropic offers no training.*'llama-cpp' or 'openai'"):
        read_model_backend("Claude")
    with pytest.raises(BadInput, match="'llama-cpp' or 'openai'"):
        read_model_backend("retriever")
    assert read_model_backend(" llama-cpp ") is Teaching.LORA
    assert read_model_backend("openai") is Teaching.OPENAI
