"""A model that says what it was told to."""

from collections.abc import AsyncGenerator, Sequence

import anyio

from hybrid_coordinator.domain.query import Delta, Finished, Prompt, Spoken, StopReason, Thought, ToolCall, Usage
from hybrid_coordinator.domain.route import Location, ModelCard
from hybrid_coordinator.errors import ModelUnavailable

Script = Sequence[str | Thought | ToolCall | Finished | Exception | anyio.Event]
"""What a model does for one prompt: say a piece, end in its own way, raise an error, or wait until an event is set."""


class ScriptedModel:
    """Follows one script a prompt and repeats the last for ever; `prompts` holds what it was sent.

    A script without a `Finished` ends well, with `usage` and `confidence`.
    """

    def __init__(
        self,
        *scripts: Script,
        card: ModelCard | None = None,
        usage: Usage | None = None,
        confidence: float | None = None,
    ) -> None:
        self._scripts = list(scripts) or [("An answer.",)]
        self._card = card or ModelCard("scripted", Location.LOCAL)
        self._usage = usage or Usage(input_tokens=10, output_tokens=5)
        self._confidence = confidence
        self.prompts: list[Prompt] = []
        self.closed = False

    @property
    def card(self) -> ModelCard:
        return self._card

    async def stream(self, prompt: Prompt) -> AsyncGenerator[Spoken, None]:
        self.prompts.append(prompt)
        script = self._scripts.pop(0) if len(self._scripts) > 1 else self._scripts[0]
        for step in script:
            match step:
                case Exception():
                    raise step
                case anyio.Event():
                    await step.wait()
                case Finished():
                    yield step
                    return
                case _:
                    yield Delta(step) if isinstance(step, str) else step
        stop = StopReason.TOOLS if any(isinstance(step, ToolCall) for step in script) else StopReason.END
        yield Finished(self._card.name, self._usage, stop, self._confidence)

    async def check(self) -> None:
        """Fails when the next script starts with an error."""
        if self.closed:
            raise ModelUnavailable(f"model {self._card.name!r} is closed; build another")
        if self._scripts[0] and isinstance(first := self._scripts[0][0], Exception):
            raise first

    async def aclose(self) -> None:
        self.closed = True
