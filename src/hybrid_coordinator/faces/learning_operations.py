"""How learning stands, and a round of it on request."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from hybrid_coordinator.app import House
from hybrid_coordinator.daemon import STEPS, Progressed, Stepped
from hybrid_coordinator.faces import learning_shapes as shapes
from hybrid_coordinator.faces.operation import Operation

LATELY = timedelta(days=7)


async def learning_status(house: House, _request: shapes.LearningStatusRequest) -> shapes.LearningStatusResult:
    events = await house.learning.events_since(house.clock.now() - LATELY)
    return shapes.LearningStatusResult.of(await house.daemon.status(), await _stages(house), events)


async def learning_process(house: House, request: shapes.LearningProcessRequest) -> shapes.LearningProcessResult:
    processed = []
    async with aclosing(learn(house, request)) as events:
        async for event in events:
            if isinstance(event, Stepped):
                counts = {name: count for name, count in event.counts.items() if count}
                processed.append((event.state, counts))
    return shapes.LearningProcessResult(
        steps=[
            shapes.ProcessedResult(
                step=state.step,  # type: ignore[arg-type]  # the daemon knows no others
                done=sum(counts.values()),
                counts=counts,
                error=state.error,
            )
            for state, counts in processed
        ],
        stages=await _stages(house),
    )


def learn(house: House, request: shapes.LearningProcessRequest) -> AsyncGenerator[Progressed | Stepped, None]:
    """A round of learning, as it goes."""
    return house.daemon.run_once(request.steps or STEPS, most_batches=request.batches)


async def encode_learning(run: AsyncGenerator[Progressed | Stepped, None]) -> AsyncGenerator[dict[str, Any], None]:
    """A round's events as JSON objects."""
    async with aclosing(run) as events:
        async for event in events:
            if isinstance(event, Progressed):
                yield {"event": "progressed"} | asdict(event)
            else:
                result = shapes.StepResult.of(event.state).model_dump(mode="json")
                yield {"event": "stepped", "counts": dict(event.counts)} | result


async def _stages(house: House) -> dict[str, int]:
    return {stage.value: count for stage, count in (await house.catalog.counts()).items() if count}


LEARNING_OPERATIONS = (
    Operation(
        "learning_process",
        "Learn from what is there: one batch of every step, or as many as were asked for.",
        shapes.LearningProcessRequest,
        shapes.LearningProcessResult,
        learning_process,
        read_only=False,
    ),
    Operation(
        "learning_status",
        "How learning stands: when each step ran, what it did, why it failed, and what is at which stage.",
        shapes.LearningStatusRequest,
        shapes.LearningStatusResult,
        learning_status,
    ),
)
