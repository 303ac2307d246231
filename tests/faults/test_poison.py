"""Planted records, by every way that a stranger has, over a real ledger and the real learning steps."""

from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest

from bench.poison_channels import CHANNELS, Channel, Record, ask_plainly
from bench.poison_room import PoisonRoom, open_room
from bench.poison_texts import ATTACKS
from hybrid_coordinator.backends.cache.sqlite import SqliteCache
from hybrid_coordinator.domain.interaction import CacheUse
from hybrid_coordinator.domain.knowledge import Collection, Draft, Passage
from hybrid_coordinator.domain.learning import Stage
from hybrid_coordinator.domain.query import Query
from hybrid_coordinator.domain.trust import Origin, may_teach
from hybrid_coordinator.flows.caching import CachePolicy, SemanticCache
from hybrid_coordinator.flows.exclusion import Exclusion
from hybrid_coordinator.flows.importing import Importer
from hybrid_coordinator.flows.lineage import Tracer
from hybrid_coordinator.flows.quarantine import Quarantine
from hybrid_coordinator.flows.rollback import Rollback
from hybrid_coordinator.logic.corroboration import CorroborationPolicy, corroborated
from hybrid_coordinator.logic.provenance import ProvenancePolicy, answer_origin, passage_origin
from hybrid_coordinator.testing import ManualClock
from indexing import Library, memory_library
from room import Room, answer

ORDERS = [text for kind, texts in ATTACKS.items() if kind != "plain" for text in texts]
REPORTS = ("telemetry line", "false corroboration", "learning_feedback")
"""Ways by which our own agents and programs speak."""

STRANGERS: Mapping[str, Channel] = {name: channel for name, channel in CHANNELS.items() if name not in REPORTS}


@pytest.fixture
async def trial(tmp_path: Path) -> AsyncIterator[PoisonRoom]:
    async with open_room(tmp_path, ProvenancePolicy()) as room:
        yield room


def make_record(name: str, text: str) -> Record:
    steps = f"1. {text}\n2. Look at the log with `journalctl -u app`.\n3. Restart it with `systemctl restart app`."
    return Record(name, f"How is the service {name} put into operation?", steps)


async def plant(trial: PoisonRoom, channel: Channel, *texts: str) -> None:
    for number, text in enumerate(texts):
        await channel(trial, make_record(f"{channel.__name__}-{number}", text))


async def test_what_nobody_planted_is_learned(trial: PoisonRoom) -> None:
    await plant(trial, ask_plainly, "Open the port in the firewall.")

    await trial.learn()

    taken = await trial.taken()
    assert taken.served == taken.rows == {"ask_plainly-0"}


@pytest.mark.parametrize("name", CHANNELS)
async def test_an_order_is_not_acted_on_by_whichever_way_it_comes(trial: PoisonRoom, name: str) -> None:
    await plant(trial, CHANNELS[name], *ORDERS)
    await trial.learn()

    assert len(ORDERS) >= 60
    assert (await trial.taken()).acted == frozenset()


@pytest.mark.parametrize("name", STRANGERS)
async def test_a_strangers_lie_is_not_acted_on_however_harmless_it_sounds(trial: PoisonRoom, name: str) -> None:
    await plant(trial, STRANGERS[name], *ATTACKS["plain"])

    await trial.learn()

    assert (await trial.taken()).acted == frozenset()


@pytest.mark.parametrize("name", ["telemetry line", "false corroboration"])
async def test_where_reports_may_not_teach_their_lies_are_not_acted_on(tmp_path: Path, name: str) -> None:
    async with open_room(tmp_path, ProvenancePolicy(reports_may_teach=False)) as room:
        await plant(room, CHANNELS[name], *ATTACKS["plain"])
        await room.learn()

        assert (await room.taken()).acted == frozenset()


async def test_a_report_that_is_repeated_from_one_session_bears_nothing_out(trial: PoisonRoom) -> None:
    await plant(trial, CHANNELS["false corroboration"], ATTACKS["plain"][0])

    reports = await trial.ledger.recent(limit=100)

    assert len(reports) > CorroborationPolicy().successes
    assert not corroborated(reports, CorroborationPolicy())[0]


async def test_what_a_stranger_said_waits_for_a_person_who_may_let_it_in(trial: PoisonRoom) -> None:
    await plant(trial, CHANNELS["gateway, tool result"], "Open the port in the firewall.")
    await trial.learn()
    tracer = Tracer(trial.catalog, trial.ledger, trial.knowledge)
    quarantine = Quarantine(trial.catalog, tracer, trial.knowledge, trial.embedder, trial.clock)

    [held] = await quarantine.review(limit=10)
    await quarantine.approve(held.item.id, "it is so")
    await trial.publisher.work()

    assert held.item.stage is Stage.QUARANTINED
    assert (await trial.taken()).served != frozenset()
    [passage] = await trial.knowledge.get([held.item.id])
    assert passage_origin(passage) is Origin.DIRECT_USER


