"""Versions replaced under load, on real processes: nobody's answer fails or is cut, and nothing is left behind."""

import os
import signal
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import anyio
import pytest

from adapters import version_of, write_adapter
from hybrid_coordinator.backends.clock import SystemClock
from hybrid_coordinator.backends.models.engine import EnginePolicy
from hybrid_coordinator.backends.models.hosts.builtin import BuiltinHost
from hybrid_coordinator.backends.models.llamacpp_process import Weights
from hybrid_coordinator.backends.models.streaming import Patience
from hybrid_coordinator.domain.query import Completion, Prompt, Role, StopReason, Turn, fold
from hybrid_coordinator.domain.route import Location, ModelCard
from hybrid_coordinator.domain.training import BaseWeights
from hybrid_coordinator.errors import ModelRefused
from hybrid_coordinator.flows.versioned_model import VersionedModel
from hybrid_coordinator.ports import Model
from servers import smollm2

CARD = ModelCard("local", Location.LOCAL, context_tokens=512)
WORDS = 6
SWITCHES = 5


def prompt(session: str) -> Prompt:
    return Prompt((Turn(Role.USER, (f"Count for {session}.",)),), max_tokens=WORDS, session=session)


@dataclass(slots=True)
class Asker:
    """Asks again as soon as it is answered."""

    session: str
    answers: list[Completion] = field(default_factory=list)

    async def ask(self, model: Model) -> None:
        while True:
            async with aclosing(model.stream(prompt(self.session))) as pieces:
                self.answers.append(fold([piece async for piece in pieces]))


@pytest.fixture
def host() -> BuiltinHost:
    weights = Weights(smollm2(), "unnamed", CARD.context_tokens, slots=4, threads=1)
    return BuiltinHost(CARD, weights, SystemClock(), EnginePolicy(), Patience())


@pytest.fixture
async def base(host: BuiltinHost) -> BaseWeights:
    return await host.base()


@asynccontextmanager
async def serving(model: VersionedModel) -> AsyncIterator[None]:
    async with aclosing(model), anyio.create_task_group() as tasks:
        tasks.start_soon(model.keep_up)
        yield
        tasks.cancel_scope.cancel()


def engines() -> set[int]:
    """The processes of llama.cpp that this one has started and that run."""
    listed = Path("/proc/self/task").glob("*/children")
    children = {int(pid) for file in listed for pid in file.read_text().split()}
    return {pid for pid in children if b"llamacpp_child" in _command(pid)}


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


async def test_no_answer_fails_or_is_cut_while_versions_are_switched_under_load(
    host: BuiltinHost, base: BaseWeights, tmp_path: Path
) -> None:
    files = [write_adapter(tmp_path / f"{number}.gguf", base.sha256, seed=number) for number in range(SWITCHES)]
    versions = [version_of(file, base, number) for number, file in enumerate(files, 1)]
    askers = [Asker(f"session {number}") for number in range(4)]
    model = VersionedModel(CARD, await host.open(None, None), base.name)

    async with serving(model):
        before = engines()
        async with anyio.create_task_group() as load:
            for asker in askers:
                load.start_soon(asker.ask, model)
            for version, file in zip(versions, files, strict=True):
                await model.switch(await host.open(version, file), version.name)
                await answered(askers, version.name)
            load.cancel_scope.cancel()
        await left(1)
        after = engines()

    answers = [answer for asker in askers for answer in asker.answers]
    assert {answer.finished.model for answer in answers} == {base.name, *(version.name for version in versions)}
    assert all(answer.text for answer in answers)
    assert all(whole(answer) for answer in answers)
    assert len(before) == len(after) == 1
    assert not before & after
    await left(0)


def whole(answer: Completion) -> bool:
    """Ended by the model itself, or at the limit that was asked for."""
    return answer.finished.stop is StopReason.END or answer.finished.usage.output_tokens == WORDS


async def answered(askers: list[Asker], name: str) -> None:
    """Wait until somebody has been answered by this version."""
    with anyio.fail_after(60.0):
        while not any(answer.finished.model == name for asker in askers for answer in asker.answers):  # noqa: ASYNC110
            await anyio.sleep(0.01)


async def left(count: int) -> None:
    """Wait until so many processes are left: they send no event."""
    with anyio.fail_after(10.0):
        while len(engines()) != count:  # noqa: ASYNC110
            await anyio.sleep(0.01)


async def test_a_version_that_cannot_be_loaded_leaves_no_process_and_the_one_that_serves_unharmed(
    host: BuiltinHost, base: BaseWeights, tmp_path: Path
) -> None:
    misshapen = write_adapter(tmp_path / "adapter.gguf", base.sha256, rows=64)
    asker = Asker("session")
    model = VersionedModel(CARD, await host.open(None, None), base.name)

    async with serving(model), anyio.create_task_group() as load:
        load.start_soon(asker.ask, model)
        with pytest.raises(ModelRefused):
            await host.open(version_of(misshapen, base, 1), misshapen)
        asker.answers.clear()
        await answered([asker], base.name)
        load.cancel_scope.cancel()

        assert len(engines()) == 1


async def test_an_opening_that_is_given_up_leaves_no_process(
    host: BuiltinHost, base: BaseWeights, tmp_path: Path
) -> None:
    adapter = write_adapter(tmp_path / "adapter.gguf", base.sha256)

    with anyio.move_on_after(0.3) as scope:
        await host.open(version_of(adapter, base, 1), adapter)

    assert scope.cancelled_caught
    await left(0)


async def test_a_version_on_trial_that_is_killed_is_not_noticed_by_who_asks(
    host: BuiltinHost, base: BaseWeights, tmp_path: Path
) -> None:
    adapter = write_adapter(tmp_path / "adapter.gguf", base.sha256)
    model = VersionedModel(CARD, await host.open(None, None), base.name)
    tried = version_of(adapter, base, 1)

    async with serving(model):
        before = engines()
        await model.try_out(await host.open(tried, adapter), tried.name, 1.0)
        for pid in engines() - before:
            os.kill(pid, signal.SIGKILL)
        async with aclosing(model.stream(prompt("somebody"))) as pieces:
            answer = fold([piece async for piece in pieces])

    assert answer.finished.model in (tried.name, base.name)  # it is started anew, unless it dies before its first word
    assert answer.text
