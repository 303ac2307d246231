"""A vendor as a model for one question: it is sent the asker's own request, and its bytes come back as they are."""

from collections.abc import AsyncGenerator

import orjson

from hybrid_coordinator.domain.gateway import WireCall
from hybrid_coordinator.domain.query import Delta, Finished, Prompt, Spoken, Verbatim
from hybrid_coordinator.domain.route import ModelCard
from hybrid_coordinator.errors import ModelUnavailable, VendorRefused
from hybrid_coordinator.flows.relay import CUT_SHORT, RelayPolicy, headers_of, is_stream
from hybrid_coordinator.logic.grounding import woven
from hybrid_coordinator.ports import Vendor, WireReply
from hybrid_coordinator.wire.formats import FORMATS
from hybrid_coordinator.wire.listening import MAX_WHOLE_BYTES, StreamListener, WholeListener
from hybrid_coordinator.wire.retry_after import retry_after_s

Listener = StreamListener | WholeListener

MOST_ERROR_BYTES = 64 * 1024


class VendorVoice:
    """The `Model` port over a vendor that speaks the asker's own format.

    The prompt it is given must be the asker's, with or without something woven in at the end: only that, and the
    model's name, is changed in what the vendor is sent.
    """

    def __init__(self, card: ModelCard, vendor: Vendor, call: WireCall, asked: Prompt, policy: RelayPolicy) -> None:
        self._card = card
        self._vendor = vendor
        self._call = call
        self._asked = asked
        self._policy = policy
        self._format = FORMATS[call.format]

    @property
    def card(self) -> ModelCard:
        return self._card

    async def stream(self, prompt: Prompt) -> AsyncGenerator[Spoken, None]:
        """A stream is passed on as it comes; an answer in one piece once it is known to be one."""
        reply = await self._vendor.send(
            self._call.path, self._call.headers, self._body(prompt), wait_s=self._policy.wait_s(self._call)
        )
        listener = self._format.listener(self._card.name, streaming=self._call.streaming)
        headers = tuple(reply.headers)
        try:
            await self._check(reply)
            if self._call.streaming:
                async for piece in reply.pieces:
                    listener.hear(piece)
                    yield Verbatim(piece, headers)
                    headers = ()
                said = self._heard(listener)
            else:
                body = await _gather(reply, listener)
                said = self._heard(listener)
                yield Verbatim(body, headers)
        finally:
            reply.hang_up()
        for event in said:
            yield event

    async def check(self) -> None:
        """A voice lives for one question, and is checked by asking it."""

    async def aclose(self) -> None:
        """The connections are the vendor's."""

    async def _check(self, reply: WireReply) -> None:
        """Raise ModelUnavailable for what is no answer, before anything of it is passed on."""
        if reply.status >= 400:
            raise await _refusal(self._card.name, reply)
        if self._call.streaming and not is_stream(reply):
            raise self._broken("it sent something else where an event stream was due")

    def _heard(self, listener: Listener) -> list[Spoken]:
        """What the answer meant. Raises ModelUnavailable unless it is whole."""
        heard = listener.end()
        if heard.failure or heard.stop is None:
            raise self._broken(heard.failure or CUT_SHORT)
        text = [Delta(heard.text)] if heard.text else []
        return [*text, *heard.calls, Finished(heard.model, heard.usage, heard.stop)]

    def _broken(self, why: str) -> ModelUnavailable:
        return ModelUnavailable(f"model {self._card.name!r} broke off: {why}")

    def _body(self, prompt: Prompt) -> bytes:
        body = self._format.with_model(self._call.body, self._card.name)
        added = woven(self._asked, prompt)
        return orjson.dumps(self._format.with_context(body, added) if added else body)


async def _gather(reply: WireReply, listener: Listener) -> bytes:
    body = bytearray()
    async for piece in reply.pieces:
        listener.hear(piece)
        body += piece
        if len(body) > MAX_WHOLE_BYTES:  # the listener calls it too long
            break
    return bytes(body)


async def _refusal(name: str, reply: WireReply) -> VendorRefused:
    body = b""
    async for piece in reply.pieces:
        body += piece
        if len(body) > MOST_ERROR_BYTES:
            break
    return VendorRefused(
        f"model {name!r} answered {reply.status}",
        status=reply.status,
        headers=tuple(reply.headers),
        body=body,
        retry_after_s=retry_after_s(headers_of(reply)),
    )
