"""What every model promises, on real llama.cpp."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager

import anyio
import pytest

from hybrid_coordinator.backends.clock import SystemClock
from hybrid_coordinator.backends.http import open_client
from hybrid_coordinator.backends.models.anthropic import AnthropicModel
from hybrid_coordinator.backends.models.circuit import CircuitBreaker, CircuitPolicy
from hybrid_coordinator.backends.models.engine import EnginePolicy, LlamaCppEngine
from hybrid_coordinator.backends.models.llama_server import LlamaServerModel
from hybrid_coordinator.backends.models.llamacpp import LlamaCppModel
from hybrid_coordinator.backends.models.llamacpp_process import Access, Weights
from hybrid_coordinator.backends.models.openai_chat import OpenAIChatModel
from hybrid_coordinator.backends.models.retrying import RetryingModel, RetryPolicy
from hybrid_coordinator.backends.models.streaming import Patience
from hybrid_coordinator.domain.query import Completion, Delta, Finished, Prompt, Role, StopReason, Turn, fold
from hybrid_coordinator.domain.route import Location, ModelCard
from hybrid_coordinator.errors import ModelUnavailable
from hybrid_coordinator.ports import Model
from servers import llama_server, nobody, smollm2

CARD = ModelCard("smollm2", Location.LOCAL, context_tokens=2048)
HELLO = Prompt((Turn(Role.USER, ("Say hello.",)),), system="You are brief.", max_tokens=5, temperature=0.0)
STORY = Prompt((Turn(Role.USER, ("Tell me a very long story.",)),), max_tokens=400)


async def ask(model: Model, prompt: Prompt) -> Completion:
    async with aclosing(model.stream(prompt)) as pieces:
        return fold([piece async for piece in pieces])


@pytest.fixture(scope="module")
def llama() -> Iterator[Access]:
    with llama_server() as access:
        yield access


class ModelPromises:
    """Inherited by one class a backend, which says how to open a model that is up and one that is down."""

    def open(self, llama: Access) -> AbstractAsyncContextManager[Model]:
        raise NotImplementedError

    def open_down(self) -> AbstractAsyncContextManager[Model]:
        raise NotImplementedError

    async def test_an_answer_is_deltas_with_text_and_then_finished_once(self, llama: Access) -> None:
        async with self.open(llama) as model, aclosing(model.stream(HELLO)) as stream:
            pieces = [piece async for piece in stream]

        assert len(pieces) > 1
        assert all(isinstance(piece, Delta) and piece.text for piece in pieces[:-1])
        assert isinstance(pieces[-1], Finished)

    async def test_tokens_are_counted_and_their_limit_is_kept(self, llama: Access) -> None:
        async with self.open(llama) as model:
            answer = await ask(model, HELLO)

        assert answer.finished.model == "smollm2"
        assert answer.finished.stop is StopReason.LENGTH
        assert answer.finished.usage.output_tokens == HELLO.max_tokens
        assert answer.finished.usage.input_tokens > 5

    async def test_closing_the_stream_stops_the_model_and_the_next_prompt_is_answered(self, llama: Access) -> None:
        async with self.open(llama) as model:
            async with aclosing(model.stream(STORY)) as stream:
                first = await anext(stream)
            answer = await ask(model, HELLO)

        assert isinstance(first, Delta)
        assert answer.text

    async def test_prompts_at_the_same_time_are_all_answered(self, llama: Access) -> None:
        answers: list[Completion] = []

        async def note() -> None:
            answers.append(await ask(model, HELLO))

        async with self.open(llama) as model, anyio.create_task_group() as tasks:
            for _ in range(2):
                tasks.start_soon(note)

        assert len(answers) == 2
        assert all(answer.text for answer in answers)

    async def test_half_of_a_surrogate_pair_and_control_characters_are_no_trouble(self, llama: Access) -> None:
        async with self.open(llama) as model:
            answer = await ask(model, Prompt((Turn(Role.USER, ("odd \ud800 \x00 \x1b ￿ text",)),), max_tokens=2))

        assert answer.finished.usage.output_tokens > 0

    async def test_a_model_that_is_up_passes_its_check(self, llama: Access) -> None:
        async with self.open(llama) as model:
            await model.check()

    async def test_a_model_that_is_down_says_so_when_checked_and_when_asked(self) -> None:
        async with self.open_down() as model:
            with pytest.raises(ModelUnavailable):
                await model.check()
            with pytest.raises(ModelUnavailable):
                await ask(model, HELLO)

    async def test_closing_twice_is_fine(self, llama: Access) -> None:
        async with self.open(llama) as model:
            await model.aclose()
            await model.aclose()


class TestOpenAIChatModel(ModelPromises):
    @asynccontextmanager
    async def open(self, llama: Access) -> AsyncIterator[Model]:
        async with openai_chat(llama.address, llama.key) as model:
            yield model

    @asynccontextmanager
    async def open_down(self) -> AsyncIterator[Model]:
        async with nobody() as url, openai_chat(url, "") as model:
            yield model


class TestLlamaServerModel(ModelPromises):
    @asynccontextmanager
    async def open(self, llama: Access) -> AsyncIterator[Model]:
        client = open_client(trust_env=False)
        model = LlamaServerModel(
            CARD, base_url=llama.address, model=CARD.name, client=client, api_key=llama.key, patience=Patience()
        )
        async with aclosing(model):
            yield model

    @asynccontextmanager
    async def open_down(self) -> AsyncIterator[Model]:
        async with nobody() as url, self.open(Access(url, "")) as model:
            yield model


class TestAnthropicModel(ModelPromises):
    @asynccontextmanager
    async def open(self, llama: Access) -> AsyncIterator[Model]:
        client = open_client(trust_env=False)
        model = AnthropicModel(
            CARD, base_url=llama.address, model=CARD.name, client=client, api_key=llama.key, patience=Patience()
        )
        async with aclosing(model):
            yield model

    @asynccontextmanager
    async def open_down(self) -> AsyncIterator[Model]:
        async with nobody() as url, self.open(Access(url, "key")) as model:
            yield model


class TestLlamaCppModel(ModelPromises):
    @asynccontextmanager
    async def open(self, llama: Access) -> AsyncIterator[Model]:
        weights = Weights(smollm2(), CARD.name, CARD.context_tokens)
        model = LlamaCppModel(CARD, LlamaCppEngine(weights, SystemClock(), EnginePolicy()), Patience())
        async with aclosing(model):
            yield model

    @asynccontextmanager
    async def open_down(self) -> AsyncIterator[Model]:
        weights = Weights(smollm2().with_name("absent.gguf"), CARD.name, CARD.context_tokens)
        model = LlamaCppModel(CARD, LlamaCppEngine(weights, SystemClock(), EnginePolicy()), Patience())
        async with aclosing(model):
            yield model


class TestRetryingModel(TestOpenAIChatModel):
    @asynccontextmanager
    async def open(self, llama: Access) -> AsyncIterator[Model]:
        async with openai_chat(llama.address, llama.key) as model:
            yield RetryingModel(model, RetryPolicy())

    @asynccontextmanager
    async def open_down(self) -> AsyncIterator[Model]:
        async with super().open_down() as model:
            yield RetryingModel(model, RetryPolicy(retries=1, first_wait_s=0.01))


class TestCircuitBreaker(TestOpenAIChatModel):
    @asynccontextmanager
    async def open(self, llama: Access) -> AsyncIterator[Model]:
        async with openai_chat(llama.address, llama.key) as model:
            yield CircuitBreaker(model, SystemClock(), CircuitPolicy())

    @asynccontextmanager
    async def open_down(self) -> AsyncIterator[Model]:
        async with super().open_down() as model:
            yield CircuitBreaker(model, SystemClock(), CircuitPolicy())


@asynccontextmanager
async def openai_chat(base_url: str, key: str) -> AsyncIterator[Model]:
    client = open_client(trust_env=False)
    model = OpenAIChatModel(CARD, base_url=base_url, model=CARD.name, client=client, api_key=key, patience=Patience())
    async with aclosing(model):
        yield model
