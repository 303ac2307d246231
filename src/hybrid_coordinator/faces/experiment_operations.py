"""Which of two ways to answer is better."""

from hybrid_coordinator.app import House
from hybrid_coordinator.faces import experiment_shapes as shapes
from hybrid_coordinator.faces.operation import Operation


async def ab_compare(house: House, request: shapes.AbCompareRequest) -> shapes.AbCompareResult:
    return shapes.AbCompareResult.of(
        await house.learning.experiments.compare(request.variant_a, request.variant_b, request.since)
    )


EXPERIMENT_OPERATIONS = (
    Operation(
        "ab_compare",
        "Compare two variants by the feedback and the outcomes of answers tagged variant:<name>.",
        shapes.AbCompareRequest,
        shapes.AbCompareResult,
        ab_compare,
    ),
)
