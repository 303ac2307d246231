"""What a run has at OpenAI: its files and its job, found by the run's name, so that a kill leaves nothing twice."""

from collections.abc import AsyncIterator, Awaitable, Mapping
from itertools import count
from typing import Any, TypeVar

from openai import AsyncOpenAI, NotFoundError
from openai.pagination import AsyncCursorPage
from openai.types import FileObject
from openai.types.fine_tuning import FineTuningJob, FineTuningJobEvent
from openai.types.fine_tuning.job_create_params import Method
from openai.types.fine_tuning.supervised_hyperparameters_param import SupervisedHyperparametersParam

from hybrid_coordinator.backends.trainers.openai_errors import not_understood, translated
from hybrid_coordinator.domain.training import Recipe, Run

RUN = "hybrid_coordinator_run"
"""The key of a job's metadata under which the run's name stands."""

PAGES = 20
PAGE = 100
EVENTS = 20

T = TypeVar("T")


class OpenAIJobs:
    """Files and fine-tuning jobs. Raises as `translated` says."""

    def __init__(self, client: AsyncOpenAI) -> None:
        self._client = client
        self._once = client.with_options(max_retries=0)

    async def check(self) -> None:
        """Ask for something small that only a good key is told."""
        with translated():
            await _first_page(self._client.fine_tuning.jobs.list(limit=1))

    async def files(self, run: Run) -> Mapping[str, str]:
        """The ids of what was uploaded for a run, by part."""
        with translated():
            page = await _first_page(self._client.files.list(purpose="fine-tune", order="desc"))
            found = {file.filename: file.id async for file in _newest(page, FileObject)}
        names = {part: file_name(run, part) for part in ("train", "validation")}
        return {part: found[name] for part, name in names.items() if name in found}

    async def upload(self, run: Run, part: str, content: bytes) -> str:
        """Upload a part; its id."""
        with translated():
            made = await self._client.files.create(file=(file_name(run, part), content), purpose="fine-tune")
            return _named(made, FileObject).id

    async def find(self, run: Run, files: Mapping[str, str]) -> str:
        """The id of a run's job, known by the run's name or by its training file; "" where there is none."""
        with translated():
            page = await _first_page(self._client.fine_tuning.jobs.list(limit=PAGE))
            async for job in _newest(page, FineTuningJob):
                if (job.metadata or {}).get(RUN) == run.id or job.training_file == files.get("train"):
                    return job.id
        return ""

    async def create(self, run: Run, files: Mapping[str, str]) -> str:
        """Ask for a job, once: of an answer that is lost nobody knows whether there is a job, and `find` will tell."""
        asked: dict[str, Any] = {"validation_file": files["validation"]} if "validation" in files else {}
        with translated():
            made = await self._once.fine_tuning.jobs.create(
                model=run.base.name,
                training_file=files["train"],
                seed=run.recipe.seed,
                suffix=f"run-{run.id[:8]}",
                metadata={RUN: run.id},
                method=_method(run.recipe),
                **asked,
            )
            return _named(made, FineTuningJob).id

    async def job(self, job_id: str) -> FineTuningJob | None:
        """A job as it stands; None when the vendor knows none of this id."""
        with translated():
            try:
                return _named(await self._client.fine_tuning.jobs.retrieve(job_id), FineTuningJob)
            except NotFoundError:
                return None

    async def metrics(self, job_id: str) -> Mapping[str, Any]:
        """The newest figures that the job told, among its last events."""
        with translated():
            page = await _first_page(self._client.fine_tuning.jobs.list_events(job_id, limit=EVENTS))
        told = (one.data for one in page.data if isinstance(one, FineTuningJobEvent) and one.type == "metrics")
        return next((data for data in told if isinstance(data, dict)), {})

    async def cancel(self, job_id: str) -> None:
        with translated():
            await self._client.fine_tuning.jobs.cancel(job_id)

    async def aclose(self) -> None:
        await self._client.close()


def file_name(run: Run, part: str) -> str:
    """What a part of a run's material is called at the vendor."""
    return f"{run.id}.{part}.jsonl"


def _method(recipe: Recipe) -> Method:
    """Of a recipe, what a vendor lets one choose; its learning rate has no meaning there, where it is a multiplier."""
    chosen = SupervisedHyperparametersParam()
    if recipe.epochs:
        chosen["n_epochs"] = max(1, round(recipe.epochs))
    if recipe.batch:
        chosen["batch_size"] = recipe.batch
    return Method(type="supervised", supervised={"hyperparameters": chosen})


async def _first_page(asked: Awaitable[AsyncCursorPage[T]]) -> AsyncCursorPage[T]:
    try:
        page = _understood(await asked, AsyncCursorPage)
    except AttributeError as error:  # the client trips over what is no page
        raise not_understood() from error
    _understood(page.data, list)
    return page


async def _newest(page: AsyncCursorPage[T], kind: type[T]) -> AsyncIterator[T]:
    """What is on a page and those behind it, as far as anybody would look."""
    for number in count(1):
        for one in page.data:
            yield _named(one, kind)
        if number == PAGES or not page.has_next_page():
            return
        page = await _first_page(page.get_next_page())


def _named(answer: object, kind: type[T]) -> T:
    """A thing of the API, which has an id at least."""
    _understood(getattr(answer, "id", None), str)
    return _understood(answer, kind)


def _understood(answer: object, kind: type[T]) -> T:
    """The client hands on what a server says even when it is something else, such as a page of HTML."""
    if not isinstance(answer, kind):
        raise not_understood()
    return answer