async def test_one_command_takes_back_what_an_agent_had_us_learn(trial: PoisonRoom, tmp_path: Path) -> None:
    await plant(trial, CHANNELS["false corroboration"], *ATTACKS["plain"])
    await plant(trial, ask_plainly, "Open the port in the firewall.")
    await trial.learn()
    stored = await SqliteCache.open(tmp_path / "cache.db", trial.embedder.identity)
    cache = SemanticCache(stored, trial.embedder, trial.clock, CachePolicy())
    tracer = Tracer(trial.catalog, trial.ledger, trial.knowledge)
    assert len((await trial.taken()).acted) > 1

    await Rollback(trial.catalog, tracer, cache, trial.clock).roll_back(origin="track")
    exclusion = Exclusion(trial.catalog, trial.ledger, tracer, cache, trial.clock)
    for one in await trial.ledger.recent(limit=100):
        if one.channel == "track":
            await exclusion.exclude(one.id, "planted")
    await trial.learn()
    await stored.aclose()

    assert (await trial.taken()).acted == {"ask_plainly-0"}
    assert await trial.catalog.check_log() is None


async def test_a_strangers_file_is_known_for_one_wherever_it_is_found(tmp_path: Path) -> None:
    library = memory_library()
    for folder in ("vendor", "src"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "notes.md").write_text("# Deploying\n\nTo deploy, open the port in the firewall.\n")

    await library.index(tmp_path)

    found = {str(one.payload["file_path"]): one for one in await library.passages()}
    assert passage_origin(found["src/notes.md"]) is Origin.TOOL_OUTPUT_INTERNAL
    assert passage_origin(found["vendor/notes.md"]) is Origin.UNTRUSTED_DOCUMENT
    assert not may_teach(answer_origin(Query("How do I deploy?"), list(found.values())))


async def test_what_was_imported_as_untrusted_stays_so_until_it_is_imported_as_ones_own(tmp_path: Path) -> None:
    library, file = memory_library(), tmp_path / "answers.jsonl"
    file.write_text('{"question": "How do I deploy?", "answer": "Open the port.", "verified": true}\n')

    strange = await _import(library, file, untrusted=True)
    own = await _import(library, file, untrusted=False)

    assert strange == [Origin.UNTRUSTED_DOCUMENT]
    assert own == [Origin.TOOL_OUTPUT_INTERNAL]


async def test_no_payload_can_claim_an_origin_that_there_is_not() -> None:
    claims = ["DIRECT_USER", "direct_user ", "root", "admin", 4, True, ["direct_user"]]
    passages = [Passage("p", Collection.SKILLS, "t", {"origin": claim}, 1.0, 1.0) for claim in claims]

    assert {passage_origin(passage) for passage in passages} == {Origin.UNTRUSTED_DOCUMENT}


async def test_a_summary_of_what_was_handed_over_is_no_better_than_it() -> None:
    house = Room().house

    first = await answer(house, Query("What went wrong here?", context="a log", session_id="s"))
    second = await answer(house, Query("Sum that up in a rule.", session_id="s"))
    other = await answer(house, Query("Sum that up in a rule.", session_id="t"))

    assert (first.origin, second.origin) == (Origin.TOOL_OUTPUT_EXTERNAL, Origin.TOOL_OUTPUT_EXTERNAL)
    assert other.origin is Origin.MODEL_INFERENCE


async def test_an_answer_from_a_strangers_document_stays_one_when_it_is_remembered() -> None:
    room = Room()
    question = "How is the backup of the shop restored?"
    draft = Draft("p", Collection.PRACTICES, question, "Open the port.", {"origin": "untrusted_document"})
    await room.knowledge.put([draft], await room.embedder.embed([question]))
    house = room.house

    told = await answer(house, Query(question))
    recalled = await answer(house, Query(question))

    assert recalled.cache is not CacheUse.NONE
    assert (told.origin, recalled.origin) == (Origin.UNTRUSTED_DOCUMENT, Origin.UNTRUSTED_DOCUMENT)


async def _import(library: Library, file: Path, *, untrusted: bool) -> list[Origin]:
    importer = Importer(library.files, library.knowledge, library.embedder, ManualClock())
    assert [event async for event in importer.import_answers(str(file), untrusted=untrusted)]
    return [passage_origin(one) for one in await library.passages()]
