"""The shapes of what is asked about what was learned: what it is, where it came from, and what is to become of it."""

from datetime import datetime
from typing import Any

from pydantic import Field

from hybrid_coordinator.domain.knowledge import Collection
from hybrid_coordinator.domain.learning import Change, Learned, LoggedChange, Stage, Uses
from hybrid_coordinator.domain.trust import Origin
from hybrid_coordinator.faces.shapes import InteractionResult, Limit, PassageResult, Request, Result
from hybrid_coordinator.flows.lineage import Trace
from hybrid_coordinator.flows.quarantine import Held
from hybrid_coordinator.logic.skill_tree import Branch


class LearnedResult(Result):
    id: str
    stage: Stage
    collection: Collection
    name: str
    text: str
    origin: Origin = Field(description="The least trusted thing it was made of.")
    strategy: str = Field(description="How it was extracted.")
    learned_from: list[str] = Field(description="The interactions or corrections it was made of.")
    rests_on: list[str] = Field(description="The passages their answers were grounded in.")
    signature: str
    replaced_by: str | None
    why: str = Field(description="Why it is at this stage.")
    created_at: datetime
    changed_at: datetime
    payload: dict[str, Any]

    @classmethod
    def of(cls, item: Learned) -> "LearnedResult":
        """An item as it is shown."""
        payload = dict(item.draft.payload)
        name = payload.get("skill_name") or payload.get("title") or payload.get("error_message") or item.draft.key
        return cls(
            id=item.id,
            stage=item.stage,
            collection=item.draft.collection,
            name=str(name),
            text=item.draft.text,
            origin=item.origin,
            strategy=item.strategy,
            learned_from=list(item.learned_from),
            rests_on=list(item.rests_on),
            signature=item.signature,
            replaced_by=item.replaced_by,
            why=item.why,
            created_at=item.created_at,
            changed_at=item.changed_at,
            payload=payload,
        )


class UsesResult(Result):
    uses: int = Field(description="Settled answers that had it for context.")
    mean_credit: float | None
    withheld: int = Field(description="Settled answers that went without it by chance.")
    mean_credit_without: float | None

    @classmethod
    def of(cls, uses: Uses) -> "UsesResult":
        """How it fared with and without."""
        return cls(
            uses=uses.treated.uses,
            mean_credit=uses.treated.mean,
            withheld=uses.withheld.uses,
            mean_credit_without=uses.withheld.mean,
        )


class LearnedItemsRequest(Request):
    stage: Stage | None = Field(None, description="Only at this stage; left out: at any.")
    limit: Limit = Field(20, description="How many, by id.")
    after: str | None = Field(None, description="The id to go on after.")


class LearnedItemsResult(Result):
    items: list[LearnedResult]
    next: str | None


class ItemRequest(Request):
    id: str = Field(description="The id of a learned item.")


class ChangeResult(Result):
    place: int = Field(description="Where it stands in the log; 0 for one that was not made.")
    at: datetime | None
    item_id: str
    name: str
    action: str
    actor: str
    why: str
    before: Stage | None
    after: Stage | None
    hash: str

    @classmethod
    def of(cls, logged: LoggedChange) -> "ChangeResult":
        """An entry of the log."""
        return cls.planned(logged.change).model_copy(
            update={"place": logged.place, "at": logged.at, "hash": logged.hash}
        )

    @classmethod
    def planned(cls, change: Change) -> "ChangeResult":
        """A change that is not in the log."""
        item = change.after or change.before
        return cls(
            place=0,
            at=None,
            item_id=change.item_id,
            name=LearnedResult.of(item).name if item else "",
            action=change.action,
            actor=change.actor,
            why=change.why,
            before=change.before.stage if change.before else None,
            after=change.after.stage if change.after else None,
            hash="",
        )


class LearnedItemResult(Result):
    item: LearnedResult
    uses: UsesResult
    changes: list[ChangeResult] = Field(description="Everything that ever happened to it, oldest first.")


class ReviewRequest(Request):
    limit: Limit = Field(10, description="How many.")
    after: str | None = Field(None, description="The id to go on after.")


