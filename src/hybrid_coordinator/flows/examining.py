"""Part of the `measure` step: a trained version is examined before it may answer anybody.

It is asked the held-out rows of its run, general questions and forms, and so is what it would replace (the version that
serves, else the base) and, for what may be forgotten, the base. Every answer is kept as it comes: an examination that a
kill broke off goes on where it stood, and what others have answered once is not asked again.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace

import anyio
import anyio.to_thread

from hybrid_coordinator.domain.learning import Worked
from hybrid_coordinator.domain.training import Teaching
from hybrid_coordinator.domain.versions import (
    Decision,
    Measured,
    ModelVersion,
    Verdict,
    VersionChange,
    VersionStage,
)
from hybrid_coordinator.errors import Conflict, Damaged, ModelRefused, ModelUnavailable, NotFound
from hybrid_coordinator.flows.exam_papers import Exam, ExamSetter
from hybrid_coordinator.flows.journal import Note
from hybrid_coordinator.flows.judging import Judge, measure_judged, unjudged
from hybrid_coordinator.flows.meaning import measure_meaning
from hybrid_coordinator.flows.sittings import Sitter, Sittings
from hybrid_coordinator.logic.exam_items import ExamItem, ExamPolicy
from hybrid_coordinator.logic.exam_metrics import DOCUMENTS, FORGETTING, Sheets, measure
from hybrid_coordinator.logic.likelihoods import Likelihood
from hybrid_coordinator.logic.promotion import PromotionPolicy, decide
from hybrid_coordinator.ports import Clock, Embedder, Runs

STEP = "measure"

AGAIN = (VersionStage.CANDIDATE, VersionStage.HELD, VersionStage.REJECTED)
"""What may be examined again: it answers nobody, and has answered nobody."""

_NEXT: Mapping[Decision, VersionStage] = {
    Decision.PROMOTE: VersionStage.CANDIDATE,
    Decision.HOLD: VersionStage.HELD,
    Decision.ROLL_BACK: VersionStage.REJECTED,
}
"""What is promoted stays a candidate until whoever promotes it has made it more."""

logger = logging.getLogger(__name__)


class Examiner:
    """Examines candidates, a few questions at a time: the oldest first, those that could not be asked lately last."""

    def __init__(
        self,
        runs: Runs,
        setter: ExamSetter,
        sittings: Sittings,
        clock: Clock,
        note: Note,
        policies: tuple[ExamPolicy, PromotionPolicy],
        *,
        likelihoods: Callable[[str], Awaitable[Sequence[Likelihood]]],
        promote: Callable[[ModelVersion], Awaitable[object]],
        embedder: Embedder | None = None,
        judge: Judge | None = None,
    ) -> None:
        """`likelihoods` gives what the run of an id measured (nothing, where a vendor trained), `promote` lets a
        version answer its first people; `note` keeps an event: its kind, and its fields by name."""
        self._runs = runs
        self._setter = setter
        self._sittings = sittings
        self._clock = clock
        self._note = note
        self._exam_policy, self._promotion_policy = policies
        self._likelihoods = likelihoods
        self._promote = promote
        self._embedder = embedder
        self._judge = judge
        self._turn = anyio.Lock()
        self._put_off: set[str] = set()

    async def work(self) -> Worked:
        """Ask the oldest candidate, or those it is compared with, the next few questions; or decide on it.

        One batch at a time: whoever follows an examination and the daemon may both want the next.
        """
        async with self._turn:
            return await self._work()

    async def _work(self) -> Worked:
        if self._sittings.somebody_waits:
            return Worked()
        candidates = [one for one in await self._runs.versions() if one.stage is VersionStage.CANDIDATE]
        oldest_first = reversed([one for one in candidates if not await self.why_not(one)])
        for candidate in sorted(oldest_first, key=lambda one: one.name in self._put_off):
            try:
                worked = await self._examine(candidate)
            except ModelUnavailable:
                self._put_off.add(candidate.name)
                raise
            self._put_off.discard(candidate.name)
            if worked is not None:
                return worked
        await self._sittings.aclose()  # who was examined may have been dropped, or promoted by a person
        return Worked()

    async def why_not(self, version: ModelVersion) -> str:
        """Why this process leaves a version to others; "" when it does not."""
        return await self._setter.why_not(version)

    async def examine(self, name: str) -> ModelVersion:
        """Have a version examined anew by the daemon; what it has answered before is not asked again.

        Raises NotFound, and Conflict for a version that answers people, or has: outcomes judge it, or have judged it.
        """
        before = await self._runs.version(name)
        if why := await self.why_not(before):
            raise Conflict(f"version {name!r} cannot be examined: {why}")
        if before.stage not in AGAIN:
            raise Conflict(f"version {name!r} is {before.stage.value}; only what has answered nobody is examined again")
        why = "to be examined again"
        after = replace(
            before, stage=VersionStage.CANDIDATE, verdict=None, measured=(), why=why, changed_at=self._clock.now()
        )
        await self._runs.apply([VersionChange(before, after, "note", "person", why)], self._clock.now())
        self._sittings.forgive(name)
        return after

    async def _examine(self, candidate: ModelVersion) -> Worked | None:
        """What a batch came to; None for a candidate that has passed and only waits for its turn."""
        rivals = await self._setter.rivals(candidate)
        if candidate.tainted_by:
            why = "it was trained on interactions that have been excluded since; train again"
            return await self._settle(candidate, rivals.replaced, Verdict(Decision.HOLD, why), ())
        if _has_passed(candidate, rivals.replaced):
            return await self._hand_over(candidate, rivals.replaced)
        try:
            return await self._go_on(candidate, await self._setter.set_exam(candidate, rivals))
        except (NotFound, Damaged) as error:
            why = f"what its run left cannot be read, so nothing can be measured: {error}"
            return await self._settle(candidate, rivals.replaced, Verdict(Decision.HOLD, why), ())

    async def _go_on(self, candidate: ModelVersion, exam: Exam) -> Worked:
        for sitter, items in exam.sittings():
            answered = await self._runs.answers(sitter.name)
            if missing := [item for item in items if item.id not in answered]:
                return await self._sit(candidate, exam, sitter, missing)
        sheets = await self._collect(exam)
        left = unjudged(exam.items, sheets.replaced, sheets.candidate, exam.rivals.replaced.name)
        if self._judge is not None and left:
            return await self._judge_some(self._judge, exam, sheets, left)
        return await self._conclude(candidate, exam, sheets)

    async def _collect(self, exam: Exam) -> Sheets:
        sitters = (exam.candidate, exam.rivals.replaced, exam.rivals.base)
        return Sheets(*[await self._runs.answers(sitter.name) for sitter in sitters])

    async def _sit(self, candidate: ModelVersion, exam: Exam, sitter: Sitter, missing: Sequence[ExamItem]) -> Worked:
        try:
            done = await self._sittings.sit(sitter, missing)
        except ModelUnavailable as error:
            if sitter != exam.candidate or not self._is_final(sitter, error):
                raise
            if not await self._sittings.answers(exam.rivals.base):  # then it is not the candidate's fault
                self._sittings.forgive(sitter.name)
                raise
            why = f"it cannot be examined: {error}"
            return await self._settle(candidate, exam.rivals.replaced, Verdict(Decision.ROLL_BACK, why), ())
        detail = f"{sitter.name}: {len(missing) - done:,} questions left"
        return Worked(done, more=done > 0, counts={"questions_asked": done}, detail=detail)

    def _is_final(self, sitter: Sitter, error: ModelUnavailable) -> bool:
        """Whether trying again is of no use."""
        broken_off = self._sittings.broken_off(sitter.name)
        return isinstance(error, ModelRefused) or broken_off >= self._exam_policy.most_failures

    async def _judge_some(self, judge: Judge, exam: Exam, sheets: Sheets, left: Sequence[ExamItem]) -> Worked:
        judged = await judge.judge(left, sheets.replaced, sheets.candidate, exam.rivals.replaced.name)
        await self._runs.keep_answers(exam.candidate.name, judged)
        return Worked(len(judged), more=bool(judged), counts={"answers_judged": len(judged)})

    async def _conclude(self, candidate: ModelVersion, exam: Exam, sheets: Sheets) -> Worked:
        await self._sittings.aclose()
        likelihoods = await self._likelihoods(candidate.run_id)
        measured = [
            *await anyio.to_thread.run_sync(measure, exam.items, sheets, likelihoods),
            *measure_judged(exam.items, sheets.candidate, exam.rivals.replaced.name),
            *await self._compare_meaning(exam.items, sheets),
        ]
        verdict = decide(measured, self._policy_for(candidate))
        return await self._settle(candidate, exam.rivals.replaced, verdict, tuple(measured))

    async def _compare_meaning(self, items: Sequence[ExamItem], sheets: Sheets) -> list[Measured]:
        if self._embedder is None:
            return []
        return await measure_meaning(self._embedder, items, sheets.replaced, sheets.candidate)

    def _policy_for(self, candidate: ModelVersion) -> PromotionPolicy:
        """What is trained here is measured in the same room; a vendor tells no likelihoods."""
        required = (FORGETTING, DOCUMENTS) if candidate.teaching is Teaching.LORA else ()
        return replace(self._promotion_policy, required=(*self._promotion_policy.required, *required))

    async def _settle(
        self, before: ModelVersion, rival: Sitter, verdict: Verdict, measured: tuple[Measured, ...]
    ) -> Worked:
        """Write the verdict down, and let whoever promotes go on from there."""
        await self._sittings.aclose()
        after = replace(
            before,
            stage=_NEXT[verdict.decision],
            measured=measured,
            measured_against=rival.name,
            verdict=verdict,
            why=verdict.why,
            changed_at=self._clock.now(),
        )
        try:
            await self._runs.apply([VersionChange(before, after, "measure", STEP, verdict.why)], self._clock.now())
        except Conflict:  # somebody else changed it meanwhile: it is looked at again with the next tick
            logger.info("a version was changed while it was examined", extra={"version": before.name})
            return Worked()
        await self._note("model_measured", version=after.name, against=rival.name, **_told(verdict, measured))
        if verdict.decision is Decision.PROMOTE:
            await self._hand_over(after, rival)
        return Worked(1, more=True, counts={verdict.decision.value: 1}, detail=f"{after.name}: {verdict.why}")

    async def _hand_over(self, passed: ModelVersion, rival: Sitter) -> Worked | None:
        """Promote; None while another version is being tried out, or somebody waits: a server may be started for it."""
        if self._sittings.somebody_waits:
            return None
        try:
            await self._promote(passed)
        except Conflict as error:
            logger.info(
                "a version that has passed waits for its turn", extra={"version": passed.name, "why": str(error)}
            )
            return None
        except ModelRefused as error:
            if not await self._sittings.answers(rival):
                raise
            verdict = Verdict(Decision.ROLL_BACK, f"it has passed, and its model does not take it: {error}")
            return await self._settle(passed, rival, verdict, passed.measured)
        return Worked(1, more=True, counts={"handed_over": 1}, detail=f"{passed.name} has passed its examination")


def _has_passed(candidate: ModelVersion, rival: Sitter) -> bool:
    """Whether it was measured against what serves now, and is to be promoted."""
    verdict = candidate.verdict
    passed = verdict is not None and verdict.decision is Decision.PROMOTE
    return passed and candidate.measured_against == rival.name


def _told(verdict: Verdict, measured: Sequence[Measured]) -> dict[str, object]:
    """What an event says of a measurement."""
    figures = {one.metric: [round(one.before, 4), round(one.after, 4), one.items] for one in measured}
    return {"decision": verdict.decision.value, "why": verdict.why, "figures": figures}
