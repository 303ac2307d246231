"""A broken model is left alone for a while, and tried again."""

from contextlib import aclosing

import anyio
import pytest

from hybrid_coordinator.backends.models.circuit import CircuitBreaker, CircuitPolicy
from hybrid_coordinator.domain.query import Delta, Prompt, Role, Turn
from hybrid_coordinator.errors import ModelRefused, ModelUnavailable
from hybrid_coordinator.ports import Model
from hybrid_coordinator.testing import ManualClock, ScriptedModel

HELLO = Prompt((Turn(Role.USER, ("Say hello.",)),))
POLICY = CircuitPolicy(failures=2, cool_down_s=30.0)
BROKEN = (ModelUnavailable("broken"),)
DYING = ("Hel", ModelUnavailable("died"))
WHOLE = ("Hello",)


async def ask(model: Model) -> str:
    async with aclosing(model.stream(HELLO)) as pieces:
        return "".join([piece.text async for piece in pieces if isinstance(piece, Delta)])


async def fail(model: Model, times: int) -> None:
    for _ in range(times):
        with pytest.raises(ModelUnavailable):
            await ask(model)


@pytest.mark.parametrize("script", [BROKEN, DYING])
async def test_after_failures_in_a_row_the_model_is_left_alone_and_the_error_says_until_when(
    script: tuple[str | Exception, ...],
) -> None:
    clock = ManualClock()
    inner = ScriptedModel(script)
    breaker = CircuitBreaker(inner, clock, POLICY)
    await fail(breaker, 2)
    clock.advance(10.0)

    with pytest.raises(ModelUnavailable, match=r"failed 2 times in a row.*tried again in 20 s") as caught:
        await ask(breaker)
    with pytest.raises(ModelUnavailable, match="left alone"):
        await breaker.check()

    assert caught.value.retry_after_s == 20.0
    assert len(inner.prompts) == 2


async def test_a_whole_answer_after_the_cool_down_closes_the_circuit() -> None:
    clock = ManualClock()
    breaker = CircuitBreaker(ScriptedModel(BROKEN, BROKEN, WHOLE, BROKEN, WHOLE), clock, POLICY)
    await fail(breaker, 2)
    clock.advance(30.0)

    assert await ask(breaker) == "Hello"
    await fail(breaker, 1)
    assert await ask(breaker) == "Hello"


async def test_a_failure_after_the_cool_down_opens_the_circuit_again_for_as_long() -> None:
    clock = ManualClock()
    inner = ScriptedModel(BROKEN)
    breaker = CircuitBreaker(inner, clock, POLICY)
    await fail(breaker, 2)
    clock.advance(30.0)
    await fail(breaker, 1)

    with pytest.raises(ModelUnavailable, match="in 30 s"):
        await ask(breaker)

    assert len(inner.prompts) == 3


async def test_after_the_cool_down_one_prompt_at_a_time_tries_the_model() -> None:
    clock = ManualClock()
    go_on = anyio.Event()
    breaker = CircuitBreaker(ScriptedModel(BROKEN, BROKEN, ("Hel", go_on, "lo")), clock, POLICY)
    await fail(breaker, 2)
    clock.advance(30.0)

    async with aclosing(breaker.stream(HELLO)) as pieces:
        await anext(pieces)
        with pytest.raises(ModelUnavailable, match="another prompt is trying it now"):
            await ask(breaker)
        go_on.set()
        async for _ in pieces:
            pass

    await breaker.check()


async def test_a_caller_who_hangs_up_lets_the_next_one_try() -> None:
    clock = ManualClock()
    breaker = CircuitBreaker(ScriptedModel(BROKEN, BROKEN, WHOLE), clock, POLICY)
    await fail(breaker, 2)
    clock.advance(30.0)

    async with aclosing(breaker.stream(HELLO)) as pieces:
        await anext(pieces)

    assert await ask(breaker) == "Hello"


async def test_refusals_do_not_open_the_circuit() -> None:
    inner = ScriptedModel((ModelRefused("too long"),))
    breaker = CircuitBreaker(inner, ManualClock(), POLICY)

    await fail(breaker, 5)

    assert len(inner.prompts) == 5
