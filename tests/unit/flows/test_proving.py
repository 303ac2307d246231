"""What was learned is promoted, kept on trial or retired by how it fares."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from hybrid_coordinator.domain.interaction import AgentType, Interaction, Outcome, OutcomeKind, ValueScore
from hybrid_coordinator.domain.knowledge import Collection, Draft
from hybrid_coordinator.domain.learning import Change, Learned, Stage
from hybrid_coordinator.domain.trust import Origin
from hybrid_coordinator.flows.proving import BATCH, Prover
from hybrid_coordinator.logic.corroboration import CorroborationPolicy
from hybrid_coordinator.logic.uplift import UpliftPolicy
from hybrid_coordinator.testing import ManualClock, MemoryCatalog, MemoryLedger

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
SKILL = Learned(
    id="skill",
    stage=Stage.CANDIDATE,
    draft=Draft("skill", Collection.SKILLS, "how?", "so"),
    origin=Origin.MODEL_INFERENCE,
    learned_from=(),
    strategy="extractive",
    created_at=NOON,
    changed_at=NOON,
)


@dataclass
class Trial:
    """A catalogue, a ledger and the step that reads both."""

    ledger: MemoryLedger = field(default_factory=MemoryLedger)
    catalog: MemoryCatalog = field(default_factory=MemoryCatalog)
    clock: ManualClock = field(default_factory=ManualClock)

    def __post_init__(self) -> None:
        self.prover = self.restarted()

    def restarted(self) -> Prover:
        return Prover(self.ledger, self.catalog, self.clock, UpliftPolicy(), CorroborationPolicy())

    async def learn(self, item: Learned) -> None:
        await self.catalog.apply([Change(item.id, "learn", None, item, "extract")], NOON)

    async def fare(self, kind: OutcomeKind, times: int, item: str = "skill", session: str | None = None) -> None:
        """Answers with it, each in a session and an hour of its own, unless one session is named."""
        credit = 1.0 if kind is OutcomeKind.SUCCESS else 0.0
        for number in range(times):
            name = self.clock.new_id()
            at = NOON + timedelta(hours=2 * number)
            asked = Interaction(name, at, "how?", "so", AgentType.LOCAL, "", (item,), session or name, channel="answer")
            await self.ledger.append(asked)
            await self.ledger.settle(name, Outcome(kind), ValueScore(credit, {}, {}), at)
            await self.ledger.credit(name, {item: credit})

    async def go_without(self, kind: OutcomeKind, item: str = "skill") -> None:
        """An answer that went without it by chance."""
        name, credit = self.clock.new_id(), 1.0 if kind is OutcomeKind.SUCCESS else 0.0
        asked = Interaction(name, NOON, "how?", "so", AgentType.LOCAL, "", session_id=name, withheld=(item,))
        await self.ledger.append(asked)
        await self.ledger.settle(name, Outcome(kind), ValueScore(credit, {}, {}), NOON)
        await self.ledger.withhold(name, {item: credit})

    async def stage(self, item: str = "skill") -> Stage:
        [found] = await self.catalog.get([item])
        return found.stage


async def test_independent_successes_promote_and_say_why() -> None:
    trial = Trial()
    await trial.learn(SKILL)
    await trial.fare(OutcomeKind.SUCCESS, 15)

    worked = await trial.prover.work()

    assert (worked.done, worked.counts) == (1, {"promote": 1})
    [skill] = await trial.catalog.get(["skill"])
    assert skill.stage is Stage.PROVEN
    assert "helps in at least" in skill.why
    [*_, last] = await trial.catalog.log(limit=10)
    assert (last.change.action, last.change.actor) == ("promote", "measure")


async def test_successes_of_one_session_are_one_voice_and_do_not_promote() -> None:
    trial = Trial()
    await trial.learn(SKILL)
    await trial.fare(OutcomeKind.SUCCESS, 30, session="one")

    await trial.prover.work()

    assert await trial.stage() is Stage.CANDIDATE


async def test_what_keeps_failing_is_retired_even_after_it_was_proven() -> None:
    trial = Trial()
    await trial.learn(replace(SKILL, stage=Stage.PROVEN))
    await trial.fare(OutcomeKind.FAILURE, 15)

    assert (await trial.prover.work()).counts == {"retire": 1}
    assert await trial.stage() is Stage.RETIRED


async def test_a_hold_is_no_change_and_without_new_uses_nothing_is_judged() -> None:
    trial = Trial()
    await trial.learn(SKILL)
    await trial.fare(OutcomeKind.SUCCESS, 2)

    assert (await trial.prover.work()).counts == {"hold": 1}
    assert (await trial.prover.work()).done == 0
    assert len(await trial.catalog.log(limit=10)) == 1


async def test_a_restart_judges_again_and_changes_nothing_twice() -> None:
    trial = Trial()
    await trial.learn(SKILL)
    await trial.fare(OutcomeKind.SUCCESS, 15)
    await trial.prover.work()

    await trial.restarted().work()

    assert len(await trial.catalog.log(limit=10)) == 2


async def test_what_a_person_taught_is_not_judged_by_counting() -> None:
    trial = Trial()
    await trial.learn(replace(SKILL, stage=Stage.PROVEN, origin=Origin.DIRECT_USER))
    await trial.fare(OutcomeKind.FAILURE, 15)

    assert (await trial.prover.work()).done == 0


async def test_what_may_not_teach_is_never_promoted() -> None:
    trial = Trial()
    await trial.learn(replace(SKILL, origin=Origin.UNTRUSTED_DOCUMENT))
    await trial.fare(OutcomeKind.SUCCESS, 15)

    await trial.prover.work()

    assert await trial.stage() is Stage.CANDIDATE


async def test_a_large_catalogue_is_gone_round_in_batches() -> None:
    trial = Trial()
    for number in range(BATCH + 1):
        name = f"skill {number:03}"
        await trial.learn(replace(SKILL, id=name, draft=replace(SKILL.draft, id=name)))
    await trial.fare(OutcomeKind.FAILURE, 15, item=f"skill {BATCH:03}")

    assert (await trial.prover.work()).more
    assert (await trial.prover.work()).counts == {"retire": 1}


async def test_a_lucky_question_without_it_does_not_retire_what_helps() -> None:
    trial = Trial()
    await trial.learn(SKILL)
    await trial.fare(OutcomeKind.SUCCESS, 297)
    await trial.fare(OutcomeKind.FAILURE, 3)
    for _ in range(3):
        await trial.go_without(OutcomeKind.SUCCESS)

    await trial.prover.work()

    assert await trial.stage() is not Stage.RETIRED


async def test_what_helps_no_more_than_everything_else_is_not_promoted() -> None:
    trial = Trial()
    await trial.learn(SKILL)
    await trial.learn(replace(SKILL, id="other", draft=replace(SKILL.draft, id="other")))
    await trial.fare(OutcomeKind.SUCCESS, 60, item="other")
    await trial.fare(OutcomeKind.SUCCESS, 12)
    await trial.fare(OutcomeKind.FAILURE, 3)

    await trial.prover.work()

    assert await trial.stage() is Stage.CANDIDATE
