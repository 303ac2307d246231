"""The built-in engine: killed, starved, given damaged weights, orphaned. On real processes."""

import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import anyio
import anyio.to_thread
import httpx2
import pytest

from hybrid_coordinator.backends.clock import SystemClock
from hybrid_coordinator.backends.http import open_client
from hybrid_coordinator.backends.models.engine import EnginePolicy, LlamaCppEngine
from hybrid_coordinator.backends.models.llamacpp import LlamaCppModel
from hybrid_coordinator.backends.models.llamacpp_process import Access, Weights
from hybrid_coordinator.backends.models.retrying import RetryingModel, RetryPolicy
from hybrid_coordinator.backends.models.streaming import Patience
from hybrid_coordinator.domain.query import Completion, Prompt, Role, Turn, fold
from hybrid_coordinator.domain.route import Location, ModelCard
from hybrid_coordinator.errors import ModelRefused, ModelUnavailable
from hybrid_coordinator.ports import Clock, Model
from hybrid_coordinator.testing import ManualClock
from servers import smollm2

CARD = ModelCard("small", Location.LOCAL, context_tokens=512)
HELLO = Prompt((Turn(Role.USER, ("Say hello.",)),), max_tokens=4)
STORY = Prompt((Turn(Role.USER, ("Tell me a very long story.",)),), max_tokens=450)


async def ask(model: Model, prompt: Prompt = HELLO) -> Completion:
    async with aclosing(model.stream(prompt)) as pieces:
        return fold([piece async for piece in pieces])


@pytest.fixture
def weights() -> Weights:
    return Weights(smollm2(), CARD.name, CARD.context_tokens)


@asynccontextmanager
async def built_in(weights: Weights, clock: Clock | None = None) -> AsyncIterator[tuple[LlamaCppModel, LlamaCppEngine]]:
    engine = LlamaCppEngine(weights, clock or SystemClock(), EnginePolicy())
    async with aclosing(LlamaCppModel(CARD, engine, Patience())) as model:
        yield model, engine


async def test_a_prompt_longer_than_the_context_is_refused_with_both_figures(weights: Weights) -> None:
    too_long = Prompt((Turn(Role.USER, ("hello world " * 1000,)),))

    async with built_in(weights) as (model, _):
        with pytest.raises(ModelRefused, match=r"\d{4} tokens\) exceeds the available context size \(512 tokens\)"):
            await ask(model, too_long)
        answer = await ask(model)

    assert answer.text


async def test_each_of_two_prompts_at_once_may_use_the_whole_context(weights: Weights) -> None:
    nearly_full = Prompt((Turn(Role.USER, ("hello " * 440,)),), max_tokens=2)
    answers: list[Completion] = []

    async def note() -> None:
        answers.append(await ask(model, nearly_full))

    async with built_in(weights) as (model, _), anyio.create_task_group() as tasks:
        tasks.start_soon(note)
        tasks.start_soon(note)

    assert [answer.finished.usage.input_tokens > 440 for answer in answers] == [True, True]


async def test_an_engine_killed_in_the_middle_of_an_answer_fails_now_and_answers_next(weights: Weights) -> None:
    async with built_in(weights) as (model, engine):
        with pytest.raises(ModelUnavailable):
            async with aclosing(model.stream(STORY)) as pieces:
                await anext(pieces)
                assert engine.process_id
                os.kill(engine.process_id, signal.SIGKILL)
                async for _ in pieces:
                    pass
        answer = await ask(model)

    assert answer.text


async def test_an_engine_killed_between_answers_is_started_again_and_the_asker_need_not_know(weights: Weights) -> None:
    async with built_in(weights) as (model, engine):
        await ask(model)
        killed = engine.process_id
        assert killed
        os.kill(killed, signal.SIGKILL)
        await gone(killed)
        answer = await ask(RetryingModel(model, RetryPolicy(retries=1)))

        assert answer.text
        assert engine.process_id != killed


async def test_those_who_ask_first_at_the_same_time_share_one_engine(weights: Weights) -> None:
    found: list[Access] = []

    async def note() -> None:
        found.append(await engine.start())

    async with built_in(weights) as (_, engine), anyio.create_task_group() as tasks:
        for _ in range(5):
            tasks.start_soon(note)

    assert len(found) == 5
    assert len(set(found)) == 1


async def test_a_start_that_is_given_up_leaves_no_process_and_no_grudge(weights: Weights) -> None:
    async with built_in(weights) as (model, engine):
        with anyio.move_on_after(0.1) as scope:
            await engine.start()
        assert scope.cancelled_caught
        assert engine.process_id is None
        answer = await ask(model)

    assert answer.text


