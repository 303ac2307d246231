"""One name of the house, and the versions that answer by it: replaced while they answer, and no answer is cut."""

import logging
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, replace

import anyio

from hybrid_coordinator.domain.query import Prompt, Spoken
from hybrid_coordinator.domain.route import ModelCard
from hybrid_coordinator.errors import ModelRefused, ModelUnavailable
from hybrid_coordinator.logic.draws import draw
from hybrid_coordinator.ports import Model

DRAIN_S = 600.0
"""How long what was replaced may take to end its answers: no answer is waited for longer."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Trial:
    """A version on trial: its share of the sessions, and how many prompts it was sent and did not answer whole."""

    name: str
    share: float
    asked: int
    failed: int


class _Voice:
    """A version that answers, with its answers under way."""

    def __init__(self, model: Model, name: str) -> None:
        self.model = model
        self.name = name
        self._under_way = 0
        self._quiet = anyio.Event()
        self.begin()

    def begin(self) -> None:
        """Count from now on."""
        self.asked = 0
        self.failed = 0

    @contextmanager
    def answering(self) -> Iterator[None]:
        """An answer is under way for as long as this lasts."""
        self.asked += 1
        self._under_way += 1
        try:
            yield
        except ModelRefused:  # of the prompt, not of the version
            raise
        except ModelUnavailable:
            self.failed += 1
            raise
        finally:
            self._under_way -= 1
            self._quiet.set()

    async def silence(self) -> None:
        """Wait until no answer is under way. It must not be asked any more."""
        while self._under_way:
            self._quiet = anyio.Event()
            await self._quiet.wait()


class VersionedModel:
    """Answers with the version that serves; a share of the sessions with one on trial, each session with one of them.

    Who answers is settled when a prompt comes: whatever is switched afterwards, that answer is told to its end. What
    was replaced is closed by `keep_up` once its last answer has ended, and the rest by `aclose`.
    """

    def __init__(self, card: ModelCard, model: Model, name: str, *, drain_s: float = DRAIN_S) -> None:
        """`card` is the house's, `name` that of the version which `model` is. Models given to this are closed by it."""
        self._card = card
        self._serving = _Voice(model, name)
        self._trial: _Voice | None = None
        self._share = 0.0
        self._replaced: list[_Voice] = []
        self._draining: set[_Voice] = set()
        self._news = anyio.Event()
        self._drain_s = drain_s

    @property
    def card(self) -> ModelCard:
        """The house's, with the version that serves now."""
        return replace(self._card, version=self._serving.name)

    @property
    def serving(self) -> str:
        """The name of the version that serves."""
        return self._serving.name

    @property
    def trial(self) -> Trial | None:
        """Who is on trial, and how that goes since it began."""
        voice = self._trial
        return Trial(voice.name, self._share, voice.asked, voice.failed) if voice else None

    @property
    def control(self) -> Trial | None:
        """The same of the version that serves, beside one on trial."""
        voice = self._serving
        return Trial(voice.name, 1.0 - self._share, voice.asked, voice.failed) if self._trial else None

    async def stream(self, prompt: Prompt) -> AsyncGenerator[Spoken, None]:
        """Where another version than the one that serves fails before its first word, that one answers in its place."""
        voice = self._voice_for(prompt.session)
        while True:
            said = False
            try:
                with voice.answering():
                    async with aclosing(voice.model.stream(prompt)) as pieces:
                        async for piece in pieces:
                            said = True
                            yield piece
                return
            except ModelUnavailable:
                if said or voice is self._serving:
                    raise
                logger.warning("a version failed before its first word", exc_info=True, extra={"version": voice.name})
            voice = self._serving

    async def check(self) -> None:
        await self._serving.model.check()

    async def switch(self, model: Model, name: str) -> None:
        """Let a version serve that is open and checked. A trial goes on beside it, unless it is this model's."""
        if self._trial and self._trial.model is model:
            await self.swap(0.0)
        else:
            self._let_go(self._serving)
            self._serving = _Voice(model, name)

    async def try_out(self, model: Model, name: str, share: float) -> None:
        """Let a version that is open and checked answer this share of the sessions, in place of another on trial."""
        await self.end_trial()
        self._trial, self._share = _Voice(model, name), share
        self._serving.begin()

    async def swap(self, share: float) -> None:
        """Let the version on trial serve; the one that served answers this share of the sessions, and with 0 it goes.

        Without a trial nothing changes.
        """
        if self._trial is None:
            return
        self._serving, self._trial, self._share = self._trial, self._serving, share
        self._trial.begin()
        self._serving.begin()
        if share <= 0.0:
            await self.end_trial()

    async def end_trial(self) -> None:
        """Let everybody be answered by the version that serves. Idempotent."""
        voice, self._trial, self._share = self._trial, None, 0.0
        if voice:
            self._let_go(voice)

    async def keep_up(self) -> None:
        """Close what was replaced as soon as its last answer has ended, for ever."""
        async with anyio.create_task_group() as tasks:
            while True:
                while self._replaced:
                    voice = self._replaced.pop()
                    self._draining.add(voice)
                    tasks.start_soon(self._drain, voice)
                await self._news.wait()
                self._news = anyio.Event()

    async def aclose(self) -> None:
        """Close every version, whatever it is saying."""
        await self.end_trial()
        for voice in (self._serving, *self._replaced, *self._draining):
            await voice.model.aclose()
        self._replaced.clear()

    def _voice_for(self, session: str) -> _Voice:
        """A conversation without a name is nobody's trial."""
        trial = self._trial
        return trial if trial and session and draw(f"trial {trial.name}", session) < self._share else self._serving

    def _let_go(self, voice: _Voice) -> None:
        self._replaced.append(voice)
        self._news.set()

    async def _drain(self, voice: _Voice) -> None:
        with anyio.move_on_after(self._drain_s) as waiting:
            await voice.silence()
        if waiting.cancelled_caught:
            logger.warning("a replaced version is closed in the middle of an answer", extra={"version": voice.name})
        with anyio.CancelScope(shield=True):
            await voice.model.aclose()
            self._draining.discard(voice)
