"""An optional judge: a configured model says which of two answers agrees better with the accepted one."""

from collections.abc import Mapping, Sequence
from contextlib import aclosing

from hybrid_coordinator.domain.query import Prompt, fold
from hybrid_coordinator.domain.versions import ExamAnswer, Measured
from hybrid_coordinator.errors import ModelUnavailable
from hybrid_coordinator.flows.traffic import GAVE_WAY, PoliteModel, Traffic
from hybrid_coordinator.logic.exam_items import ExamItem, ExamKind
from hybrid_coordinator.logic.exam_metrics import JUDGE, Answers, measure_pairs
from hybrid_coordinator.logic.judgement import judge_prompt, preference, read_choice
from hybrid_coordinator.logic.paired_bootstrap import Pair
from hybrid_coordinator.ports import Model

BATCH = 4


class Judge:
    """Hears each pair in both orders, so that a liking for the first, or the second, answer decides nothing."""

    def __init__(self, model: Model, traffic: Traffic) -> None:
        """The model belongs to those who answer, and gives way to them."""
        self._model = PoliteModel(model, traffic)

    async def judge(
        self, items: Sequence[ExamItem], replaced: Answers, candidate: Answers, against: str
    ) -> list[ExamAnswer]:
        """Judge the first few of these items, for the candidate's sheet; fewer, or none, when a person goes first.

        Raises ModelUnavailable when the judge cannot be asked now, and nothing was judged.
        """
        judged: list[ExamAnswer] = []
        try:
            while len(judged) < min(BATCH, len(items)):
                item = items[len(judged)]
                judged.append(await self._judge(item, replaced[item.id], candidate[item.id], against))
        except ModelUnavailable as error:
            if not judged and str(error) != GAVE_WAY:
                raise
        return judged

    async def _judge(self, item: ExamItem, before: ExamAnswer, after: ExamAnswer, against: str) -> ExamAnswer:
        first = await self._choose(judge_prompt(item.question, item.accepted, before.text, after.text))
        second = await self._choose(judge_prompt(item.question, item.accepted, after.text, before.text))
        scores = {JUDGE: preference(first, second)}
        return ExamAnswer(judged_name(item, against), f"{first or '-'} {second or '-'}", scores)

    async def _choose(self, prompt: Prompt) -> str:
        async with aclosing(self._model.stream(prompt)) as pieces:
            return read_choice(fold([piece async for piece in pieces]).text)


def unjudged(items: Sequence[ExamItem], replaced: Answers, candidate: Answers, against: str) -> list[ExamItem]:
    """The held-out items that both have taken and answered, in different words, and nobody has judged."""
    return [
        item
        for item in items
        if item.kind is ExamKind.HELD_OUT
        and item.id in replaced
        and item.id in candidate
        and judged_name(item, against) not in candidate
        and replaced[item.id].scores
        and candidate[item.id].scores
        and replaced[item.id].text != candidate[item.id].text
    ]


def measure_judged(items: Sequence[ExamItem], candidate: Mapping[str, ExamAnswer], against: str) -> list[Measured]:
    """The share of answers preferred, over the items that were judged."""
    judged = ((item, candidate.get(judged_name(item, against))) for item in items)
    pairs = [Pair(1 - one.scores[JUDGE], one.scores[JUDGE], item.group) for item, one in judged if one is not None]
    measured = measure_pairs(JUDGE, pairs)
    return [] if measured is None else [measured]


def judged_name(item: ExamItem, against: str) -> str:
    """Under which a judgement is kept among the candidate's answers."""
    return f"judge:{against}:{item.id}"
