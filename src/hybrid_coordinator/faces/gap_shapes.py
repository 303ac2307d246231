"""The shapes of what is asked about gaps: what goes badly, what to ask about it, and filling it."""

from datetime import datetime

from pydantic import Field

from hybrid_coordinator.faces.shapes import MICRO, Request, Result
from hybrid_coordinator.logic.gaps import Gap, Known, Troubled
from hybrid_coordinator.logic.synthetic import Proposal


class GapsRequest(Request):
    pass


class GapRequest(Request):
    name: str = Field(description="The name of a gap.")


class TroubledResult(Result):
    source_id: str
    question: str
    trouble: str
    at: datetime
    cost_usd: float

    @classmethod
    def of(cls, troubled: Troubled) -> "TroubledResult":
        """A question that went badly."""
        return cls(
            source_id=troubled.source_id,
            question=troubled.question,
            trouble=troubled.trouble.value,
            at=troubled.at,
            cost_usd=troubled.cost / MICRO,
        )


class KnownResult(Result):
    id: str
    title: str
    similarity: float

    @classmethod
    def of(cls, known: Known) -> "KnownResult":
        """The nearest that could be served."""
        return cls(id=known.id, title=known.title, similarity=round(known.similarity, 4))


class GapResult(Result):
    name: str
    filled: bool
    size: int
    troubles: dict[str, int]
    examples: list[TroubledResult]
    cost_usd: float
    cost_share: float = Field(description="The part of all that was spent in the time looked at.")
    first_seen: datetime
    last_seen: datetime
    known: KnownResult | None = Field(description="The nearest that could be served.")
    recovered: int = Field(description="Questions of the kind that succeeded since the last that did not.")

    @classmethod
    def of(cls, gap: Gap) -> "GapResult":
        """A gap as it is shown: money in dollars."""
        return cls(
            name=gap.name,
            filled=gap.filled,
            size=gap.size,
            troubles={trouble.value: count for trouble, count in gap.troubles.items()},
            examples=[TroubledResult.of(example) for example in gap.examples],
            cost_usd=gap.cost / MICRO,
            cost_share=gap.cost_share,
            first_seen=gap.first_seen,
            last_seen=gap.last_seen,
            known=KnownResult.of(gap.known) if gap.known else None,
            recovered=gap.recovered,
        )


class GapsResult(Result):
    gaps: list[GapResult]


class ProposeRequest(Request):
    name: str = Field(description="The name of a gap.")
    count: int = Field(5, ge=1, le=50, description="How many questions.")


class ProposalResult(Result):
    question: str
    way: str = Field(description="Who worded it.")
    similarity: float = Field(description="How near it is to what was asked.")

    @classmethod
    def of(cls, proposal: Proposal) -> "ProposalResult":
        """A question that could be asked."""
        return cls(question=proposal.question, way=proposal.way.value, similarity=round(proposal.similarity, 4))


class ProposeResult(Result):
    proposals: list[ProposalResult]


class FillRequest(Request):
    name: str = Field(description="The name of a gap.")
    budget_usd: float = Field(ge=0, description="How much the answers may cost together.")
    permitted: bool = Field(False, description="Must be true: questions are asked, and money may be spent.")
    questions: int = Field(10, ge=1, le=100, description="How many questions at most.")
