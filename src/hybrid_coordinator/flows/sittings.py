"""A version sits its examination: it is asked in the pauses, and each of its answers is kept."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass

import anyio

from hybrid_coordinator.domain.query import Completion, fold
from hybrid_coordinator.domain.versions import FIRST_WORDS, ExamAnswer, ModelVersion
from hybrid_coordinator.errors import ModelRefused, ModelUnavailable
from hybrid_coordinator.flows.traffic import GAVE_WAY, PoliteModel, Traffic
from hybrid_coordinator.logic.exam_items import ExamItem, ExamPolicy, score
from hybrid_coordinator.ports import Clock, Model, ModelHost, Runs, Workshop


@dataclass(frozen=True, slots=True)
class Sitter:
    """Who is asked: a version of a model of the house, or (None) its base. Answers are kept under `name`."""

    name: str
    model: str
    version: ModelVersion | None


class Sittings:
    """One sitter at a time has an engine of its own, which stays up from batch to batch."""

    def __init__(
        self,
        runs: Runs,
        workshop: Workshop,
        hosts: Mapping[str, ModelHost],
        clock: Clock,
        traffic: Traffic,
        policy: ExamPolicy,
    ) -> None:
        self._runs = runs
        self._workshop = workshop
        self._hosts = hosts
        self._clock = clock
        self._traffic = traffic
        self._policy = policy
        self._broken_off: Counter[str] = Counter()
        self._seated: tuple[str, Model] | None = None

    @property
    def somebody_waits(self) -> bool:
        """Whether a person waits for an answer now."""
        return self._traffic.busy

    def broken_off(self, name: str) -> int:
        """How often somebody's engine failed in the middle of a sitting, since this process began."""
        return self._broken_off[name]

    def forgive(self, name: str) -> None:
        """Forget how often that was."""
        self._broken_off.pop(name, None)

    async def sit(self, sitter: Sitter, items: Sequence[ExamItem]) -> int:
        """Ask the first items, and say how many were answered: none, or few, when a person wanted an answer.

        What was answered is kept, whatever happens. Raises ModelRefused for a version that can never be opened, and
        ModelUnavailable when it cannot be now, or broke off.
        """
        if self.somebody_waits:  # an engine that starts takes the machine from whoever waits
            return 0
        try:
            model = PoliteModel(await self._seat(sitter), self._traffic)
        except ModelUnavailable as error:
            if str(error) == GAVE_WAY:
                return 0
            raise
        name = sitter.version.name if sitter.version else ""
        batch = _Batch(model, name, iter(items[: self._policy.batch]))
        ends = self._clock.monotonic() + self._policy.batch_s
        try:
            async with anyio.create_task_group() as group:
                for _ in range(self._policy.at_once):
                    group.start_soon(batch.ask_on, lambda: self._clock.monotonic() >= ends, group.cancel_scope)
            if batch.refused and batch.failure is None:
                await batch.look_closer()
        finally:  # whatever ended it: what was answered need not be asked again
            with anyio.CancelScope(shield=True):
                await self._runs.keep_answers(sitter.name, batch.answers)
        if batch.answers:
            self.forgive(sitter.name)
        if batch.failure is not None:
            self._broken_off[sitter.name] += 1
            await self.aclose()
            raise batch.failure
        return len(batch.answers)

    async def answers(self, sitter: Sitter) -> bool:
        """Whether somebody can be opened now and says a word. What can be said then against another is theirs."""
        try:
            await _hear(PoliteModel(await self._seat(sitter), self._traffic))
        except ModelUnavailable:
            await self.aclose()
            return False
        return True

    async def aclose(self) -> None:
        """End the engine of whoever sits. Idempotent; the next sitting starts it again."""
        seated, self._seated = self._seated, None
        if seated is not None:
            await seated[1].aclose()

    async def _pause(self) -> None:
        if self.somebody_waits:
            raise ModelUnavailable(GAVE_WAY)

    async def _seat(self, sitter: Sitter) -> Model:
        if self._seated is not None and self._seated[0] == sitter.name:
            return self._seated[1]
        await self.aclose()
        version = sitter.version
        artefact = self._workshop.folder(version.run_id) / version.artefact if version and version.artefact else None
        model = await self._hosts[sitter.model].open(version, artefact, pause=self._pause)
        self._seated = sitter.name, model
        return model


class _Batch:
    """Items that are asked by several at once, until one of them fails or has to give way. Those that were `refused`
    are no answers before it is known that the model takes others."""

    def __init__(self, model: Model, name: str, items: Iterator[ExamItem]) -> None:
        """Only answers by a version of this `name` count, where there is one: its server may have lost it."""
        self._model = model
        self._name = name
        self._items = items
        self._over = False
        self.answers: list[ExamAnswer] = []
        self.refused: list[ExamAnswer] = []
        self.failure: ModelUnavailable | None = None

    async def ask_on(self, is_over: Callable[[], bool], scope: anyio.CancelScope) -> None:
        """One after the other; an answer that is under way when it is over counts, unless the engine has failed."""
        while not self._over and (item := next(self._items, None)) is not None:
            try:
                self.answers.append(await _answer(self._model, self._name, item))
            except ModelRefused as error:
                self.refused.append(ExamAnswer(item.id, f"refused: {error}", {}))
            except ModelUnavailable as error:
                self._over = True
                if str(error) != GAVE_WAY:
                    self.failure = error
                    scope.cancel()
            self._over = self._over or is_over()

    async def look_closer(self) -> None:
        """A question that the model will not take is one that it does not answer; a key that was revoked, or a model
        that is gone, is a failure."""
        try:
            await _hear(self._model)
        except ModelUnavailable as error:
            if str(error) != GAVE_WAY:
                self.failure = error
        else:
            self.answers += self.refused


async def _hear(model: Model) -> None:
    async with aclosing(model.stream(FIRST_WORDS)) as pieces:
        async for _ in pieces:
            pass


async def _answer(model: Model, name: str, item: ExamItem) -> ExamAnswer:
    """Raises ModelRefused for what the model does not take, and ModelUnavailable when another than the version of this
    name answered."""
    async with aclosing(model.stream(item.prompt)) as pieces:
        completion = fold([piece async for piece in pieces])
    if name and completion.finished.model != name:
        raise ModelUnavailable(
            f"{completion.finished.model!r} answered in place of {name!r}: its server has lost it, or was started anew"
        )
    return ExamAnswer(item.id, _written(completion), score(item, completion))


def _written(completion: Completion) -> str:
    """The answer for people; a call as `name(arguments)`."""
    calls = (f"{call.name}({call.arguments})" for call in completion.calls)
    return "\n".join(filter(None, (completion.text, *calls)))
