"""The extract step: what it learns, what it takes back, and that it may be done again."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import anyio
import pytest

from hybrid_coordinator.domain.interaction import AgentType, Interaction, Outcome, OutcomeKind, ValueScore
from hybrid_coordinator.domain.learning import Change, LoggedChange, Stage, Worked
from hybrid_coordinator.domain.route import Location, ModelCard
from hybrid_coordinator.domain.trust import Origin
from hybrid_coordinator.errors import Conflict, ModelUnavailable
from hybrid_coordinator.flows.extracting import Extractor
from hybrid_coordinator.flows.extracting_patterns import PatternMaker, StrategyBook
from hybrid_coordinator.logic.extraction_check import STRATEGIES
from hybrid_coordinator.logic.extraction_policy import ExtractionPolicy
from hybrid_coordinator.logic.patterns import pattern_id_of
from hybrid_coordinator.logic.strategies import rank_strategies
from hybrid_coordinator.testing import ManualClock, MemoryCatalog, MemoryLedger, Script, ScriptedModel

GOOD = Outcome(OutcomeKind.SUCCESS, 1)
BAD = Outcome(OutcomeKind.FAILURE, -1)
WORTH = ValueScore(0.8, {}, {})
QUERY = "How do I reload a systemd unit?"
RESPONSE = "1. Open the unit file.\n2. Reload the daemon.\n```sh\nsystemctl daemon-reload\n```"
SPOKEN = (
    '{"name": "reload_systemd_unit", "description": "reload a systemd unit", "prerequisites": [],'
    ' "steps": ["Open the unit file", "Reload the daemon", "Restart the machine"], "tags": ["systemd"],'
    ' "example": "systemctl daemon-reload"}'
)
ERROR = "I get `KeyError: 'port'` at start. Why?"
FIX = "Set the port in settings.toml."
EVERYONE = ExtractionPolicy(votes=4)
"""All strategies are tried, so that it does not matter whose turn it is."""


@dataclass
class Bench:
    """The step, and a hand on everything behind it."""

    clock: ManualClock = field(default_factory=ManualClock)
    ledger: MemoryLedger = field(default_factory=MemoryLedger)
    catalog: MemoryCatalog = field(default_factory=MemoryCatalog)
    models: Sequence[ScriptedModel] = ()
    policy: ExtractionPolicy = field(default_factory=ExtractionPolicy)
    doubts: tuple[str, ...] = ()
    somebody_asks: bool = False
    notes: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    @property
    def step(self) -> Extractor:
        book = StrategyBook(self.catalog, self.ledger, self.clock, self.policy.refresh_s)
        maker = PatternMaker(self.models, book, self.policy, busy=lambda: self.somebody_asks)
        return Extractor(
            self.ledger,
            self.catalog,
            maker,
            self.clock,
            self._note,
            lambda text: self.doubts,
            self.policy,
            high_value=0.7,
        )

    async def _note(self, kind: str, **fields: Any) -> None:
        self.notes.append((kind, fields))

    async def happen(self, name: str = "a", **changes: Any) -> Interaction:
        one = Interaction(name, self.clock.now(), QUERY, RESPONSE, AgentType.REMOTE, "away", outcome=GOOD, value=WORTH)
        one = replace(one, **changes)
        await self.ledger.append(one)
        return one

    async def settle(self, name: str, outcome: Outcome) -> None:
        await self.ledger.settle(name, outcome, WORTH, self.clock.now() + timedelta(seconds=1))

    async def work(self) -> Worked:
        return await self.step.work()


@pytest.fixture
def bench() -> Bench:
    return Bench()


async def test_a_valuable_interaction_becomes_a_skill(bench: Bench) -> None:
    await bench.happen()

    worked = await bench.work()

    [skill] = await bench.catalog.get([pattern_id_of("a")])
    assert (skill.stage, skill.strategy, skill.learned_from) == (Stage.CANDIDATE, "extractive", ("a",))
    assert skill.draft.payload["usage_pattern"] == "1. Open the unit file.\n2. Reload the daemon."
    assert (worked.done, worked.more, worked.counts) == (1, False, {"learn": 1})
    assert [kind for kind, _ in bench.notes] == ["learning_triggered", "pattern_stored"]


async def test_doing_it_again_changes_nothing(bench: Bench) -> None:
    one = await bench.happen()
    await bench.work()
    bench.ledger = MemoryLedger()  # as after a kill between the catalogue and the ledger
    await bench.ledger.append(one)

    worked = await bench.work()

    assert (worked.done, worked.counts) == (1, {})
    assert len(await bench.catalog.log(limit=10)) == 1
    assert (await bench.work()).done == 0


@pytest.mark.parametrize(
    "changes",
    (
        {"outcome": BAD},
        {"value": ValueScore(0.5, {}, {})},
        {"failure": "cut short"},
        {"response": ""},
        {"tags": ("shadow",)},
    ),
)
async def test_what_is_not_worth_it_teaches_nothing_and_is_done_with(bench: Bench, changes: dict[str, Any]) -> None:
    await bench.happen(**changes)

    assert (await bench.work()).done == 1
    assert await bench.catalog.browse(limit=10) == []
    assert await bench.ledger.unlearned(limit=10) == []


async def test_an_excluded_interaction_teaches_nothing(bench: Bench) -> None:
    await bench.happen()
    await bench.ledger.exclude("a", "it is wrong", bench.clock.now())

    await bench.work()

    assert await bench.catalog.browse(limit=10) == []


async def test_settled_again_as_a_failure_it_is_taken_back_and_as_a_success_it_returns(bench: Bench) -> None:
    await bench.happen()
    await bench.work()

    await bench.settle("a", BAD)
    await bench.work()
    [gone] = await bench.catalog.get([pattern_id_of("a")])
    await bench.settle("a", GOOD)
    await bench.work()
    [back] = await bench.catalog.get([pattern_id_of("a")])

    assert (gone.stage, back.stage) == (Stage.RETIRED, Stage.CANDIDATE)
    assert [entry.change.action for entry in await bench.catalog.log(limit=10)] == ["learn", "retire", "learn"]


async def test_a_rejected_skill_is_not_learned_again(bench: Bench) -> None:
    await bench.happen()
    await bench.work()
    [skill] = await bench.catalog.get([pattern_id_of("a")])
    rejected = replace(skill, stage=Stage.REJECTED)
    await bench.catalog.apply([Change(skill.id, "reject", skill, rejected, "person")], bench.clock.now())

    await bench.settle("a", GOOD)
    await bench.work()

    assert await bench.catalog.get([skill.id]) == [rejected]


async def test_an_error_becomes_a_fix_that_others_confirm_and_disprove(bench: Bench) -> None:
    await bench.happen("a", query=ERROR, response=FIX)
    await bench.happen("b", query="KeyError: 'host'", response=FIX)
    await bench.happen("c", query="KeyError: 'port'", response=FIX, outcome=BAD)
    await bench.happen("d", query="KeyError: 'port'", response="Upgrade to version 3.2 of the client.")

    worked = await bench.work()

    first, second = await bench.catalog.signed("keyerror: <value>")
    assert (first.draft.payload["success_count"], first.draft.payload["failure_count"]) == (2, 1)
    assert first.learned_from == ("a", "b")
    assert second.draft.payload["solution"] == "Upgrade to version 3.2 of the client."
    assert worked.counts == {"learn": 4}


async def test_an_untrusted_answer_neither_teaches_nor_confirms(bench: Bench) -> None:
    await bench.happen("a", query=ERROR, response=FIX)
    await bench.happen("b", query=ERROR, response=FIX, origin=Origin.UNTRUSTED_DOCUMENT)
    await bench.happen("c", origin=Origin.TOOL_OUTPUT_EXTERNAL)

    await bench.work()

    served, *held = sorted(await bench.catalog.browse(limit=10), key=lambda item: item.stage)
    assert served.draft.payload["success_count"] == 1
    assert [item.stage for item in held] == [Stage.QUARANTINED, Stage.QUARANTINED]
    assert [kind for kind, _ in bench.notes].count("pattern_quarantined") == 2


async def test_what_screening_doubts_waits_for_a_person(bench: Bench) -> None:
    bench.doubts = ("it gives orders",)
    await bench.happen()

    await bench.work()

    [skill] = await bench.catalog.browse(limit=10)
    assert (skill.stage, skill.why) == (Stage.QUARANTINED, "it gives orders")


async def test_an_answer_that_repeats_a_skill_it_was_told_teaches_nothing(bench: Bench) -> None:
    await bench.happen("a")
    await bench.work()
    await bench.happen("b", context_provided=(pattern_id_of("a"),))

    await bench.work()

    assert [item.learned_from for item in await bench.catalog.browse(limit=10)] == [("a",)]


def local(*scripts: Script) -> ScriptedModel:
    return ScriptedModel(*scripts, card=ModelCard("home", Location.LOCAL, context_tokens=2048))


async def test_what_a_model_says_is_kept_as_far_as_the_answer_says_it(bench: Bench) -> None:
    turn = next(str(n) for n in range(100) if rank_strategies({}, STRATEGIES, str(n), 4)[0] == "extract_skill_v2")
    model = local([SPOKEN])
    bench.models = [model]
    await bench.happen(turn)

    await bench.work()

    [skill] = await bench.catalog.browse(limit=10)
    assert (skill.strategy, len(model.prompts)) == ("extract_skill_v2", 1)
    assert skill.draft.payload["usage_pattern"] == "1. Open the unit file\n2. Reload the daemon"
    assert skill.draft.payload["support"] == pytest.approx(2 / 3, abs=1e-3)


async def test_several_extractions_are_put_to_a_vote(bench: Bench) -> None:
    model = local([SPOKEN])
    bench.models, bench.policy = [model], EVERYONE
    await bench.happen()

    await bench.work()

    [skill] = await bench.catalog.browse(limit=10)
    assert len(model.prompts) == 3
    assert all(prompt.schema for prompt in model.prompts)
    assert "Reload the daemon" in skill.draft.payload["usage_pattern"]


@pytest.mark.parametrize(
    "script", (["nonsense"], ["{"], [ModelUnavailable("it died")], [SPOKEN[:80], ModelUnavailable("x")])
)
async def test_a_model_that_fails_leaves_the_copy(bench: Bench, script: Script) -> None:
    bench.models, bench.policy = [local(["ok"], ["ok"], script)], EVERYONE
    await bench.happen()

    await bench.work()

    [skill] = await bench.catalog.browse(limit=10)
    assert skill.strategy == "extractive"


async def test_a_model_that_never_ends_is_given_up(bench: Bench) -> None:
    bench.models = [local([SPOKEN[:40], anyio.Event()])]
    bench.policy = replace(EVERYONE, model_timeout_s=0.01)
    await bench.happen()

    await bench.work()

    [skill] = await bench.catalog.browse(limit=10)
    assert skill.strategy == "extractive"


async def test_only_local_models_are_asked_and_none_while_somebody_asks(bench: Bench) -> None:
    home, away = local([SPOKEN]), ScriptedModel([SPOKEN], card=ModelCard("away", Location.REMOTE))
    bench.models, bench.policy, bench.somebody_asks = [home, away], EVERYONE, True
    await bench.happen()

    await bench.work()
    bench.somebody_asks = False
    await bench.happen("b")
    await bench.work()

    assert (len(home.prompts), len(away.prompts)) == (3, 0)
    assert len(await bench.catalog.browse(limit=10)) == 2


async def test_models_can_be_switched_off(bench: Bench) -> None:
    home = local([SPOKEN])
    bench.models, bench.policy = [home], replace(EVERYONE, use_models=False)
    await bench.happen()

    await bench.work()

    assert home.prompts == []


class Contested(MemoryCatalog):
    """Somebody else is always quicker, until told otherwise."""

    contested = True

    async def apply(self, changes: Sequence[Change], at: Any) -> list[LoggedChange]:
        if self.contested:
            raise Conflict("somebody else was quicker")
        return await super().apply(changes, at)


async def test_after_a_conflict_it_is_tried_again_in_the_next_batch(bench: Bench) -> None:
    bench.catalog = contested = Contested()
    await bench.happen()

    first = await bench.work()
    contested.contested = False
    second = await bench.work()

    assert (first.done, first.more, second.done) == (0, False, 1)
    assert len(await contested.browse(limit=10)) == 1


async def test_a_batch_ends_when_its_time_is_over(bench: Bench) -> None:
    bench.policy = replace(bench.policy, batch_seconds=0.0)
    await bench.happen("a", outcome=BAD)
    await bench.happen("b")

    worked = await bench.work()

    assert (worked.done, worked.more) == (1, True)
