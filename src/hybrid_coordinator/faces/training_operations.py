"""Training a model, and what becomes of its versions. Long work begins here and is followed, or asked for by its id."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import asdict
from typing import Any

from hybrid_coordinator.app import Examined, House
from hybrid_coordinator.domain.training import Run
from hybrid_coordinator.domain.versions import ANSWERING
from hybrid_coordinator.errors import Conflict
from hybrid_coordinator.faces import training_shapes as shapes
from hybrid_coordinator.faces.operation import Operation


async def train_model(house: House, request: shapes.TrainRequest) -> shapes.RunResult:
    return shapes.RunResult.of(await _begin(house, request))


async def training_run(house: House, request: shapes.RunRequest) -> shapes.RunResult:
    return shapes.RunResult.of(await house.training.runs.run(request.run_id))


async def training_runs(house: House, request: shapes.RunsRequest) -> shapes.RunsResult:
    found = await house.training.runs.runs(limit=request.limit)
    return shapes.RunsResult(runs=[shapes.RunResult.of(run) for run in found])


async def cancel_training(house: House, request: shapes.RunRequest) -> shapes.RunResult:
    return shapes.RunResult.of(await house.training.finetuner.cancel(request.run_id))


async def model_versions(house: House, _request: shapes.VersionsRequest) -> shapes.VersionsResult:
    return await _listed(house)


async def model_version(house: House, request: shapes.VersionRequest) -> shapes.LineageResult:
    lineage = await house.training.versions.lineage(request.name)
    return shapes.LineageResult.of(lineage, asdict(lineage.run.recipe) if lineage.run else {})


async def deploy_version(house: House, request: shapes.DeployRequest) -> shapes.VersionResult:
    versions = house.training.versions
    act = versions.promote if request.everybody else versions.start_canary
    version = await act(request.name, "person", request.why)
    await house.follow_search()
    return shapes.VersionResult.of(version)


async def roll_back_version(house: House, request: shapes.RollBackRequest) -> shapes.VersionsResult:
    await house.training.versions.roll_back(request.model or await _answering_model(house), "person", request.why)
    await house.follow_search()
    return await _listed(house)


async def drop_version(house: House, request: shapes.DropRequest) -> shapes.VersionsResult:
    taint = house.training.taint
    await taint.drop([request.name], request.why)
    await house.follow_search()
    if request.rebuild:
        await house.export_dataset()
        await taint.rebuild([request.name])
    return await _listed(house)


async def measure_version(house: House, request: shapes.VersionRequest) -> shapes.MeasureStarted:
    await house.training.examiner.examine(request.name)
    house.daemon.note_news()
    return shapes.MeasureStarted(name=request.name, state="measuring")


async def _begin(house: House, request: shapes.TrainRequest) -> Run:
    if request.export:
        await house.export_dataset()
    return await house.training.begin(request.recipe, request.model_backend)


async def _answering_model(house: House) -> str:
    """The one model of which a version answers. Raises Conflict where none does, or several do."""
    models = sorted({one.model for one in await house.training.versions.list() if one.stage in ANSWERING})
    if not models:
        raise Conflict("every model answers as its base: there is nothing to roll back")
    if len(models) > 1:
        raise Conflict(f"versions of {', '.join(map(repr, models))} answer: say of which the last goes back")
    return models[0]


async def _listed(house: House) -> shapes.VersionsResult:
    found = await house.training.versions.list()
    return shapes.VersionsResult(
        answering=house.training.answering(), versions=[shapes.VersionResult.of(version) for version in found]
    )


async def train(house: House, request: shapes.TrainRequest) -> AsyncGenerator[dict[str, Any], None]:
    """A run from its beginning, or from where one was broken off, to the decision, as it goes; the version is last."""
    run = await _begin(house, request)
    async with aclosing(house.training.follow(run.id)) as events:
        async for event in events:
            yield _encode(event)


async def measure(house: House, request: shapes.VersionRequest) -> AsyncGenerator[dict[str, Any], None]:
    """A measurement to its decision, as it goes; the version is last."""
    await house.training.examiner.examine(request.name)
    async with aclosing(house.training.follow_exam(request.name)) as events:
        async for event in events:
            yield _encode(event)


def _encode(event: Run | Examined) -> dict[str, Any]:
    if isinstance(event, Examined):
        version = shapes.VersionResult.of(event.version).model_dump(mode="json")
        return {"event": "version", "doing": event.doing, "is_waiting": event.is_waiting} | version
    return {"event": "run"} | shapes.RunResult.of(event).model_dump(mode="json")


TRAINING_OPERATIONS = (
    Operation(
        "train_model",
        "Begin to train the local model on what turned out well: minutes to hours, in the background. Gives a run to "
        "ask `training_run` for.",
        shapes.TrainRequest,
        shapes.RunResult,
        train_model,
        tool=True,
        read_only=False,
        idempotent=False,
    ),
    Operation(
        "training_run",
        "How a training run stands: its stage, how long it will still take, why it failed, what it made.",
        shapes.RunRequest,
        shapes.RunResult,
        training_run,
        tool=True,
    ),
    Operation("training_runs", "Training runs, newest first.", shapes.RunsRequest, shapes.RunsResult, training_runs),
    Operation(
        "cancel_training",
        "End a training run for good.",
        shapes.RunRequest,
        shapes.RunResult,
        cancel_training,
        read_only=False,
    ),
    Operation(
        "model_versions",
        "Every version of the models that are trained here: how far it got, how it measured, and what answers now.",
        shapes.VersionsRequest,
        shapes.VersionsResult,
        model_versions,
        tool=True,
    ),
    Operation(
        "model_version",
        "Where a version came from, and what became of it.",
        shapes.VersionRequest,
        shapes.LineageResult,
        model_version,
    ),
    Operation(
        "deploy_version",
        "Let a version answer a share of the sessions, on trial; or everybody at once.",
        shapes.DeployRequest,
        shapes.VersionResult,
        deploy_version,
        read_only=False,
    ),
    Operation(
        "roll_back_version",
        "Go back to the version that answered before, or to the base.",
        shapes.RollBackRequest,
        shapes.VersionsResult,
        roll_back_version,
        read_only=False,
        idempotent=False,
    ),
    Operation(
        "drop_version",
        "Take a version out of service and delete its weights.",
        shapes.DropRequest,
        shapes.VersionsResult,
        drop_version,
        read_only=False,
    ),
    Operation(
        "measure_version",
        "Measure a version anew. Ask `model_version` for what came of it.",
        shapes.VersionRequest,
        shapes.MeasureStarted,
        measure_version,
        read_only=False,
    ),
)
