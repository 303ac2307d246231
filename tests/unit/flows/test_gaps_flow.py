"""Gaps as the ledger shows them, and questions made up for them."""

from dataclasses import dataclass, field, replace
from datetime import timedelta

import anyio
import pytest

from hybrid_coordinator.domain.interaction import Correction
from hybrid_coordinator.domain.knowledge import Collection, Draft
from hybrid_coordinator.errors import BadInput, ModelUnavailable, NotFound
from hybrid_coordinator.flows.gaps import Gaps
from hybrid_coordinator.flows.proposing import Proposer
from hybrid_coordinator.logic.gaps import SYNTHETIC, Gap, GapPolicy, Trouble
from hybrid_coordinator.logic.synthetic import SyntheticPolicy, Way
from hybrid_coordinator.testing import HashEmbedder, ManualClock, MemoryKnowledge, MemoryLedger, Script, ScriptedModel
from learned_items import FAILURE, NOON, SUCCESS, asked

BOOT = ("Why does the server not boot?", "The server does not boot again, why?", "Why did the server not boot?")
WORDED = '{"cause": "Why is the server not going to boot?", "fix": "How do I fix a mango?", "check": 4}'


@dataclass
class Records:
    """What gaps are read from."""

    clock: ManualClock = field(default_factory=lambda: ManualClock(NOON + timedelta(hours=1)))
    ledger: MemoryLedger = field(default_factory=MemoryLedger)
    knowledge: MemoryKnowledge = field(default_factory=MemoryKnowledge)
    embedder: HashEmbedder = field(default_factory=HashEmbedder)


def gaps_of(records: Records) -> Gaps:
    return Gaps(records.ledger, records.knowledge, records.embedder, records.clock, GapPolicy(min_similarity=0.4))


def proposer(ledger: MemoryLedger, *scripts: Script, policy: SyntheticPolicy | None = None) -> Proposer:
    model = ScriptedModel(*scripts) if scripts else None
    return Proposer(ledger, HashEmbedder(), model, policy or SyntheticPolicy(on_topic=0.3))


@pytest.fixture
async def troubled() -> Records:
    """Three questions of one kind that failed, for ten micro-dollars each, and one of another kind."""
    records = Records()
    for number, question in enumerate(BOOT):
        await records.ledger.append(replace(asked(f"t{number}", question, outcome=FAILURE, minutes=number), cost=10))
    await records.ledger.append(replace(asked("m", "How do I peel a mango?", outcome=FAILURE), cost=70))
    return records


@pytest.fixture
async def gap(troubled: Records) -> Gap:
    (found,) = await gaps_of(troubled).find()
    return found


async def test_questions_that_failed_alike_are_one_gap(gap: Gap) -> None:
    assert (gap.size, gap.filled, gap.troubles) == (3, False, {Trouble.FAILED: 3})
    assert {one.question for one in gap.examples} == set(BOOT)
    assert gap.cost_share == 0.3
    assert gap.known is None


async def test_a_gap_says_what_is_known_nearby(troubled: Records) -> None:
    draft = Draft("p1", Collection.PRACTICES, BOOT[0], "Check the boot order.")
    await troubled.knowledge.put([draft], await troubled.embedder.embed([draft.key]))

    (gap,) = await gaps_of(troubled).find()

    assert gap.known is not None
    assert gap.known.id == "p1"
    assert 0.4 < gap.known.similarity <= 1.0


async def test_a_corrected_answer_is_trouble_too(troubled: Records) -> None:
    await troubled.ledger.correct(Correction("c", NOON + timedelta(minutes=9), BOOT[0], "Check the boot order."))

    (gap,) = await gaps_of(troubled).find()

    assert gap.troubles == {Trouble.FAILED: 3, Trouble.CORRECTED: 1}


async def test_what_is_too_long_ago_is_no_gap(troubled: Records) -> None:
    troubled.clock.advance(91 * 86_400)

    assert await gaps_of(troubled).find() == []


async def test_a_gap_is_filled_once_its_questions_succeed_again_and_comes_last(troubled: Records) -> None:
    for number in range(2):
        await troubled.ledger.append(asked(f"s{number}", BOOT[0], outcome=SUCCESS, minutes=10 + number))
        await troubled.ledger.append(asked(f"d{number}", "Which disk is full now?", outcome=FAILURE, minutes=number))

    found = await gaps_of(troubled).find()

    assert [(gap.filled, gap.recovered) for gap in found] == [(False, 0), (True, 2)]


async def test_a_gap_is_shown_by_its_name(troubled: Records, gap: Gap) -> None:
    assert (await gaps_of(troubled).show(gap.name)).middle == gap.middle
    with pytest.raises(NotFound, match=gap.name):
        await gaps_of(troubled).show("nothing")


async def test_an_empty_ledger_has_no_gaps() -> None:
    gaps = Gaps(MemoryLedger(), MemoryKnowledge(), HashEmbedder(), ManualClock(), GapPolicy())

    assert await gaps.find() == []


async def test_a_model_words_questions_and_templates_fill_up(troubled: Records, gap: Gap) -> None:
    proposals = await proposer(troubled.ledger, [WORDED]).propose(gap, 4)

    assert [one.way for one in proposals] == [Way.MODEL, Way.TEMPLATE, Way.TEMPLATE, Way.TEMPLATE]
    assert proposals[0].question == "Why is the server not going to boot?"
    assert not any("mango" in one.question for one in proposals)


@pytest.mark.parametrize("script", [["{nonsense"], [ModelUnavailable("gone")], ["{", ModelUnavailable("died")]])
async def test_a_model_that_fails_leaves_the_templates(troubled: Records, gap: Gap, script: Script) -> None:
    proposals = await proposer(troubled.ledger, script).propose(gap, 3)

    assert {one.way for one in proposals} == {Way.TEMPLATE}
    assert proposals == await proposer(troubled.ledger).propose(gap, 3)


async def test_a_model_that_says_nothing_is_not_waited_for(troubled: Records, gap: Gap) -> None:
    slow = proposer(troubled.ledger, [anyio.Event()], policy=SyntheticPolicy(on_topic=0.3, time_limit_s=0.0))

    assert {one.way for one in await slow.propose(gap, 3)} == {Way.TEMPLATE}


async def test_what_was_asked_before_is_not_proposed_again(troubled: Records, gap: Gap) -> None:
    (first, *_) = await proposer(troubled.ledger).propose(gap, 3)
    await troubled.ledger.append(replace(asked("x", first.question, "an answer"), tags=(SYNTHETIC,)))

    again = await proposer(troubled.ledger).propose(gap, 3)

    assert first.question not in [one.question for one in again]
    assert len(again) == 3


@pytest.mark.parametrize("count", [0, 51, -1])
async def test_only_a_sensible_number_is_proposed(troubled: Records, gap: Gap, count: int) -> None:
    with pytest.raises(BadInput, match="count"):
        await proposer(troubled.ledger).propose(gap, count)
