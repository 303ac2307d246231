"""The built-in model: llama.cpp in a child process, no server to set up."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from hybrid_coordinator.backends.http import open_client
from hybrid_coordinator.backends.models.engine import LlamaCppEngine
from hybrid_coordinator.backends.models.llama_server import LlamaServerModel
from hybrid_coordinator.backends.models.llamacpp_process import Access
from hybrid_coordinator.backends.models.streaming import Patience
from hybrid_coordinator.domain.query import Finished, Prompt, Spoken
from hybrid_coordinator.domain.route import ModelCard
from hybrid_coordinator.errors import ModelRefused, ModelUnavailable


class LlamaCppModel:
    """Speaks to the engine, which is started by the first prompt and again whenever it was found dead."""

    def __init__(self, card: ModelCard, engine: LlamaCppEngine, patience: Patience) -> None:
        """The engine is this model's own and is stopped with it."""
        self._card = card
        self._engine = engine
        self._patience = patience
        self._spoken: tuple[Access, LlamaServerModel] | None = None

    @property
    def card(self) -> ModelCard:
        return self._card

    async def start(self) -> None:
        """Load the weights now rather than at the first prompt. Raises ModelUnavailable."""
        await self._engine.start()

    async def stream(self, prompt: Prompt) -> AsyncGenerator[Spoken, None]:
        model = await self._reach(await self._engine.start())
        try:
            async with aclosing(model.stream(prompt)) as pieces:
                async for piece in pieces:
                    if isinstance(piece, Finished):
                        self._engine.note_success()
                    yield piece
        except ModelRefused:
            raise
        except ModelUnavailable:
            self._engine.note_trouble()
            raise

    async def check(self) -> None:
        await self._engine.check()

    async def aclose(self) -> None:
        spoken, self._spoken = self._spoken, None
        if spoken:
            await spoken[1].aclose()
        await self._engine.stop()

    async def _reach(self, access: Access) -> LlamaServerModel:
        """The way to the child that runs now; the way to one that died is given up."""
        if self._spoken and self._spoken[0] == access:
            return self._spoken[1]
        model = LlamaServerModel(
            self._card,
            base_url=access.address,
            model=self._card.name,
            api_key=access.key,
            client=open_client(trust_env=False),
            patience=self._patience,
        )
        old, self._spoken = self._spoken, (access, model)
        if old:
            await old[1].aclose()
        return model
