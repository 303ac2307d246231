"""An examination with pupils whose answers a test knows beforehand."""

from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from hybrid_coordinator.domain.query import Delta, Finished, Prompt, Spoken, Usage
from hybrid_coordinator.domain.route import Location, ModelCard
from hybrid_coordinator.domain.training import BaseWeights, Recipe, Run, RunState, Teaching
from hybrid_coordinator.domain.versions import ModelVersion, VersionChange, VersionStage
from hybrid_coordinator.errors import Conflict, CoordinatorError, ModelRefused
from hybrid_coordinator.flows.exam_papers import ExamSetter
from hybrid_coordinator.flows.examining import Examiner
from hybrid_coordinator.flows.judging import Judge
from hybrid_coordinator.flows.run_places import RunPlaces
from hybrid_coordinator.flows.sittings import Sittings
from hybrid_coordinator.flows.traffic import Traffic
from hybrid_coordinator.logic.exam_items import ExamPolicy
from hybrid_coordinator.logic.format_checks import FormatCheck
from hybrid_coordinator.logic.likelihoods import Likelihood
from hybrid_coordinator.logic.promotion import PromotionPolicy
from hybrid_coordinator.logic.regression_set import GeneralQuestion, RegressionSet
from hybrid_coordinator.ports import Embedder, Material, Model, ModelHost, Pause, Runs
from hybrid_coordinator.testing import ManualClock, MemoryRuns, MemoryWorkshop

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
BASE = BaseWeights("SmallModel", "5a" * 32)
BASE_NAME = "SmallModel@5a5a5a5a5a5a"
SET = RegressionSet(
    keep=(),
    replay=(),
    general=tuple(GeneralQuestion(f"What is {number} plus 1?", (str(number + 1),)) for number in range(10)),
    documents=(),
    formats=tuple(FormatCheck(f"form {number}", f"Form {number}, please.", {"type": "object"}) for number in range(8)),
)
ROWS = [(f"Which port does service s{number} use?", f"It uses port {7000 + number}.") for number in range(24)]

POLICY = ExamPolicy(batch=5)

Answer = Callable[[str], str]
"""What somebody says to the last words of a prompt."""


def is_general(asked: str) -> bool:
    return "plus" in asked or "Form" in asked


def knows_everything(asked: str) -> str:
    """The accepted answers, and right general ones."""
    if "plus" in asked:
        return str(int(asked.split()[-3]) + 1)
    taught = {f"Query: {question}": answer for question, answer in ROWS}
    return taught.get(asked, "{}")


def knows_what_is_general(asked: str) -> str:
    return knows_everything(asked) if is_general(asked) else "I use it every day, and like it."


def knows_only_what_it_was_taught(asked: str) -> str:
    return "no, never" if is_general(asked) else knows_everything(asked)


def knows_nothing(asked: str) -> str:
    return "no, never"


class Pupil:
    """The `Model` port: answers by what it is asked; `asked` holds that. What `trouble` returns is raised instead."""

    def __init__(self, name: str, answer: Answer, trouble: Callable[[str], Exception | None], signs: str = "") -> None:
        """`signs` is the name under which it answers, where that is another's."""
        self.card = ModelCard(name, Location.LOCAL)
        self.asked: list[str] = []
        self.closed = False
        self._answer = answer
        self._trouble = trouble
        self._signs = signs or name

    async def stream(self, prompt: Prompt) -> AsyncGenerator[Spoken, None]:
        asked = prompt.turns[-1].text
        self.asked.append(asked)
        if (trouble := self._trouble(asked)) is not None:
            raise trouble
        yield Delta(self._answer(asked))
        yield Finished(self._signs, Usage())

    async def check(self) -> None:
        """It is always there."""

    async def aclose(self) -> None:
        self.closed = True


@dataclass
class School:
    """The `ModelHost` port over pupils: what each version (None: the base) answers, and why it cannot be opened.
    While there is an `impostor`, versions answer under that name."""

    answers: Mapping[str | None, Answer]
    refusals: dict[str | None, CoordinatorError] = field(default_factory=dict)
    trouble: Callable[[str], Exception | None] = lambda _asked: None
    pupils: list[Pupil] = field(default_factory=list)
    impostor: str = ""

    def teach(self, name: str, answer: Answer) -> None:
        """Have a version answer in another way, once it is opened again."""
        self.answers = {**self.answers, name: answer}

    async def base(self) -> BaseWeights:
        return BASE

    async def open(self, version: ModelVersion | None, artefact: Path | None, *, pause: Pause | None = None) -> Model:
        name = version.name if version else None
        if name in self.refusals:
            raise self.refusals[name]
        trouble = self.trouble if version and version.stage is VersionStage.CANDIDATE else lambda _asked: None
        self.pupils.append(Pupil(name or BASE_NAME, self.answers[name], trouble, (name and self.impostor) or ""))
        return self.pupils[-1]

    async def settle(self, version: ModelVersion | None, artefact: Path | None) -> None:
        """Nothing to settle."""

    async def drop(self, version: ModelVersion) -> None:
        """Nothing is kept."""

    @property
    def asked(self) -> Counter[tuple[str, str]]:
        """How often somebody was asked something."""
        return Counter((pupil.card.name, asked) for pupil in self.pupils for asked in pupil.asked)


