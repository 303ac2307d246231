"""Training a model at OpenAI, by its fine-tuning jobs.

Importing this module needs the extra `openai`; without it, that raises MissingExtra.
"""

import json
from dataclasses import asdict
from typing import Any

import anyio.to_thread

from hybrid_coordinator.backends.disk import write_whole
from hybrid_coordinator.backends.trainers.disk import translated
from hybrid_coordinator.backends.trainers.openai_rows import chat_lines
from hybrid_coordinator.backends.trainers.run_folder import RunFolder
from hybrid_coordinator.backends.trainers.sealing import read_seal
from hybrid_coordinator.backends.trainers.standing import fail, mark_cancelled, read_standing
from hybrid_coordinator.domain.training import Progress, Run, RunState
from hybrid_coordinator.errors import BadInput, Conflict, MissingExtra, SettingError
from hybrid_coordinator.ports import Clock, RunReport, Workshop

try:
    from openai import AsyncOpenAI
    from openai.types.fine_tuning import FineTuningJob

    from hybrid_coordinator.backends.trainers.openai_jobs import OpenAIJobs
except ImportError as error:
    raise MissingExtra("training at OpenAI needs its client; pip install 'hybrid-coordinator[openai]'") from error

OVER = ("succeeded", "failed", "cancelled")

LICENCE = "the model stays at OpenAI, under its terms"


class OpenAITrainer:
    """The `Trainer` port over a vendor. What a kill left half begun there is found again by the run's name."""

    def __init__(self, client: AsyncOpenAI, workshop: Workshop, clock: Clock) -> None:
        """The client has the address, the key and the time-outs, and is closed with this."""
        self._jobs = OpenAIJobs(client)
        self._workshop = workshop
        self._clock = clock

    async def check(self) -> None:
        """As the port says; raises Unavailable where nobody answers."""
        await self._jobs.check()

    async def launch(self, run: Run) -> str:
        """As the port says. What the vendor will not take makes the run a failed one, which has no job. Raises
        SettingError for a key that is not let in, and Conflict for a run that was cancelled."""
        if run.job:
            return run.job
        folder = RunFolder(self._workshop.folder(run.id))
        if (await self._standing(folder)).state is RunState.CANCELLED:
            raise Conflict(f"run {run.id!r} was cancelled; start a new one")
        try:
            return await self._begin(run)
        except SettingError:
            raise
        except BadInput as error:
            await anyio.to_thread.run_sync(fail, folder, str(error))
            return ""

    async def poll(self, run: Run) -> RunReport:
        """As the port says. Of a model that is ready, the manifest is written here."""
        kept = await self._standing(RunFolder(self._workshop.folder(run.id)))
        if kept.state is not RunState.WAITING or not run.job:
            return kept
        job = await self._jobs.job(run.job)
        if job is None:
            return RunReport(RunState.FAILED, error=f"OpenAI knows no job {run.job!r}; start a new run")
        return await self._report(run, job)

    async def cancel(self, run: Run) -> None:
        """As the port says. Raises Unavailable, and the run goes on, while the vendor does not hear."""
        job_id = run.job or await self._jobs.find(run, await self._jobs.files(run))
        job = await self._jobs.job(job_id) if job_id else None
        if job is not None and job.status not in OVER:
            await self._jobs.cancel(job.id)
        await anyio.to_thread.run_sync(mark_cancelled, RunFolder(self._workshop.folder(run.id)))

    async def pause(self, paused: bool) -> None:
        """Nothing of it runs on this machine."""

    async def aclose(self) -> None:
        """As the port says; the job goes on at the vendor."""
        await self._jobs.aclose()

    async def _standing(self, folder: RunFolder) -> RunReport:
        return await anyio.to_thread.run_sync(lambda: read_standing(folder, working=False))

    async def _begin(self, run: Run) -> str:
        files = dict(await self._jobs.files(run))
        if job_id := await self._jobs.find(run, files):
            return job_id
        material = await self._workshop.material(run.id)
        if not material.train:
            raise BadInput(f"run {run.id!r} has no rows to train on; export a dataset with some")
        for part, rows in (("train", material.train), ("validation", material.validation)):
            if rows and part not in files:
                files[part] = await self._jobs.upload(run, part, chat_lines(rows))
        return await self._jobs.create(run, files)

    async def _report(self, run: Run, job: FineTuningJob) -> RunReport:
        match job.status:
            case "succeeded" if job.fine_tuned_model:
                await self._finish(run, job)
                return RunReport(RunState.FINISHED, Progress(job.status))
            case "succeeded" | "failed":
                words = job.error.message if job.error is not None and job.error.message else "no reason"
                return RunReport(RunState.FAILED, Progress(job.status), f"OpenAI trained no model and gave {words!r}")
            case "cancelled":
                return RunReport(RunState.CANCELLED, Progress(job.status))
            case _:
                return RunReport(RunState.RUNNING, await self._progress(job))

    async def _progress(self, job: FineTuningJob) -> Progress:
        told = await self._jobs.metrics(job.id) if job.status == "running" else {}
        left = job.estimated_finish - self._clock.now().timestamp() if job.estimated_finish else None
        done, total, loss = (_number(told.get(name)) for name in ("step", "total_steps", "train_loss"))
        return Progress(job.status, int(done or 0), int(total or 0), left and max(0.0, left), loss)

    async def _finish(self, run: Run, job: FineTuningJob) -> None:
        folder = RunFolder(self._workshop.folder(run.id))
        made_at = self._clock.now().isoformat()

        def work() -> None:
            manifest = {**_manifest(run, job), "made_at": made_at, "data": read_seal(folder)}
            with translated(folder.path):
                write_whole(folder.manifest, json.dumps(manifest, indent=2).encode())

        await anyio.to_thread.run_sync(work)


def _manifest(run: Run, job: FineTuningJob) -> dict[str, Any]:
    """The job's own part; there is no file to fetch, and the API tells no price."""
    return {
        "format": 1,
        "run_id": run.id,
        "base": {"name": run.base.name, "sha256": run.base.sha256},
        "dataset_hash": run.dataset_hash,
        "recipe": asdict(run.recipe),
        "scale": 1.0,
        "metrics": {"trained_tokens": job.trained_tokens},
        "files": {},
        "vendor": "openai",
        "vendor_model": job.fine_tuned_model,
        "job": job.id,
        "licence": LICENCE,
        "seconds": job.finished_at - job.created_at if job.finished_at else None,
    }


def _number(said: Any) -> float | None:
    return float(said) if isinstance(said, (int, float)) else None
