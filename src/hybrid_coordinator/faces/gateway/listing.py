"""What a client may ask besides answers: which models there are, embeddings, and how long a prompt is."""

from collections.abc import Mapping
from typing import Any

import orjson
from starlette.types import Receive, Scope, Send

from hybrid_coordinator.app import House
from hybrid_coordinator.errors import NotFound
from hybrid_coordinator.faces.gateway.headers import headers_to_relay
from hybrid_coordinator.faces.gateway.requests import (
    check_depth,
    forwarded_headers,
    model_of,
    parse_body,
    path_of,
    read_body,
)
from hybrid_coordinator.faces.gateway.sending import JSON_HEADER, ended_by_hang_up, send_whole
from hybrid_coordinator.logic.answer_room import estimate_prompt
from hybrid_coordinator.logic.destinations import AUTO_NAMES, OWN_PREFIX, Place
from hybrid_coordinator.logic.tokens import estimate_tokens
from hybrid_coordinator.wire.formats import ANTHROPIC, OPENAI_CHAT
from hybrid_coordinator.wire.model_list import ListedModel, encode_model, encode_models
from hybrid_coordinator.wire.openai_embeddings import decode_request, encode_vectors

CREATED_S = 1_767_225_600
"""Clients want a date for every model: the start of 2026."""


class Listing:
    """The endpoints beside the answers."""

    def __init__(self, house: House) -> None:
        self._house = house

    async def models(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Every name that may be asked for; ours also under the names that Claude Code shows."""
        await _send_json(send, encode_models(self._models()))

    async def model(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One of them."""
        asked = scope["path"].removeprefix("/v1/models/")
        found = next((model for model in self._models() if model.id == asked), None)
        if found is None:
            raise NotFound(f"the model {asked!r} is not known here; GET /v1/models lists those that are")
        await _send_json(send, encode_model(found))

    async def embeddings(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Vectors of the coordinator's own embedder, or of the vendor whose model is named."""
        raw = await read_body(receive)
        body = parse_body(raw)
        destination = self._house.switchboard.find_destination(model_of(body), OPENAI_CHAT.name)
        if destination.place is Place.VENDOR and destination.vendor == OPENAI_CHAT.vendor:
            with ended_by_hang_up(receive):
                await self._forward(destination.vendor, scope, raw, send)
            return
        asked = decode_request(body, self._house.embedder.identity.dimension)
        vectors = await self._house.embedder.embed(asked.texts)
        tokens = sum(estimate_tokens(text) for text in asked.texts)
        name = self._house.embedder.identity.name
        await _send_json(send, encode_vectors(vectors, name, tokens, packed=asked.packed))

    async def count_tokens(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The vendor's count of a prompt for the vendor's own model; an estimate of any other."""
        raw = await read_body(receive)
        body = parse_body(raw)
        destination = self._house.switchboard.find_destination(model_of(body), ANTHROPIC.name)
        if destination.place is Place.VENDOR and destination.vendor == ANTHROPIC.vendor:
            with ended_by_hang_up(receive):
                await self._forward(destination.vendor, scope, raw, send)
            return
        check_depth(body)
        await _send_json(send, {"input_tokens": estimate_prompt(ANTHROPIC.decode_request(body))})

    async def _forward(self, vendor: str, scope: Scope, raw: bytes, send: Send) -> None:
        """Word for word both ways, and not recorded: nothing was answered."""
        reply = await self._house.relay.forward(vendor, path_of(scope), forwarded_headers(scope), raw)
        try:
            body = b"".join([piece async for piece in reply.pieces])
        finally:
            reply.hang_up()
        await send_whole(send, reply.status, headers_to_relay(reply.headers), body)

    def _models(self) -> list[ListedModel]:
        ours = [*sorted(AUTO_NAMES)[:1], *self._house.models]
        names = dict.fromkeys(ours, "hybrid-coordinator")
        names |= {f"{OWN_PREFIX}{name}": "hybrid-coordinator" for name in ours if "claude" not in name}
        names |= dict.fromkeys(self._house.settings.gateway.model_map, "hybrid-coordinator")
        return [ListedModel(name, name, owner, CREATED_S) for name, owner in names.items()]


async def _send_json(send: Send, body: Mapping[str, Any]) -> None:
    await send_whole(send, 200, [JSON_HEADER], orjson.dumps(body))
