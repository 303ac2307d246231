"""The loop from questions to a promoted version, driven as its users would, and what harmful data comes to."""

import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import httpx2

from bench.training_facts import Fact, is_right
from bench.training_house import TrainingHouse, training_house
from bench.training_vendor import serving_vendor
from hybrid_coordinator.errors import Unavailable

LONGEST_S = 1_500.0
ASKERS = 2
OPEN = ("candidate", "canary")
DECIDED = ("canary", "serving", "held", "rejected")
QUICK_RECIPE = "epochs = 4\n"
VALUE_RECIPE = "epochs = 5\n"
IN_A_SUITE = {"HYBRID_LOCAL_THREADS": "1", "HYBRID_FINETUNE_THREADS": "1", "HYBRID_EXAM_GENERAL": "8"}
"""The quick loop shares its machine with other tests."""

UNBOUND = {
    "HYBRID_EXAM_GENERAL": "12",
    "HYBRID_PROMOTION_LEAST_ITEMS": "3",
    "HYBRID_PROMOTION_MOST_FORMAT_LOSS": "0.9",
    "HYBRID_PROMOTION_MOST_GENERAL_LOSS": "0.9",
}
"""Of so few general questions and forms one more or less is beyond any bound; the others are the product's own."""

UNREJECTED = {"HYBRID_PROMOTION_LEAST_CHECKS": "1000000"}
"""Nothing is rejected for what it lost: where data are compared, both versions are asked."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """A question with what the vendor answers, and whether the one who asked says it was good."""

    question: str
    answer: str
    good: bool = True


@dataclass(slots=True)
class Load:
    """What askers on trial saw: requests, those that failed, and who answered."""

    asked: int = 0
    failed: int = 0
    answered_by: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Score:
    """How many of the unseen phrasings were answered right."""

    right: int
    asked: int
    model: str

    @property
    def accuracy(self) -> float:
        return self.right / self.asked


@dataclass(frozen=True, slots=True)
class Looped:
    """What the loop came to: before and after, the version with its measurements, the load, and seconds by stage."""

    before: Score
    after: Score
    version: Mapping[str, Any]
    load: Load
    seconds: Mapping[str, float]


async def close_the_loop(folder: Path, facts: Sequence[Fact], *, quick: bool) -> Looped:
    """From nothing to a version that serves. Raises Unavailable when none gets so far within the time."""
    lessons = [Lesson(question, fact.answer) for fact in facts for question in fact.taught]
    random.Random(len(lessons)).shuffle(lessons)  # nobody asks in the order of facts, and the newest rows are the test
    with serving_vendor({lesson.question: lesson.answer for lesson in lessons}) as vendor:
        settings = _automatic(folder, len(lessons), QUICK_RECIPE if quick else "") | (IN_A_SUITE if quick else {})
        async with training_house(folder, vendor, **settings) as house:
            watch = Watch()
            before = await ask_unseen(house, facts, arm="before")
            watch.lap("asking the base")
            await teach_all(house, lessons)
            watch.lap("teaching")
            await _reach(house, DECIDED, watch)
            load = Load()
            async with under_load(house, facts, load):
                version = await _reach(house, ("serving", "held", "rejected", "rolled back"), watch)
                if version["stage"] == "serving":
                    await _switch_about(house, version["name"])
                    watch.lap("switching")
            after = await ask_unseen(house, facts, arm="after")
            watch.lap("asking the tuned")
            return Looped(before, after, version, load, watch.seconds)


async def ask_with_context(folder: Path, facts: Sequence[Fact]) -> tuple[Score, Score]:
    """The unseen phrasings put to the base, and to the version that serves, with what this loop has learned."""
    async with training_house(folder, "http://127.0.0.1:9/v1", HYBRID_LEARNING_ENABLED="false") as house:
        tuned = await ask_unseen(house, facts, arm="tuned, with context", context=True)
        await house.call("roll_back_version", why="the benchmark compares with the base")
        return await ask_unseen(house, facts, arm="base, with context", context=True), tuned


async def decide_on(folder: Path, lessons: Sequence[Lesson], recipe: str) -> Mapping[str, Any]:
    """The version that comes of these lessons, as the measurement decided on it."""
    async with _taught(folder, lessons, recipe) as house:
        return await _reach(house, DECIDED, Watch())


async def train_and_ask(folder: Path, lessons: Sequence[Lesson], facts: Sequence[Fact]) -> Score:
    """How the unseen phrasings are answered after training on these lessons, whatever the measurement decided."""
    async with _taught(folder, lessons, VALUE_RECIPE, **UNBOUND, **UNREJECTED) as house:
        version = await _reach(house, DECIDED, Watch())
        await house.call("deploy_version", name=version["name"], everybody=True, why="the benchmark compares data")
        return await ask_unseen(house, facts, arm="trained")


@asynccontextmanager
async def _taught(
    folder: Path, lessons: Sequence[Lesson], recipe: str, **settings: str
) -> AsyncIterator[TrainingHouse]:
    rows = sum(lesson.good for lesson in lessons)
    with serving_vendor({lesson.question: lesson.answer for lesson in lessons}) as vendor:
        async with training_house(folder, vendor, **_automatic(folder, rows, recipe) | settings) as house:
            await teach_all(house, lessons)
            yield house


def _automatic(folder: Path, rows: int, recipe: str) -> dict[str, str]:
    """Everything by itself, as soon as the rows are there, rather than on a Sunday night."""
    file = folder.parent / f"{folder.name}.toml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(recipe)
    return {
        "AUTO_FINETUNE_ENABLED": "true",
        "AUTO_FINETUNE_MIN_EXAMPLES": str(int(rows * 0.9)),
        "AUTO_FINETUNE_SCHEDULE": "* * * * *",
        "HYBRID_FINETUNE_QUIET_S": "3",
        "HYBRID_FINETUNE_MOST_LOAD": "100",
        "HYBRID_LEARNING_TICK_S": "2",
        "HYBRID_LEARNING_PATIENCE_S": "0.5",
        "HYBRID_DATASET_EVERY_S": "5",
        "HYBRID_CANARY_SHARE": "0.5",
        "HYBRID_CANARY_WATCH_DAYS": "0",
        **(UNBOUND if recipe == QUICK_RECIPE else {}),
        "HYBRID_FINETUNE_RECIPE": str(file),
    }


class Watch:
    """Seconds by stage."""

    def __init__(self) -> None:
        self._last = time.perf_counter()
        self.seconds: dict[str, float] = {}

    def lap(self, stage: str) -> None:
        """The time since the last lap belongs to this stage."""
        now = time.perf_counter()
        self.seconds[stage] = round(self.seconds.get(stage, 0.0) + now - self._last, 1)
        self._last = now


async def teach_all(house: TrainingHouse, lessons: Sequence[Lesson]) -> None:
    """Each question in a session of its own."""
    await side_by_side(
        partial(house.teach, lesson.question, f"lesson-{number}", good=lesson.good)
        for number, lesson in enumerate(lessons)
    )


async def ask_unseen(house: TrainingHouse, facts: Sequence[Fact], *, arm: str, context: bool = False) -> Score:
    """The phrasings that were never asked, each in a session of its own in every arm: what was answered to another is
    no part of the conversation. Without context they are not recorded."""
    verdicts: list[bool] = []
    models: set[str] = set()

    async def ask(fact: Fact, question: str) -> None:
        session = f"{arm}: {question}"
        asked = house.ask_with_context(question, session) if context else house.ask(question, session, record=False)
        heard = await asked
        verdicts.append(is_right(fact, heard.text))
        models.add(heard.model)

    await side_by_side(partial(ask, fact, question) for fact in facts for question in fact.unseen)
    return Score(sum(verdicts), len(verdicts), ", ".join(sorted(models)))


async def side_by_side(jobs: Iterator[Callable[[], Awaitable[None]]]) -> None:
    """Every job once, in their order, by as many askers at a time as there are."""

    async def work() -> None:
        for do in jobs:
            await do()

    async with anyio.create_task_group() as group:
        for _ in range(ASKERS):
            group.start_soon(work)


async def _reach(house: TrainingHouse, stages: Sequence[str], watch: Watch) -> Mapping[str, Any]:
    """The newest version once it is at one of these stages; what is done meanwhile is a lap each."""
    doing = ""
    with anyio.move_on_after(LONGEST_S):
        while True:
            versions = await house.versions()
            if versions and versions[0]["stage"] in stages:
                watch.lap(doing or "deciding")
                return versions[0]
            now = await _doing(house, versions)
            if now != doing:
                watch.lap(doing or "waiting for the run")
                doing = now
            await anyio.sleep(1.0)
    raise Unavailable(
        f"no version got to {', '.join(stages)} within {LONGEST_S:.0f} s; last seen: {doing or 'nothing'}"
    )


async def _doing(house: TrainingHouse, versions: Sequence[Mapping[str, Any]]) -> str:
    if versions and versions[0]["stage"] in OPEN:
        return "measuring" if versions[0]["stage"] == "candidate" else "on trial"
    runs = await house.runs()
    if runs and runs[0]["state"] == "failed":
        raise Unavailable(f"the run failed: {runs[0]['error']}")
    return str(runs[0]["stage"] or "starting") if runs else ""


@asynccontextmanager
async def under_load(house: TrainingHouse, facts: Sequence[Fact], load: Load) -> AsyncIterator[None]:
    """Askers in sessions of their own put taught questions to the model and say how it went, as long as this lasts."""
    async with anyio.create_task_group() as group:
        for asker in range(ASKERS):
            group.start_soon(_ask_on, house, facts, asker, load)
        yield
        group.cancel_scope.cancel()


async def _ask_on(house: TrainingHouse, facts: Sequence[Fact], asker: int, load: Load) -> None:
    turn = asker
    while True:
        fact = facts[turn % len(facts)]
        question = fact.taught[turn // len(facts) % len(fact.taught)]
        load.asked += 1
        try:
            heard = await house.ask(question, f"trial-{turn}")
            right = is_right(fact, heard.text)
            await house.settle(heard.interaction_id, good=right)
            load.answered_by[heard.model] = load.answered_by.get(heard.model, 0) + 1
        except httpx2.HTTPError:
            load.failed += 1
        turn += ASKERS


async def _switch_about(house: TrainingHouse, name: str) -> None:
    """Back to the base and forth again, three times, by hand."""
    for _ in range(3):
        await house.call("roll_back_version", why="the benchmark switches about")
        await house.call("deploy_version", name=name, everybody=True, why="the benchmark switches about")
