"""A request that the coordinator answers: by recalling, at home, by another vendor, or by whoever it chooses."""

import logging

from starlette.types import Send

from hybrid_coordinator.app import House
from hybrid_coordinator.domain.answer import AnswerEvent
from hybrid_coordinator.domain.gateway import WireCall
from hybrid_coordinator.errors import CoordinatorError, VendorRefused
from hybrid_coordinator.faces.gateway.headers import headers_to_relay
from hybrid_coordinator.faces.gateway.pacing import Paced, paced
from hybrid_coordinator.faces.gateway.replies import StreamedReply, WholeReply
from hybrid_coordinator.faces.gateway.requests import check_depth
from hybrid_coordinator.faces.gateway.sending import send_whole
from hybrid_coordinator.logic.destinations import Destination

Reply = StreamedReply | WholeReply

logger = logging.getLogger(__name__)


async def converse(house: House, call: WireCall, destination: Destination, send: Send) -> None:
    """Answer, in the asker's format. Raises CoordinatorError while no response has begun."""
    check_depth(call.body)
    question = house.switchboard.question(call, destination)
    kind = StreamedReply if call.streaming else WholeReply
    reply = kind(call, send, round(house.clock.now().timestamp()))
    async with paced(house.answerer.stream(question.query, question.voices)) as events:
        error = await _tell_all(events, reply)
    if error is None:
        return
    if isinstance(reply, StreamedReply) and reply.started:
        if not isinstance(error, CoordinatorError):
            logger.error("an answer broke off", exc_info=error)
        await reply.fail(error)
    elif isinstance(error, VendorRefused):  # in the asker's own format: its words are the best there are
        await send_whole(send, error.status, headers_to_relay(error.headers), error.body)
    else:
        raise error


async def _tell_all(events: Paced[AnswerEvent], reply: Reply) -> Exception | None:
    async for event in events:
        if event is None:
            await reply.show_life()
        elif isinstance(event, Exception):
            return event
        else:
            await reply.tell(event)
    return None
