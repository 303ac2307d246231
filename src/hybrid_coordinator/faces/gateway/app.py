"""Which gateway request goes where."""

import logging
from collections.abc import Awaitable, Callable

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hybrid_coordinator.app import House
from hybrid_coordinator.errors import BadInput, CoordinatorError, NotFound
from hybrid_coordinator.faces.gateway.conversing import converse
from hybrid_coordinator.faces.gateway.listing import Listing
from hybrid_coordinator.faces.gateway.refusals import error_response, refuse
from hybrid_coordinator.faces.gateway.relaying import relay_call
from hybrid_coordinator.faces.gateway.requests import read_body, read_call
from hybrid_coordinator.faces.gateway.sending import ended_by_hang_up
from hybrid_coordinator.faces.guard import MAX_GATEWAY_BODY, BodyTooLarge, too_large

Handler = Callable[[Scope, Receive, Send], Awaitable[None]]

logger = logging.getLogger(__name__)

ANSWERS = {
    "/v1/chat/completions": "openai-chat",
    "/v1/responses": "openai-responses",
    "/v1/messages": "anthropic",
}
"""Where answers are given, and in which format."""


class Gateway:
    """The ASGI application under /v1."""

    def __init__(self, house: House) -> None:
        self._house = house
        listing = Listing(house)
        self._handlers: dict[tuple[str, str], Handler] = {
            **{("POST", path): self._answer for path in ANSWERS},
            ("GET", "/v1/models"): listing.models,
            ("POST", "/v1/embeddings"): listing.embeddings,
            ("POST", "/v1/messages/count_tokens"): listing.count_tokens,
        }
        self._one_model = listing.model

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request. Every error ends in the vendor's own shape, and none with half a response."""
        watched = _Watched(send)
        try:
            await self._find_handler(scope)(scope, receive, watched.send)
        except ClientDisconnect:
            return
        except BodyTooLarge:
            await watched.tell(refuse(scope, too_large(MAX_GATEWAY_BODY), 413), scope, receive)
        except CoordinatorError as error:
            await watched.tell(error_response(scope, error), scope, receive)
        except Exception as error:
            logger.exception("a gateway request failed", extra={"path": scope["path"]})
            await watched.tell(error_response(scope, error), scope, receive)

    def _find_handler(self, scope: Scope) -> Handler:
        method, path = scope["method"], scope["path"]
        if handler := self._handlers.get((method, path)):
            return handler
        if method == "GET" and path.startswith("/v1/models/"):
            return self._one_model
        if any(known == path for _, known in self._handlers):
            raise BadInput(f"{path} does not take {method}")
        raise NotFound(f"there is no {method} {path} here; there are {', '.join(path for _, path in self._handlers)}")

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        call = read_call(ANSWERS[scope["path"]], scope, await read_body(receive))
        destination = self._house.switchboard.find_destination(call.model, call.format)
        with ended_by_hang_up(receive):
            if self._house.switchboard.is_relayed(call, destination):
                self._house.budgets.demand(call.asker)
                await relay_call(self._house.relay, call, send)
            else:
                await converse(self._house, call, destination, send)


class _Watched:
    """Knows whether a response has begun, after which no other may begin."""

    def __init__(self, send: Send) -> None:
        self.started = False
        self._send = send

    async def send(self, message: Message) -> None:
        self.started = True
        await self._send(message)

    async def tell(self, response: ASGIApp, scope: Scope, receive: Receive) -> None:
        """Give this response, unless another has begun."""
        if not self.started:
            await response(scope, receive, self.send)