async def test_a_caller_who_hangs_up_frees_the_engine(weights: Weights) -> None:
    async with built_in(weights) as (model, engine), open_client(trust_env=False) as client:
        async with aclosing(model.stream(STORY)) as pieces:
            await anext(pieces)
            assert await busy_slots(client, await engine.start()) == 1

        async def free() -> bool:
            return await busy_slots(client, await engine.start()) == 0

        await until(free)


async def busy_slots(client: httpx2.AsyncClient, access: Access) -> int:
    response = await client.get(f"{access.address}/slots", headers={"Authorization": f"Bearer {access.key}"})
    return sum(slot["is_processing"] for slot in response.json())


async def test_an_engine_takes_no_prompt_without_its_key(weights: Weights) -> None:
    async with built_in(weights) as (_, engine), open_client(trust_env=False) as client:
        access = await engine.start()
        response = await client.post(f"{access.address}/v1/chat/completions", json={"messages": []})

    assert response.status_code == 401
    assert access.key not in repr(access)


async def test_a_stopped_engine_is_gone(weights: Weights) -> None:
    async with built_in(weights) as (model, engine):
        await engine.start()
        child = engine.process_id
        assert child
        await model.aclose()

    assert not runs(child)


PARENT = """
import sys, anyio
from pathlib import Path
from hybrid_coordinator.backends.clock import SystemClock
from hybrid_coordinator.backends.models.engine import EnginePolicy, LlamaCppEngine
from hybrid_coordinator.backends.models.llamacpp_process import Weights

async def main():
    engine = LlamaCppEngine(Weights(Path(sys.argv[1]), "small", 512), SystemClock(), EnginePolicy())
    await engine.start()
    print(engine.process_id, flush=True)
    await anyio.sleep(60)

anyio.run(main)
"""


async def test_an_engine_dies_with_a_parent_that_is_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT, str(smollm2())], stdout=subprocess.PIPE) as parent:
        assert parent.stdout
        child = int(await anyio.to_thread.run_sync(parent.stdout.readline))
        assert runs(child)
        parent.kill()

    await gone(child, within_s=2.0)


async def gone(process_id: int, within_s: float = 5.0) -> None:
    async def is_gone() -> bool:
        return not runs(process_id)

    await until(is_gone, within_s)


async def until(condition: Callable[[], Awaitable[bool]], within_s: float = 5.0) -> None:
    """Ask another process again and again, for it sends no event."""
    with anyio.fail_after(within_s):
        while not await condition():  # noqa: ASYNC110
            await anyio.sleep(0.01)


def runs(process_id: int) -> bool:
    """A dead process that nobody has asked after is a zombie, and does not run."""
    try:
        state = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in "ZX"


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (None, r"there is no model file .*absent\.gguf'.*hybrid-coordinator models pull"),
        (b"", r"no GGUF file \(it begins with b''\).*models pull"),
        (b"<html>not here</html>", r"no GGUF file \(it begins with b'<htm'\).*models pull"),
    ],
)
async def test_a_file_that_is_no_gguf_is_named_with_the_next_step(
    content: bytes | None, complaint: str, tmp_path: Path
) -> None:
    path = tmp_path / "absent.gguf"
    if content is not None:
        path.write_bytes(content)

    async with built_in(Weights(path, "small", 512)) as (model, _):
        with pytest.raises(ModelRefused, match=complaint):
            await model.check()
        with pytest.raises(ModelRefused, match=complaint):
            await ask(model)


async def test_damaged_weights_are_named_with_what_the_engine_said_and_tried_ever_more_rarely(tmp_path: Path) -> None:
    path = tmp_path / "damaged.gguf"
    path.write_bytes(smollm2().read_bytes()[:100_000])
    clock = ManualClock()

    async with built_in(Weights(path, "small", 512), clock) as (model, _):
        for _ in range(2):  # the first failure costs no wait
            await model.check()
            with pytest.raises(ModelUnavailable, match=r"damaged\.gguf'; it said: .*failed.*models pull"):
                await ask(model)
        with pytest.raises(ModelUnavailable, match="failed 2 times in a row") as waiting:
            await ask(model)
        with pytest.raises(ModelUnavailable, match="failed 2 times in a row"):
            await model.check()
        assert waiting.value.retry_after_s == 1.0

        clock.advance(1.0)
        with pytest.raises(ModelUnavailable, match="it said"):
            await ask(model)
        with pytest.raises(ModelUnavailable, match="failed 3 times in a row") as waiting:
            await ask(model)
        assert waiting.value.retry_after_s == 2.0


async def test_an_engine_that_does_not_load_in_time_is_ended(weights: Weights) -> None:
    engine = LlamaCppEngine(weights, SystemClock(), EnginePolicy(load_s=0.05))

    with pytest.raises(ModelUnavailable, match=r"did not load within 0\.05 s"):
        await engine.start()

    assert engine.process_id is None
