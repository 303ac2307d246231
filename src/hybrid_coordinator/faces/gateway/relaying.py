"""A request for a vendor's own model, in the vendor's own format: passed on, passed back, recorded."""

from starlette.types import Send

from hybrid_coordinator.domain.gateway import WireCall
from hybrid_coordinator.errors import ModelUnavailable
from hybrid_coordinator.faces.gateway.headers import headers_to_relay, said_headers
from hybrid_coordinator.faces.gateway.refusals import told
from hybrid_coordinator.faces.gateway.sending import Header, send_end, send_failure, send_piece, send_start, send_whole
from hybrid_coordinator.flows.relay import Relay, Relayed
from hybrid_coordinator.wire.formats import FORMATS

REASON = "the asker named this model"


async def relay_call(relay: Relay, call: WireCall, send: Send) -> None:
    """The vendor's answer as it comes. Raises ModelUnavailable when nothing was sent yet."""
    relayed = await relay.open(call)
    try:
        if relayed.streaming:
            await _pass_stream(relayed, call, send)
        else:
            body = b"".join([piece async for piece in relayed.pieces()])
            await send_whole(send, relayed.status, _headers(relayed, call), body)
    finally:
        await relayed.close()


async def _pass_stream(relayed: Relayed, call: WireCall, send: Send) -> None:
    await send_start(send, relayed.status, _headers(relayed, call))
    try:
        async for piece in relayed.pieces():
            await send_piece(send, piece)
    except ModelUnavailable as error:  # the status is sent: the rest must be told in the stream
        await send_failure(send, FORMATS[call.format].encode_failure(*told(error)))
    else:
        await send_end(send)


def _headers(relayed: Relayed, call: WireCall) -> list[Header]:
    return [
        *headers_to_relay(relayed.headers),
        *said_headers(
            route="remote", model=call.model, reason=REASON, interaction_id=relayed.interaction_id, cache="none"
        ),
    ]
