"""Pass a request on to the vendor whose format it is in, word for word both ways, and record what came of it."""

import logging
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass

import anyio

from hybrid_coordinator.domain.gateway import WireCall
from hybrid_coordinator.domain.interaction import HUNG_UP, AgentType, Interaction
from hybrid_coordinator.domain.query import Usage
from hybrid_coordinator.errors import CoordinatorError, ModelUnavailable
from hybrid_coordinator.flows.recording import Recorder
from hybrid_coordinator.logic.pricing import price_usage
from hybrid_coordinator.logic.provenance import relayed_origin
from hybrid_coordinator.logic.redaction import redact
from hybrid_coordinator.ports import Clock, Vendor, WireReply
from hybrid_coordinator.wire.formats import FORMATS
from hybrid_coordinator.wire.listening import Heard


@dataclass(frozen=True, slots=True)
class RelayPolicy:
    """How long a vendor may be silent, in seconds: within a stream, and before an answer that comes whole."""

    stream_wait_s: float = 120.0
    whole_wait_s: float = 600.0

    def wait_s(self, call: WireCall) -> float:
        return self.stream_wait_s if call.streaming else self.whole_wait_s


NOTHING_USED = Usage()

EVENT_STREAM = "text/event-stream"

CHANNEL = "relay"
"""The way by which what is recorded here came in."""

CUT_SHORT = "the stream ended before the answer did"

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Told:
    """What an answer came to."""

    text: str = ""
    model: str = ""
    usage: Usage = NOTHING_USED
    first_piece: float | None = None
    failure: str | None = None


class Relay:
    """Speaks to every vendor in its own format. Each request leaves one record, whatever happens to it."""

    def __init__(self, vendors: Mapping[str, Vendor], recorder: Recorder, clock: Clock, policy: RelayPolicy) -> None:
        self._vendors = vendors
        self._recorder = recorder
        self._clock = clock
        self._policy = policy

    async def open(self, call: WireCall) -> "Relayed":
        """Send it on; the answer has begun when this returns. Raises ModelUnavailable."""
        account = _Account(call, self._recorder, self._clock)
        vendor = self._vendors[FORMATS[call.format].vendor]
        try:
            reply = await vendor.send(call.path, call.headers, call.raw, wait_s=self._policy.wait_s(call))
        except BaseException as error:  # the asker may have hung up before the first word
            await account.close(_Told(failure=str(error) if isinstance(error, CoordinatorError) else HUNG_UP))
            raise
        return Relayed(account, reply)

    async def forward(self, vendor: str, path: str, headers: Mapping[str, str], body: bytes) -> WireReply:
        """Send on what is no question, and record nothing. Raises ModelUnavailable."""
        return await self._vendors[vendor].send(path, headers, body, wait_s=self._policy.whole_wait_s)


class _Account:
    """One relayed request, to be recorded once."""

    def __init__(self, call: WireCall, recorder: Recorder, clock: Clock) -> None:
        self.id = clock.new_id()
        self.call = call
        self._recorder = recorder
        self._clock = clock
        self._started = clock.monotonic()

    def elapsed(self) -> float:
        return self._clock.monotonic() - self._started

    async def close(self, told: _Told) -> None:
        """Record it. The asker has been answered, so a ledger that fails is a matter for the log alone."""
        with anyio.CancelScope(shield=True):
            try:
                await self._recorder.record(self._interaction(told), keep_words=self.call.wishes.record, patient=True)
            except CoordinatorError:
                logger.exception("a relayed answer was not recorded", extra={"interaction_id": self.id})

    def _interaction(self, told: _Told) -> Interaction:
        call, usage, now = self.call, told.usage, self._clock.now()
        return Interaction(
            id=self.id,
            created_at=now,
            query=redact(FORMATS[call.format].question_of(call.body)).text,
            response=redact(told.text).text,
            agent_type=AgentType.REMOTE,
            model_used=told.model or call.model,
            session_id=call.session_id,
            input_tokens=usage.input_tokens,
            output_tokens=usage.output_tokens,
            tokens_used=usage.total_tokens,
            latency_ms=round(self.elapsed() * 1000),
            first_token_ms=None if told.first_piece is None else round(told.first_piece * 1000),
            cost=price_usage(call.model, usage, now),
            cache_read_tokens=usage.cache_read_tokens,
            cache_write_tokens=usage.cache_write_tokens,
            tags=(f"wire:{call.format}",),
            failure=told.failure,
            asker=call.asker,
            origin=relayed_origin(call.raw),
            channel=CHANNEL,
        )


class Relayed:
    """A vendor's answer on its way to the asker. Whoever holds it must `close` it: then it is recorded."""

    def __init__(self, account: _Account, reply: WireReply) -> None:
        self._account = account
        self._reply = reply
        self.streaming = account.call.streaming and reply.status < 400 and is_stream(reply)
        self._listener = FORMATS[account.call.format].listener(account.call.model, streaming=self.streaming)
        self._first_piece: float | None = None
        self._broken: str | None = None
        self._ended = False

    @property
    def interaction_id(self) -> str:
        return self._account.id

    @property
    def status(self) -> int:
        return self._reply.status

    @property
    def headers(self) -> Sequence[tuple[bytes, bytes]]:
        return self._reply.headers

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        """The body as it comes. Raises ModelUnavailable when the vendor stalls or breaks off."""
        try:
            async for piece in self._reply.pieces:
                if self._first_piece is None:
                    self._first_piece = self._account.elapsed()
                self._listener.hear(piece)
                yield piece
        except ModelUnavailable as error:
            self._broken = str(error)
            raise
        self._ended = True

    async def close(self) -> None:
        """Hang up if the answer is still coming, and record what there was of it."""
        self._reply.hang_up()
        heard = self._listener.end()
        await self._account.close(
            _Told(heard.text, heard.model, heard.usage, self._first_piece, self._find_failure(heard))
        )

    def _find_failure(self, heard: Heard) -> str | None:
        if self._broken is not None:
            return self._broken
        if not self._ended and heard.stop is None:
            return HUNG_UP
        if self.status >= 400:
            return heard.failure or f"the vendor answered {self.status}"
        return heard.failure or (CUT_SHORT if heard.stop is None else None)


def headers_of(reply: WireReply) -> dict[str, str]:
    """The headers of a reply, names in lower case; of a repeated one the last counts."""
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in reply.headers}


def is_stream(reply: WireReply) -> bool:
    """Whether a reply comes as events; one that does not say is taken to."""
    return headers_of(reply).get("content-type", EVENT_STREAM).lower().startswith(EVENT_STREAM)