class HeldResult(Result):
    item: LearnedResult
    reasons: list[str]
    learned_from: list[InteractionResult]
    rests_on: list[PassageResult]
    diff: str = Field(description="How it differs from the nearest passage that is served.")

    @classmethod
    def of(cls, held: Held) -> "HeldResult":
        """Something that waits for a person."""
        return cls(
            item=LearnedResult.of(held.item),
            reasons=list(held.reasons),
            learned_from=[InteractionResult.of(one) for one in held.lineage.interactions],
            rests_on=[PassageResult.of(passage) for passage in held.lineage.passages],
            diff=held.diff,
        )


class ReviewResult(Result):
    held: list[HeldResult]


class JudgeRequest(Request):
    id: str = Field(description="The id of an item that waits.")
    why: str = Field("", description="What to note beside it.")


class ChangesRequest(Request):
    after: int = Field(0, ge=0, description="The place in the log to go on after.")
    item_id: str | None = Field(None, description="Only of this item.")
    limit: Limit = Field(50, description="How many, oldest first.")


class ChangesResult(Result):
    changes: list[ChangeResult]
    broken_at: int | None = Field(description="The place of the first entry whose hash is wrong; null for a whole log.")


class RollbackRequest(Request):
    since: datetime | None = Field(
        None, description="Undo everything that was changed from this moment on (with zone)."
    )
    origin: str | None = Field(
        None, description="Undo everything with this in its lineage: an origin, a channel, an asker, a source, an id."
    )
    dry_run: bool = Field(False, description="Only say what would be done.")


class RollbackResult(Result):
    changes: list[ChangeResult]
    dry_run: bool
    answers_forgotten: int


class ExcludeRequest(Request):
    interaction_id: str
    why: str = Field("a person said so", description="What to note beside it.")


class ExcludeResult(Result):
    interaction_id: str
    retired: list[str] = Field(description="What was learned of it alone.")
    kept: list[str] = Field(description="What was learned of others too, and stays without it.")
    returned: list[str] = Field(description="What came back because what had replaced it is gone.")
    answers_forgotten: int
    versions: list[str] = Field(description="Versions of models that were trained on it; `models drop` takes one out.")


class TraceRequest(Request):
    id: str = Field(description="The id of an interaction, a correction, a passage, a learned item or a training row.")


class TraceResult(Result):
    id: str
    interactions: list[InteractionResult]
    passages: list[PassageResult]
    learned: list[LearnedResult]
    excluded: dict[str, str]

    @classmethod
    def of(cls, trace: Trace) -> "TraceResult":
        """A lineage both ways."""
        return cls(
            id=trace.id,
            interactions=[InteractionResult.of(one) for one in trace.interactions],
            passages=[PassageResult.of(passage) for passage in trace.passages],
            learned=[LearnedResult.of(item) for item in trace.learned],
            excluded=dict(trace.excluded),
        )


class KnownFixRequest(Request):
    error: str = Field(min_length=1, max_length=100_000, description="An error, or the output that holds it.")


class KnownFixResult(Result):
    fix: LearnedResult | None = Field(description="The best that is known; null when the error is not.")


class SkillsRequest(Request):
    path: list[str] = Field([], description="Where in the tree; left out: at its root.")
    query: str | None = Field(None, description="Show the branches that a question belongs to instead.")


class SkillResult(Result):
    id: str
    name: str
    collection: Collection


class BranchResult(Result):
    path: list[str]
    size: int = Field(description="How many skills are in it, at any depth.")
    branches: list["BranchResult"]
    skills: list[SkillResult]

    @classmethod
    def of(cls, branch: Branch) -> "BranchResult":
        """A branch with everything in it."""
        return cls(
            path=list(branch.path),
            size=branch.size,
            branches=[cls.of(inner) for inner in branch.branches],
            skills=[SkillResult(id=skill.id, name=skill.name, collection=skill.kind) for skill in branch.skills],
        )


class SkillsResult(Result):
    branches: list[BranchResult]
