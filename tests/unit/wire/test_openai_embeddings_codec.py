"""OpenAI embeddings."""

import base64
import json
import struct
from typing import Any

import pytest

from hybrid_coordinator.errors import BadInput
from hybrid_coordinator.wire.openai_embeddings import (
    MAX_TEXTS,
    EmbeddingRequest,
    decode_request,
    decode_vectors,
    encode_texts,
    encode_vectors,
)
from hybrid_coordinator.wire.sse import WireError


def reply(*vectors: object) -> str:
    return json.dumps({"data": [{"index": index, "embedding": vector} for index, vector in enumerate(vectors)]})


def test_a_request_names_the_model_and_sends_a_space_for_an_empty_text() -> None:
    body = encode_texts(["a", ""], "nomic-embed-text")

    assert body == {"model": "nomic-embed-text", "input": ["a", " "], "encoding_format": "float"}


def test_vectors_come_in_the_order_of_the_texts_and_of_unit_length() -> None:
    body = '{"data": [{"index": 1, "embedding": [0, 2]}, {"index": 0, "embedding": [3, 4]}]}'

    vectors = decode_vectors(body, count=2, dimension=2)

    assert [list(vector) for vector in vectors] == [[0.6, 0.8], [0.0, 1.0]]


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        (reply([1, 0]), "not one vector for each"),
        ('{"data": null}', "not one vector for each"),
        ('{"data": [1, 2]}', "not one vector for each"),
        ("[]", "not a JSON object"),
        ("<html>", "not JSON"),
        ('{"error": "model not found"}', "model not found"),
        (reply([1, 0], [1, 0, 0]), "set EMBEDDING_DIMENSION"),
        (reply([1, 0], "AAAA"), "not a list of numbers"),
        (reply([1, 0], [0, 0]), "no direction"),
        ('{"data": [{"index": 0, "embedding": [1, NaN]}, {"index": 1, "embedding": [1, 0]}]}', "no direction"),
    ],
)
def test_anything_but_a_vector_a_text_is_an_error(body: str, complaint: str) -> None:
    with pytest.raises(WireError, match=complaint):
        decode_vectors(body, count=2, dimension=2)


@pytest.mark.parametrize(
    ("body", "request_"),
    [
        ({"input": "a"}, EmbeddingRequest(("a",))),
        ({"input": ["a", ""], "encoding_format": "float", "dimensions": 2}, EmbeddingRequest(("a", ""))),
        ({"input": ["a"], "encoding_format": "base64", "user": "u"}, EmbeddingRequest(("a",), packed=True)),
    ],
)
def test_a_request_is_decoded(body: dict[str, Any], request_: EmbeddingRequest) -> None:
    assert decode_request(body, 2) == request_


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ({}, "input: a text or a list of 1 to 2,048 texts is due, it is missing"),
        ({"input": []}, "input: a text or a list"),
        ({"input": ["a"] * (MAX_TEXTS + 1)}, "input: a text or a list"),
        ({"input": [1, 2]}, r"input\[0\]: a text is due, not 1"),
        ({"input": [[1, 2]]}, r"input\[0\]: a text is due"),
        ({"input": "a", "dimensions": 3}, "dimensions: 2, the size of the vectors here, is due, not 3"),
        ({"input": "a", "encoding_format": "int8"}, "encoding_format: 'float' or 'base64' is due"),
    ],
)
def test_a_request_that_cannot_be_carried_out_is_told_where_it_is_wrong(body: dict[str, Any], complaint: str) -> None:
    with pytest.raises(BadInput, match=complaint):
        decode_request(body, 2)


def test_vectors_go_out_as_numbers_or_packed() -> None:
    plain = encode_vectors([(0.5, 0.25), (1.0, 0.0)], "m", 7, packed=False)
    packed = encode_vectors([(0.5, 0.25)], "m", 7, packed=True)

    assert [list(vector) for vector in decode_vectors(json.dumps(plain), count=2, dimension=2)][1] == [1.0, 0.0]
    assert plain["data"][0] == {"object": "embedding", "index": 0, "embedding": [0.5, 0.25]}
    assert struct.unpack("<2f", base64.b64decode(packed["data"][0]["embedding"])) == (0.5, 0.25)
    assert packed["usage"] == {"prompt_tokens": 7, "total_tokens": 7}
