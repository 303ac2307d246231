"""What can be asked of the cache: what it holds, what it would do, and to forget."""

from hybrid_coordinator.app import House
from hybrid_coordinator.errors import BadInput
from hybrid_coordinator.faces import shapes
from hybrid_coordinator.logic.questions import check_question


async def cache_entries(house: House, request: shapes.CacheEntriesRequest) -> shapes.CacheEntriesResult:
    entries = await house.cache.entries(request.key)
    tally = house.cache.tally
    return shapes.CacheEntriesResult(
        entries=[shapes.CacheEntryResult.of(entry) for entry in entries[: request.limit]],
        total=len(entries),
        requests=tally.requests,
        semantic_hits=tally.hits,
        judged=tally.judged,
        wrong=tally.wrong,
    )


async def cache_test(house: House, request: shapes.CacheTestRequest) -> shapes.CacheTestResult:
    verdict = await house.cache.test_everywhere(check_question(request.query), request.key)
    return shapes.CacheTestResult(
        hit=verdict.hit is not None,
        layer=verdict.layer,
        reason=verdict.reason,
        guard=verdict.guard,
        similarity=verdict.similarity,
        probability=verdict.probability,
        nearest=shapes.CacheEntryResult.of(verdict.nearest) if verdict.nearest else None,
    )


async def purge_cache(house: House, request: shapes.PurgeCacheRequest) -> shapes.PurgeCacheResult:
    if [request.ids is not None, request.key is not None, request.everything].count(True) != 1:
        raise BadInput("purge_cache: say what is to go: either ids, or a key, or everything")
    return shapes.PurgeCacheResult(purged=await house.cache.purge(request.ids, tenant=request.key))
