"""A real house with something to learn from, and a look at all that it has learned."""

import json
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager, closing
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

from hybrid_coordinator.app import Backends, House, LearningBackends
from hybrid_coordinator.app.folder import DEAD_LETTER_FILE, LEDGER_FILE, TELEMETRY_FOLDER, own_folder
from hybrid_coordinator.app.opening import open_backends as open_real_backends
from hybrid_coordinator.backends.ledger.agenda import SqlAgenda
from hybrid_coordinator.backends.ledger.annals import SqlAnnals
from hybrid_coordinator.backends.ledger.catalog import SqlCatalog
from hybrid_coordinator.backends.ledger.database import Database
from hybrid_coordinator.backends.ledger.event_log import SqlEventLog
from hybrid_coordinator.backends.ledger.sql import SqlLedger
from hybrid_coordinator.domain.interaction import AgentType, Interaction, Outcome, OutcomeKind
from hybrid_coordinator.domain.knowledge import Collection
from hybrid_coordinator.domain.learning import Learned
from hybrid_coordinator.domain.trust import Origin
from hybrid_coordinator.flows.teaching import Lesson
from hybrid_coordinator.logic.dataset_card import DatasetPolicy
from hybrid_coordinator.logic.extraction_policy import ExtractionPolicy
from hybrid_coordinator.logic.learning_pace import LearningPace
from hybrid_coordinator.logic.telemetry_places import TailingPolicy
from hybrid_coordinator.settings import LearningSettings, Settings, StorageSettings

INBOX = "inbox"
"""The folder, in the data folder, that other programs write their telemetry to."""

DATASET = "dataset"
TELEMETRY_LINES = 200
MALFORMED_EVERY = 20
ANSWERED_EVERY = 20
ALL = 10_000
LEARNED = (Collection.SKILLS, Collection.ERRORS, Collection.PRACTICES)

GOOD = Outcome(OutcomeKind.SUCCESS, user_feedback=1)
BAD = Outcome(OutcomeKind.FAILURE, user_feedback=-1)

SERVICES = ("billing", "registry", "mailer", "indexer", "gateway", "scheduler")
ERROR = "OSError: [Errno 28] No space left on device: '/var/lib/{}/spool'"
RECURRING = (
    "Why is the nightly backup of the wiki so slow?",
    "Why does the wiki's nightly backup take so long?",
    "The nightly wiki backup is very slow, why?",
    "What makes the nightly backup of the wiki slow?",
)


def settings_in(folder: Path, **sections: Any) -> Settings:
    """Everything lies in the folder, nothing is waited for, and no model words what is extracted."""
    return replace(
        Settings(
            pace=LearningPace(quiet_s=0.0),
            storage=StorageSettings(data_dir=folder),
            learning=LearningSettings(finetune_data_path=folder / DATASET / "dataset.jsonl"),
            telemetry=TailingPolicy(paths=str(folder / INBOX), patience_s=0.0),
            extraction=ExtractionPolicy(use_models=False),
            dataset=DatasetPolicy(every_s=0.0),
        ),
        **sections,
    )


async def stock(house: House, now: datetime) -> None:
    """Answers with outcomes of every kind, a correction, and a telemetry file, all of the last hours."""
    for number, one in enumerate(answers()):
        at = now - timedelta(hours=6) + timedelta(minutes=number)
        await house.ledger.append(replace(one, created_at=at, settled_at=at if one.outcome else None))
    lesson = Lesson("Who owns the puller?", "The platform team owns it.", rating=1, interaction_id="skill-0")
    await house.learning.teacher.correct(lesson)
    write_telemetry(house.settings.data_dir / INBOX, now)


def write_telemetry(folder: Path, now: datetime) -> None:
    """A file of 200 lines, of which ten are no events and ten hold a question with its answer."""
    folder.mkdir()
    lines = (_line(number, now) for number in range(TELEMETRY_LINES))
    (folder / "ralph-events.jsonl").write_bytes(b"".join(line + b"\n" for line in lines))


