"""The page that Prometheus scrapes."""

from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from hybrid_coordinator.domain.interaction import Outcome, OutcomeKind, ValueScore
from hybrid_coordinator.domain.learning import Change, Stage
from hybrid_coordinator.domain.query import Query
from hybrid_coordinator.faces.metrics import render_metrics
from hybrid_coordinator.testing import MemoryCatalog, MemoryLedger
from learned_items import asked, learned_skill
from room import Room, answer, learn

SUCCESS = Outcome(OutcomeKind.SUCCESS)


@pytest.fixture
def room() -> Room:
    catalog = MemoryCatalog()
    return Room(catalog=catalog, ledger=MemoryLedger(catalog))


async def scrape(room: Room) -> dict[tuple[str, ...], float]:
    """The samples by name and labels."""
    house = room.house
    return read(render_metrics(await house.reporter.report(), await house.health(), await house.daemon.status()))


def read(page: bytes) -> dict[tuple[str, ...], float]:
    families = text_string_to_metric_families(page.decode())
    return {(one.name, *one.labels.values()): one.value for family in families for one in family.samples}


async def test_figures_that_there_are_none_of_are_left_out(room: Room) -> None:
    samples = await scrape(room)

    names = {name for name, *_ in samples}
    assert {"coordinator_interactions_total", "coordinator_passages", "coordinator_value_scores"} <= names
    assert not names & {"coordinator_success_rate", "coordinator_bytes_per_pattern", "coordinator_learned_items"}


async def test_the_measures_of_learning_are_gauges(room: Room) -> None:
    today = room.clock.now()
    item = replace(learned_skill("s1", "how to", stage=Stage.PROVEN), created_at=today)
    await room.catalog.apply([Change("s1", "learn", None, item, "extract")], today)
    good = replace(asked("i1", "how?", "so", outcome=SUCCESS), value=ValueScore(0.9, {}, {}))
    await room.ledger.append(replace(good, created_at=today))
    await room.ledger.credit("i1", {"s1": 1.0})

    samples = await scrape(room)

    assert samples["coordinator_success_rate",] == 1.0
    assert samples["coordinator_learned_reuse_rate",] == 1.0
    assert samples["coordinator_patterns_a_day",] == 1.0
    assert samples["coordinator_value_scores", "0.7-1.0"] == 1.0
    assert samples["coordinator_learned_items", "skills-patterns", "proven"] == 1.0
    assert samples["coordinator_learned_mean_credit", "skills-patterns"] == 1.0
    assert samples["coordinator_bytes_per_pattern",] > 4 * room.embedder.identity.dimension


async def test_how_each_step_of_learning_stands_is_told(room: Room, tmp_path: Path) -> None:
    room.folder = tmp_path
    house = room.house
    await learn(house)

    samples = read(render_metrics(await house.reporter.report(), await house.health(), await house.daemon.status()))

    assert samples["coordinator_learning_step_ok", "extract"] == 1.0
    assert ("coordinator_learning_done_total", "ingest") in samples
    assert samples["coordinator_learning_ran_seconds", "measure"] > 0


async def test_what_learning_adds_to_an_answer_is_timed(room: Room) -> None:
    house = room.house
    await answer(house, Query("which port does nginx use?"))

    samples = read(render_metrics(await house.reporter.report(), await house.health(), await house.daemon.status()))

    assert {labels[0] for name, *labels in samples if name == "coordinator_learning_added_seconds"} == {
        "ranking by use",
        "withholding by chance",
    }
