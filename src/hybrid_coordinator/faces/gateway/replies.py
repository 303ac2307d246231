"""An answer in the format of whoever asked: event by event, or whole."""

from dataclasses import dataclass, replace

from starlette.types import Send

from hybrid_coordinator.domain.answer import (
    Answered,
    AnswerEvent,
    Attempted,
    FellThrough,
    Recalled,
    Rejected,
    Routed,
)
from hybrid_coordinator.domain.gateway import WireCall
from hybrid_coordinator.domain.interaction import CacheUse, Interaction
from hybrid_coordinator.domain.query import Delta, Finished, Spoken, Thought, ToolCall, Verbatim, fold
from hybrid_coordinator.domain.route import Target
from hybrid_coordinator.faces.gateway.headers import headers_to_relay, said_headers
from hybrid_coordinator.faces.gateway.refusals import told
from hybrid_coordinator.faces.gateway.sending import (
    JSON_HEADER,
    STREAM_HEADERS,
    Header,
    send_end,
    send_failure,
    send_piece,
    send_start,
    send_whole,
)
from hybrid_coordinator.logic.routing import ENSEMBLE
from hybrid_coordinator.logic.tokens import estimate_tokens
from hybrid_coordinator.wire.answers import Opening, Writer
from hybrid_coordinator.wire.formats import ANTHROPIC, FORMATS
from hybrid_coordinator.wire.json_events import json_bytes


@dataclass(frozen=True, slots=True)
class Heading:
    """What the response's headers say of how it came about."""

    interaction_id: str = ""
    route: str = ""
    model: str | None = None
    reason: str = ""
    cache: str = CacheUse.NONE.value

    def after(self, event: AnswerEvent) -> "Heading":
        """With what an event adds."""
        match event:
            case Routed(interaction_id, route):
                return replace(self, interaction_id=interaction_id, route=route.target.value, reason=route.reason)
            case Attempted(model, _, location):
                place = Target.ENSEMBLE.value if model == ENSEMBLE else location.value
                return replace(self, model=model, route=place)
            case Rejected(model, why):
                return replace(self, reason=f"the answer of {model} was not trusted: {why}")
            case FellThrough(model, why):
                return replace(self, reason=f"{model} could not answer: {why}")
            case Recalled(_, cache, model):
                return replace(self, cache=cache.value, model=model, route="cache")
            case _:
                return self

    def opening(self, call: WireCall, created_s: int) -> Opening:
        """What is known before the first word."""
        tokens = estimate_tokens(str(call.body.get("messages", ""))) if call.format == ANTHROPIC.name else 0
        return Opening(self.interaction_id, self.model or call.model, created_s, call.body, tokens)

    def headers(self, cost: int | None = None) -> list[Header]:
        """`cost` in micro-dollars, as far as it is known yet."""
        dollars = None if cost is None else f"{cost / 1_000_000:.6f}"
        return said_headers(
            route=self.route,
            model=self.model,
            reason=self.reason,
            interaction_id=self.interaction_id,
            cache=self.cache,
            cost_usd=dollars,
        )


class StreamedReply:
    """Tells each event at once. A vendor's own bytes are passed on, everything else is written in the format."""

    def __init__(self, call: WireCall, send: Send, created_s: int) -> None:
        self._call = call
        self._send = send
        self._created_s = created_s
        self._heading = Heading()
        self._verbatim = False
        self._writer: Writer | None = None
        self.started = False

    async def tell(self, event: AnswerEvent) -> None:
        """Pass on what an event says."""
        self._heading = self._heading.after(event)
        match event:
            case Verbatim(data, headers):
                await self._pass_on(data, headers)
            case Delta() | Thought() | ToolCall():
                await self._write(event)
            case Answered(_, finished):
                await self._write(finished)
                await send_end(self._send)

    async def show_life(self) -> None:
        """Something that keeps the connection and means nothing."""
        if not self._verbatim:
            await self._begin()
            await send_piece(self._send, self._open_writer().ping())

    async def fail(self, error: Exception) -> None:
        """End a reply that has begun, in the stream's own words for failure."""
        wire = FORMATS[self._call.format]
        await send_failure(self._send, (self._writer.fail if self._writer else wire.encode_failure)(*told(error)))

    async def _pass_on(self, data: bytes, headers: tuple[Header, ...]) -> None:
        if self._writer is not None:  # begun in our own words: what the bytes mean follows, and is written then
            return
        if not self._verbatim:
            self._verbatim = True
            await self._start([*headers_to_relay(headers), *self._heading.headers()])
        if data:
            await send_piece(self._send, data)

    async def _write(self, event: Spoken) -> None:
        if self._verbatim:  # its bytes were passed on already
            return
        await self._begin()
        if data := self._open_writer().write(event):
            await send_piece(self._send, data)

    async def _begin(self) -> None:
        if not self.started:
            await self._start([*STREAM_HEADERS, *self._heading.headers()])
            await send_piece(self._send, self._open_writer().start())

    async def _start(self, headers: list[Header]) -> None:
        self.started = True
        await send_start(self._send, 200, headers)

    def _open_writer(self) -> Writer:
        if self._writer is None:
            wire = FORMATS[self._call.format]
            self._writer = wire.writer(self._heading.opening(self._call, self._created_s))
        return self._writer


class WholeReply:
    """Gathers the events and tells the answer at its end."""

    def __init__(self, call: WireCall, send: Send, created_s: int) -> None:
        self._call = call
        self._send = send
        self._created_s = created_s
        self._heading = Heading()
        self._passed: list[Verbatim] = []
        self._spoken: list[Spoken] = []
        self.started = False

    async def tell(self, event: AnswerEvent) -> None:
        """Keep what an event says, and send everything with the last one."""
        self._heading = self._heading.after(event)
        match event:
            case Verbatim():
                self._passed.append(event)
            case Delta() | Thought() | ToolCall():
                self._spoken.append(event)
            case Answered(interaction, finished):
                await self._send_all(interaction, finished)

    async def show_life(self) -> None:
        """A whole answer has no sign of life: its status is not known yet."""

    async def _send_all(self, interaction: Interaction, finished: Finished) -> None:
        headers = self._heading.headers(interaction.cost)
        if self._passed:
            body = b"".join(piece.data for piece in self._passed)
            await send_whole(self._send, 200, [*headers_to_relay(self._passed[0].headers), *headers], body)
            return
        opening = self._heading.opening(self._call, self._created_s)
        encoded = FORMATS[self._call.format].encode_completion(fold([*self._spoken, finished]), opening)
        await send_whole(self._send, 200, [JSON_HEADER, *headers], json_bytes(encoded))
