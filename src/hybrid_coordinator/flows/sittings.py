"""A version sits its examination: it is asked in the pauses, and each of its answers is kept."""

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass

import anyio

from hybrid_coordinator.domain.query import Completion, Finished, Usage, fold
from hybrid_coordinator.domain.versions import ExamAnswer, ModelVersion
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
        model = PoliteModel(await self._seat(sitter), self._traffic)
        answers: list[ExamAnswer] = []
        ends = self._clock.monotonic() + self._policy.batch_s
        try:
            for item in items[: self._policy.batch]:
                answers.append(await _answer(model, item))
                if self._clock.monotonic() >= ends:
                    break
        except ModelUnavailable as error:
            if str(error) != GAVE_WAY:
                self._broken_off[sitter.name] += 1
                await self.aclose()
                raise
        finally:  # whatever ended it: what was answered need not be asked again
            with anyio.CancelScope(shield=True):
                await self._runs.keep_answers(sitter.name, answers)
        return len(answers)

    async def aclose(self) -> None:
        """End the engine of whoever sits. Idempotent; the next sitting starts it again."""
        seated, self._seated = self._seated, None
        if seated is not None:
            await seated[1].aclose()

    async def _seat(self, sitter: Sitter) -> Model:
        if self._seated is not None and self._seated[0] == sitter.name:
            return self._seated[1]
        await self.aclose()
        version = sitter.version
        artefact = self._workshop.folder(version.run_id) / version.artefact if version and version.artefact else None
        model = await self._hosts[sitter.model].open(version, artefact)
        self._seated = sitter.name, model
        return model


async def _answer(model: Model, item: ExamItem) -> ExamAnswer:
    """A question that the model will not take is one that it does not answer."""
    try:
        async with aclosing(model.stream(item.prompt)) as pieces:
            completion = fold([piece async for piece in pieces])
    except ModelRefused as error:
        return ExamAnswer(item.id, f"refused: {error}", score(item, Completion("", Finished("", Usage()))))
    return ExamAnswer(item.id, _written(completion), score(item, completion))


def _written(completion: Completion) -> str:
    """The answer for people; a call as `name(arguments)`."""
    calls = (f"{call.name}({call.arguments})" for call in completion.calls)
    return "\n".join(filter(None, (completion.text, *calls)))