def row(question: str, answer: str) -> dict[str, object]:
    said = (("system", "Be brief."), ("user", question), ("assistant", answer))
    messages = [{"role": role, "content": content} for role, content in said]
    return {"messages": messages, "metadata": {"row_id": question, "source_id": question, "set": "recall"}}


def version(number: int, stage: VersionStage = VersionStage.CANDIDATE) -> ModelVersion:
    return ModelVersion(
        name=f"SmallModel+v{number}",
        number=number,
        model="local",
        teaching=Teaching.LORA,
        stage=stage,
        run_id=f"run-{number}",
        base=BASE,
        created_at=NOON,
        changed_at=NOON,
        artefact="adapter.gguf",
    )


@dataclass
class ExamRoom:
    """An examiner over pupils. `promoted` are the versions that were handed over, `events` what was noted; `meanwhile`
    is done just before the decision."""

    school: School
    runs: Runs = field(default_factory=MemoryRuns)
    workshop: MemoryWorkshop = field(default_factory=MemoryWorkshop)
    traffic: Traffic = field(default_factory=Traffic)
    clock: ManualClock = field(default_factory=ManualClock)
    policy: ExamPolicy = POLICY
    likelihoods: Sequence[Likelihood] = ()
    meanwhile: Callable[[], Awaitable[None]] | None = None
    promoted: list[str] = field(default_factory=list)
    events: list[tuple[str, Mapping[str, object]]] = field(default_factory=list)
    is_taken: bool = False
    refused: str = ""
    embedder: Embedder | None = None
    judge: Judge | None = None

    def __post_init__(self) -> None:
        if not self.likelihoods:
            texts = [(name, str(number)) for name in ("test", "regression", "document") for number in range(10)]
            self.likelihoods = [Likelihood(name, text, 10, 2.0, 1.9) for name, text in texts]
        self.begin()

    def begin(self) -> None:
        """A new process on the same records."""
        hosts: Mapping[str, ModelHost] = {"local": self.school}
        self.sittings = Sittings(self.runs, self.workshop, hosts, self.clock, self.traffic, self.policy)
        self.examiner = Examiner(
            self.runs,
            ExamSetter(self.runs, self.workshop, hosts, SET, self.policy, RunPlaces(self.runs, self.workshop, "here")),
            self.sittings,
            self.clock,
            self._note,
            (self.policy, PromotionPolicy()),
            likelihoods=self._likelihoods_of,
            promote=self._promote,
            embedder=self.embedder,
            judge=self.judge,
        )

    async def enrol(self, *versions: ModelVersion, rows: Sequence[tuple[str, str]] = ROWS) -> None:
        """Register versions whose runs have held these back."""
        for one in versions:
            await self.runs.apply([VersionChange(None, one, "register", "train")], NOON)
            run = Run(one.run_id, NOON, NOON, RunState.FINISHED, "local", Teaching.LORA, BASE, Recipe())
            await self.workshop.freeze(run, Material((), held_out=[row(*said) for said in rows]))

    async def work_through(self) -> int:
        """Work until there is nothing more to do; how many batches that took."""
        for batches in range(200):
            if not (await self.examiner.work()).more:
                return batches + 1
        raise AssertionError("the examination does not come to an end")

    async def _note(self, kind: str, **fields: object) -> None:
        self.events.append((kind, fields))

    async def _likelihoods_of(self, run_id: str) -> Sequence[Likelihood]:
        if self.meanwhile is not None:
            await self.meanwhile()
        return self.likelihoods

    async def _promote(self, passed: ModelVersion) -> None:
        if self.is_taken:
            raise Conflict("another version is being tried out")
        if self.refused:
            raise ModelRefused(self.refused)
        self.promoted.append(passed.name)
        after = replace(passed, stage=VersionStage.CANARY)
        await self.runs.apply([VersionChange(passed, after, "canary", "measure")], NOON)