def _line(number: int, now: datetime) -> bytes:
    if number % MALFORMED_EVERY == 7:
        return b'{"event": "task_completed", "task_id": \x00'
    at = (now - timedelta(hours=3) + timedelta(seconds=number)).isoformat()
    if number % ANSWERED_EVERY:
        return json.dumps({"event": "iteration_started", "task_id": number, "timestamp": at}).encode()
    told = {"event": "task_completed", "task_id": number, "timestamp": at, "iterations": 1, "user_feedback": 1}
    asked = {"prompt": f"How do I drain worker node{number}?", "output": _steps(f"drain node{number}", "worker")}
    return json.dumps(told | asked).encode()


def _steps(command: str, service: str) -> str:
    return f"1. Run `{command}`.\n2. Run `systemctl restart {service}`.\n3. Check that port 8080 of {service} answers."


def _answer(id: str, query: str, response: str, outcome: Outcome | None = GOOD, **others: Any) -> Interaction:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    return Interaction(id, at, query, response, AgentType.REMOTE, "away", outcome=outcome, **others)


def answers() -> Iterator[Interaction]:
    """What was answered: skills, some of them twice, fixes of an error, one question again and again, what is not to be
    learned from. Two of the error's questions went well and one did not."""
    for number, name in enumerate(SERVICES):
        asked = f"How do I rotate the credentials of the {name} service?"
        yield _answer(f"skill-{number}", asked, _steps(f"{name}ctl rotate --now", name))
        if number < 3:
            yield _answer(f"double-{number}", asked, _steps(f"{name}ctl rotate --now", name))
    for number, name in enumerate(SERVICES[:4]):
        error, cure = ERROR.format(name), "1. Run `journalctl --vacuum-size=200M`.\n2. Write the file again."
        yield _answer(f"error-{number}", f"{error}\nWhat now?", cure, BAD if number == 3 else GOOD)
    for number, asked in enumerate(RECURRING):
        cause = "The wiki's nightly backup reads every attachment; exclude the thumbnails folder and it is fast."
        yield _answer(f"again-{number}", asked, cause, session_id=f"session-{number}")
    for number in range(3):
        yield _answer(f"bad-{number}", f"Why does printer {number} jam?", f"Turn printer {number} off.", BAD)
        yield _answer(f"open-{number}", f"Which paper does printer {number} need?", "Any paper.", None)
    for number in range(2):
        asked, said = f"How is scanner {number} reset?", _steps(f"scan-reset {number}", "scanner")
        yield _answer(f"web-{number}", asked, said, origin=Origin.TOOL_OUTPUT_EXTERNAL)


Wrap = Callable[[Any], Any]
"""Puts something before a port."""

SEEN_THROUGH = ("knowledge", "ledger", "lessons", "experience")


@asynccontextmanager
async def open_backends(settings: Settings) -> AsyncIterator[Backends]:
    """What stands behind the house of a data folder, which is owned meanwhile."""
    with own_folder(settings.data_dir):
        async with AsyncExitStack() as stack:
            yield await open_real_backends(settings, settings.data_dir, stack)


@asynccontextmanager
async def wrapped_house(settings: Settings, wrap: Wrap) -> AsyncIterator[House]:
    """A house over the real stores of its folder, each port that keeps something seen through a wrap."""
    async with open_backends(settings) as behind:
        learning = replace(behind.learning, **_wrapped(behind.learning, _names(behind.learning), wrap))
        house = House(settings, replace(behind, learning=learning, **_wrapped(behind, SEEN_THROUGH, wrap)))
        await house.open()
        yield house


