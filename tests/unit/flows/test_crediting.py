"""Credit goes to what an answer was made of, and the next search hears of it."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from hybrid_coordinator.domain.interaction import AgentType, Interaction
from hybrid_coordinator.domain.knowledge import Collection, Draft, Payload
from hybrid_coordinator.flows.augment import Augmenter
from hybrid_coordinator.flows.crediting import Crediting
from hybrid_coordinator.flows.experience import Experience
from hybrid_coordinator.flows.history import History
from hybrid_coordinator.logic.grounding import GroundingPolicy
from hybrid_coordinator.logic.silence import SilencePolicy
from hybrid_coordinator.logic.usefulness import UsefulnessPolicy
from hybrid_coordinator.testing import HashEmbedder, MemoryKnowledge, MemoryLedger
from room import Memory

NGINX, LOGS = "restart nginx after editing its configuration", "rotate postgres logs every night"
ANSWER = Interaction(
    "i1", datetime(2026, 1, 1, tzinfo=UTC), "what now?", NGINX, AgentType.LOCAL, "home", ("nginx", "logs")
)


@dataclass
class Desk:
    """Passages, a ledger and those who keep count."""

    knowledge: MemoryKnowledge = field(default_factory=MemoryKnowledge)
    ledger: MemoryLedger = field(default_factory=MemoryLedger)
    keepsake: Memory = field(default_factory=Memory)

    def __post_init__(self) -> None:
        self.experience = self.experienced()
        self.crediting = Crediting(self.ledger, self.knowledge, self.experience)

    def experienced(self) -> Experience:
        return Experience(
            self.ledger,
            self.keepsake,
            GroundingPolicy(),
            UsefulnessPolicy(),
            SilencePolicy(least_outcomes=3, false_injection_budget=0.1),
        )

    async def store(self, name: str, text: str, payload: Payload | None = None) -> None:
        draft = Draft(name, Collection.PRACTICES, text, text, payload or {})
        await self.knowledge.put([draft], await HashEmbedder().embed([text]))

    async def payload(self, name: str) -> Payload:
        [passage] = await self.knowledge.get([name])
        return passage.payload

    async def open(self) -> None:
        await self.store("nginx", NGINX)
        await self.store("logs", LOGS)
        await self.ledger.append(ANSWER)


async def test_only_what_was_used_is_credited() -> None:
    desk = Desk()
    await desk.open()

    records = await desk.crediting.settle(ANSWER, 1.0)

    assert set(records) == {"nginx"}
    assert (await desk.payload("nginx"))["helped"] == 1
    assert (await desk.payload("logs"))["success_rate"] == 0.5


async def test_judging_again_replaces_what_was_said() -> None:
    desk = Desk()
    await desk.open()

    await desk.crediting.settle(ANSWER, 1.0)
    records = await desk.crediting.settle(ANSWER, 0.0)

    assert (records["nginx"].uses, records["nginx"].credit) == (1, 0.0)
    assert (await desk.payload("nginx"))["failed"] == 1


async def test_a_correction_credits_the_passage_that_says_it() -> None:
    desk = Desk()
    await desk.open()

    await desk.crediting.settle(ANSWER, 0.0)
    await desk.crediting.correct(ANSWER, "Rotate the postgres logs every night.")

    assert (await desk.payload("logs"))["helped"] == 1
    assert (await desk.payload("nginx"))["failed"] == 1


async def test_what_was_withheld_stands_against_what_was_not() -> None:
    desk = Desk()
    await desk.open()
    without = replace(ANSWER, id="i2", withheld=("skill",))
    await desk.ledger.append(without)

    await desk.crediting.settle(without, 1.0)

    assert (await desk.ledger.uses(["skill"]))["skill"].withheld.uses == 1


async def test_silence_is_fitted_to_outcomes_and_kept_over_a_restart() -> None:
    desk = Desk()
    await desk.open()
    for number, alike in enumerate([0.4, 0.5, 0.6, 0.9, 0.95]):
        one = replace(ANSWER, id=f"n{number}", context_provided=("nginx",), similarities=(alike,))
        await desk.ledger.append(one)
        await desk.crediting.settle(one, float(alike >= 0.9))

    worked = await desk.experience.work()
    again = desk.experienced()
    await again.open()

    assert worked.done == 1
    assert desk.experience.grounding.min_similarity == again.grounding.min_similarity == 0.9
    assert (await desk.experience.work()).done == 0


async def test_a_keepsake_that_cannot_be_read_costs_no_more_than_what_was_learned() -> None:
    desk = Desk()
    desk.keepsake.content = b"\x00 not json"

    await desk.experience.open()

    assert desk.experience.grounding == GroundingPolicy()


async def test_a_consultation_looks_further_than_it_shows_and_lets_what_failed_fall() -> None:
    desk = Desk()
    text = "how do I restart nginx"
    for number in range(8):
        await desk.store(f"p{number}", f"{text} {number}", {"failed": 3 if number < 5 else 0})
    history = History(desk.ledger, desk.knowledge, HashEmbedder())
    augmenter = Augmenter(HashEmbedder(), desk.knowledge, history, GroundingPolicy(max_passages=3), desk.experience)

    shown = (await augmenter.consult(text)).passages

    assert {passage.id for passage in shown} == {"p5", "p6", "p7"}
