"""What goes badly, and what can be asked about it."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from hybrid_coordinator.app import House
from hybrid_coordinator.faces import gap_shapes as shapes
from hybrid_coordinator.faces.operation import Operation
from hybrid_coordinator.faces.shapes import MICRO, InteractionResult
from hybrid_coordinator.flows.filling import FillEvent, FillSummary, Judged, Planned, Unanswered


async def gaps(house: House, _request: shapes.GapsRequest) -> shapes.GapsResult:
    return shapes.GapsResult(gaps=[shapes.GapResult.of(gap) for gap in await house.learning.gaps.find()])


async def gap(house: House, request: shapes.GapRequest) -> shapes.GapResult:
    return shapes.GapResult.of(await house.learning.gaps.show(request.name))


async def propose_questions(house: House, request: shapes.ProposeRequest) -> shapes.ProposeResult:
    found = await house.learning.gaps.show(request.name)
    proposals = await house.learning.proposer.propose(found, request.count)
    return shapes.ProposeResult(proposals=[shapes.ProposalResult.of(proposal) for proposal in proposals])


def fill(house: House, request: shapes.FillRequest) -> AsyncGenerator[FillEvent, None]:
    """Ask what a gap lacks, as it goes."""
    return house.filler.fill(
        request.name, budget_usd=request.budget_usd, permitted=request.permitted, questions=request.questions
    )


async def encode_filling(run: AsyncGenerator[FillEvent, None]) -> AsyncGenerator[dict[str, Any], None]:
    """The events as JSON objects, money in dollars."""
    async with aclosing(run) as events:
        async for event in events:
            yield _encode(event)


def _encode(event: FillEvent) -> dict[str, Any]:
    match event:
        case Planned():
            return {
                "event": "planned",
                "gap": event.gap.name,
                "questions": list(event.questions),
                "estimate_usd": event.estimate / MICRO,
                "spent_usd": event.spent / MICRO,
                "budget_usd": event.budget / MICRO,
            }
        case Judged():
            return {
                "event": "judged",
                "question": event.question,
                "interaction": InteractionResult.of(event.interaction).model_dump(mode="json"),
                "verified": event.verification.verified,
                "agreement": event.verification.agreement,
                "why": event.verification.why,
                "spent_usd": event.spent / MICRO,
            }
        case Unanswered():
            return {"event": "unanswered", "question": event.question, "why": event.why}
        case FillSummary():
            return {
                "event": "summary",
                "gap": event.gap,
                "judged": event.judged,
                "verified": event.verified,
                "unanswered": event.unanswered,
                "spent_usd": event.spent / MICRO,
                "budget_usd": event.budget / MICRO,
                "why": event.why,
            }


GAP_OPERATIONS = (
    Operation("gaps", "Questions that go badly, by kind.", shapes.GapsRequest, shapes.GapsResult, gaps),
    Operation("gap", "One kind of questions that go badly.", shapes.GapRequest, shapes.GapResult, gap),
    Operation(
        "propose_questions",
        "Questions that could be asked to learn what a gap lacks. Asks nobody but the local model.",
        shapes.ProposeRequest,
        shapes.ProposeResult,
        propose_questions,
        idempotent=False,
    ),
)
