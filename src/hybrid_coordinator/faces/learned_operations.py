"""Everything that can be asked about what was learned."""

from hybrid_coordinator.app import House
from hybrid_coordinator.errors import BadInput, NotFound
from hybrid_coordinator.faces import learned_shapes as shapes
from hybrid_coordinator.faces.operation import Operation


async def learned_items(house: House, request: shapes.LearnedItemsRequest) -> shapes.LearnedItemsResult:
    stages = [request.stage] if request.stage else None
    items = await house.catalog.browse(stages, limit=request.limit, after=request.after)
    return shapes.LearnedItemsResult(
        items=[shapes.LearnedResult.of(item) for item in items],
        next=items[-1].id if len(items) == request.limit else None,
    )


async def learned_item(house: House, request: shapes.ItemRequest) -> shapes.LearnedItemResult:
    found = await house.catalog.get([request.id])
    if not found:
        raise NotFound(f"nothing learned has the id {request.id!r}; list them with `learned_items`")
    uses = await house.ledger.uses([request.id])
    return shapes.LearnedItemResult(
        item=shapes.LearnedResult.of(found[0]),
        uses=shapes.UsesResult.of(uses[request.id]),
        changes=[shapes.ChangeResult.of(logged) for logged in await house.learning.tracer.log_of(request.id)],
    )


async def known_fix(house: House, request: shapes.KnownFixRequest) -> shapes.KnownFixResult:
    fix = await house.learning.known_fix(request.error)
    return shapes.KnownFixResult(fix=shapes.LearnedResult.of(fix) if fix else None)


async def skills(house: House, request: shapes.SkillsRequest) -> shapes.SkillsResult:
    tree = house.learning.tree
    if request.query and request.path:
        raise BadInput("a path and a query are two ways to the same tree: send one of them")
    branches = await tree.traverse(request.query, 5) if request.query else [await tree.branch(request.path)]
    return shapes.SkillsResult(branches=[shapes.BranchResult.of(branch) for branch in branches])


async def review(house: House, request: shapes.ReviewRequest) -> shapes.ReviewResult:
    held = await house.learning.quarantine.review(limit=request.limit, after=request.after)
    return shapes.ReviewResult(held=[shapes.HeldResult.of(one) for one in held])


async def approve(house: House, request: shapes.JudgeRequest) -> shapes.LearnedResult:
    return shapes.LearnedResult.of(await house.learning.approve(request.id, request.why))


async def reject(house: House, request: shapes.JudgeRequest) -> shapes.LearnedResult:
    return shapes.LearnedResult.of(await house.learning.quarantine.reject(request.id, request.why))


async def restore(house: House, request: shapes.ItemRequest) -> shapes.LearnedResult:
    return shapes.LearnedResult.of(await house.learning.restore(request.id))


async def unmerge(house: House, request: shapes.ItemRequest) -> shapes.LearnedItemsResult:
    parts = await house.learning.unmerge(request.id)
    return shapes.LearnedItemsResult(items=[shapes.LearnedResult.of(item) for item in parts], next=None)


async def changes(house: House, request: shapes.ChangesRequest) -> shapes.ChangesResult:
    log = await house.catalog.log(after=request.after, item_id=request.item_id, limit=request.limit)
    return shapes.ChangesResult(
        changes=[shapes.ChangeResult.of(logged) for logged in log], broken_at=await house.catalog.check_log()
    )


async def rollback(house: House, request: shapes.RollbackRequest) -> shapes.RollbackResult:
    done = await house.learning.roll_back(since=request.since, origin=request.origin, dry_run=request.dry_run)
    return shapes.RollbackResult(
        changes=[shapes.ChangeResult.planned(change) for change in done.changes],
        dry_run=done.dry_run,
        answers_forgotten=done.answers_forgotten,
    )


async def exclude(house: House, request: shapes.ExcludeRequest) -> shapes.ExcludeResult:
    excluded = await house.learning.exclude(request.interaction_id, request.why)
    return shapes.ExcludeResult(
        interaction_id=excluded.interaction_id,
        retired=list(excluded.retired),
        kept=list(excluded.kept),
        returned=list(excluded.returned),
        answers_forgotten=excluded.answers_forgotten,
        versions=list(excluded.versions),
    )


async def trace(house: House, request: shapes.TraceRequest) -> shapes.TraceResult:
    return shapes.TraceResult.of(await house.learning.tracer.trace(request.id))


LEARNED_OPERATIONS = (
    Operation(
        "learned_items",
        "What was learned, by stage.",
        shapes.LearnedItemsRequest,
        shapes.LearnedItemsResult,
        learned_items,
    ),
    Operation(
        "learned_item",
        "One learned thing: where it came from, how it fared with and without, everything that happened to it.",
        shapes.ItemRequest,
        shapes.LearnedItemResult,
        learned_item,
    ),
    Operation(
        "known_fix",
        "What fixed this error before, by its signature: times, paths, ids, hosts and numbers may differ.",
        shapes.KnownFixRequest,
        shapes.KnownFixResult,
        known_fix,
    ),
    Operation(
        "skills",
        "The tree of skills, from a path down, or the branches a question belongs to.",
        shapes.SkillsRequest,
        shapes.SkillsResult,
        skills,
    ),
    Operation("review", "What waits for a person's word.", shapes.ReviewRequest, shapes.ReviewResult, review),
    Operation(
        "approve", "Let something that waits be served.", shapes.JudgeRequest, shapes.LearnedResult, approve,
        read_only=False,
    ),
    Operation(
        "reject", "Refuse something that waits, for good.", shapes.JudgeRequest, shapes.LearnedResult, reject,
        read_only=False,
    ),
    Operation(
        "restore", "Bring back what was archived, stale or retired.", shapes.ItemRequest, shapes.LearnedResult, restore,
        read_only=False,
    ),
    Operation(
        "unmerge", "Take a merge apart again.", shapes.ItemRequest, shapes.LearnedItemsResult, unmerge,
        read_only=False,
    ),
    Operation(
        "changes", "The log of every change, and whether its hashes hold.", shapes.ChangesRequest,
        shapes.ChangesResult, changes,
    ),
    Operation(
        "rollback", "Undo what was learned since a moment, or from an origin.", shapes.RollbackRequest,
        shapes.RollbackResult, rollback, read_only=False, idempotent=False,
    ),
    Operation(
        "exclude", "Keep an interaction, and everything built on it, out of what is learned.", shapes.ExcludeRequest,
        shapes.ExcludeResult, exclude, read_only=False,
    ),
    Operation(
        "trace", "Where something came from, and what was made of it.", shapes.TraceRequest, shapes.TraceResult, trace
    ),
)  # fmt: skip