@asynccontextmanager
async def twin_houses(settings: Settings) -> AsyncIterator[tuple[House, House]]:
    """Two houses that each have a database of their own over the same file, as two processes have."""
    async with open_backends(settings) as behind:
        async with aclosing(await Database.open(f"sqlite:///{settings.data_dir / LEDGER_FILE}")) as database:
            learning = replace(
                behind.learning,
                catalog=SqlCatalog(database),
                agenda=SqlAgenda(database),
                event_log=SqlEventLog(database),
                annals=SqlAnnals(database),
            )
            other = replace(behind, ledger=SqlLedger(database), learning=learning, instance="other")
            yield House(settings, behind), House(settings, other)


def _names(backends: LearningBackends) -> Sequence[str]:
    return [field.name for field in fields(backends)]


def _wrapped(backends: Any, names: Sequence[str], wrap: Wrap) -> dict[str, Any]:
    return {name: wrap(getattr(backends, name)) for name in names}


async def look_at(house: House) -> dict[str, Any]:
    """Everything that learning has left behind, without times and names that are drawn by chance, as JSON has it.

    `shown` are the passages of what was learned, `due` those that the catalogue says there should be. `left` is how
    much waits to be scored, learned from and published.
    """
    items = await house.catalog.browse(None, limit=ALL)
    log = await house.catalog.log(limit=ALL)
    records = await house.ledger.recent(limit=ALL)
    folder = house.settings.data_dir
    found = {
        "items": {item.id: _timeless(item) for item in items},
        "changes": Counter(f"{one.change.item_id} {one.change.action}" for one in log),
        "broken_at": await house.catalog.check_log(),
        "shown": {id: text for name in LEARNED for id, text in await _passages(house, name)},
        "due": {item.id: item.draft.text for item in items if item.served},
        "history": sorted(id for id, _ in await _passages(house, Collection.INTERACTIONS)),
        "values": {one.id: one.value.total for one in records if one.value},
        "pairs": sorted(pair.id for pair in await house.ledger.preferences(limit=ALL)),
        "events": _events(folder / LEDGER_FILE),
        "own_lines": Counter(line["event"] for line in _lines((folder / TELEMETRY_FOLDER).glob("*.jsonl"))),
        "dead": sorted((line["offset"], line["reason"]) for line in _lines([folder / DEAD_LETTER_FILE])),
        "dataset": look_at_dataset(folder / DATASET),
        "left": await _left(house),
    }
    return dict(json.loads(json.dumps(found)))


def _timeless(item: Learned) -> Any:
    payload = {name: value for name, value in item.draft.payload.items() if not name.endswith("_at")}
    told = [item.stage, item.strategy, item.origin, item.learned_from, item.replaced_by, item.signature]
    return [*told, item.draft.key, item.draft.text, payload]


async def _passages(house: House, collection: Collection) -> list[tuple[str, str]]:
    passages, _ = await house.knowledge.browse(collection, limit=ALL)
    return [(passage.id, passage.text) for passage in passages]


def _events(ledger: Path) -> Mapping[str, int]:
    with closing(sqlite3.connect(ledger)) as database:
        told = database.execute("SELECT source || ' ' || kind, COUNT(*) FROM event_records GROUP BY 1")
        return dict(told.fetchall())


def _lines(files: Iterable[Path]) -> Iterator[Any]:
    for file in files:
        yield from (json.loads(line) for line in file.read_text().splitlines())


def look_at_dataset(folder: Path) -> Mapping[str, str]:
    """The hash of every file of rows; each must be the one that the card tells."""
    told = json.loads((folder / "dataset.card.json").read_text())["files"]
    found = {name: sha256((folder / name).read_bytes()).hexdigest() for name in told}
    assert found == {name: file["sha256"] for name, file in told.items()}
    return found


async def _left(house: House) -> Sequence[int]:
    waiting = (
        await house.ledger.unscored(limit=ALL),
        await house.ledger.unlearned(limit=ALL),
        await house.catalog.unpublished(limit=ALL),
    )
    return [len(one) for one in waiting]
