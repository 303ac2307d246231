"""Any server that speaks OpenAI embeddings: OpenAI, Ollama, llama.cpp, text-embeddings-inference and their like."""

from collections.abc import Sequence

import anyio
import httpx2

from hybrid_coordinator.backends.http import (
    Endpoint,
    check_status,
    json_bytes,
    translated,
    waiting_until,
)
from hybrid_coordinator.domain.knowledge import EmbedderIdentity, Vector
from hybrid_coordinator.wire.openai_embeddings import decode_vectors, encode_texts

BATCH = 64


class OpenAIEmbedder:
    """An embedder behind `/v1/embeddings`."""

    def __init__(
        self,
        identity: EmbedderIdentity,
        *,
        base_url: str,
        client: httpx2.AsyncClient,
        api_key: str = "",
        connect_s: float = 5.0,
        answer_s: float = 60.0,
        window_characters: int = 8_000,
    ) -> None:
        """The identity's name is the server's name for the model. The client is this embedder's own, closed with it.

        Texts are cut to `window_characters`, for servers differ in whether they cut what is too long or refuse it.
        """
        self._endpoint = Endpoint(f"embedder {identity.name!r}", base_url, api_key)
        self._identity = identity
        self._client = client
        self._timeout = httpx2.Timeout(None, connect=connect_s)
        self._answer_s = answer_s
        self._window_characters = window_characters

    @property
    def identity(self) -> EmbedderIdentity:
        return self._identity

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        vectors: list[Vector] = []
        for start in range(0, len(texts), BATCH):
            vectors += await self._embed_batch(
                [text[: self._window_characters] for text in texts[start : start + BATCH]]
            )
        return vectors

    async def aclose(self) -> None:
        await self._client.aclose()

    async def _embed_batch(self, texts: Sequence[str]) -> list[Vector]:
        ends_at = anyio.current_time() + self._answer_s
        complaint = f"gave no vectors for {self._answer_s:g} s: try again later"
        with waiting_until(ends_at, self._endpoint, complaint), translated(self._endpoint):
            response = await self._client.post(
                self._endpoint.url("/embeddings"),
                content=json_bytes(encode_texts(texts, self._identity.name)),
                headers=self._endpoint.bearer() | {b"Content-Type": b"application/json"},
                timeout=self._timeout,
            )
            await check_status(response, self._endpoint)
            return decode_vectors(response.text, count=len(texts), dimension=self._identity.dimension)
