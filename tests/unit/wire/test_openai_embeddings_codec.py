"""OpenAI embeddings."""

import json

import pytest

from hybrid_coordinator.wire.openai_embeddings import decode_vectors, encode_texts
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
