"""Reading what a GGUF file says of itself."""

import struct
from io import BytesIO

import pytest

from hybrid_coordinator.wire.gguf_metadata import BASE_SHA256, KEPT_ELEMENTS, read_metadata, why_no_adapter_of
from servers import smollm2

BASE = "ab" * 32
ADAPTER = {"general.type": "adapter", "adapter.type": "lora", BASE_SHA256: BASE}


def text(value: str | bytes) -> bytes:
    raw = value.encode() if isinstance(value, str) else value
    return struct.pack("<Q", len(raw)) + raw


def header(*pairs: bytes, version: int = 3, claimed: int | None = None) -> bytes:
    counts = struct.pack("<IQQ", version, 0, len(pairs) if claimed is None else claimed)
    return b"GGUF" + counts + b"".join(pairs)


def pair(key: str, kind: int, value: bytes) -> bytes:
    return text(key) + struct.pack("<I", kind) + value


def words(count: int) -> bytes:
    return pair("words", 9, struct.pack("<IQ", 8, count) + text("word") * count)


WHOLE = header(
    pair("a.text", 8, text("Ünïcode")),
    pair("a.count", 4, struct.pack("<I", 7)),
    pair("a.share", 6, struct.pack("<f", 0.5)),
    pair("a.claim", 7, b"\x01"),
    words(2),
)


def test_texts_numbers_claims_and_short_lists_are_read() -> None:
    metadata = read_metadata(BytesIO(WHOLE))

    expected = {"a.text": "Ünïcode", "a.count": 7, "a.share": 0.5, "a.claim": True, "words": ("word", "word")}
    assert metadata == expected


def test_long_lists_are_passed_over_and_what_follows_them_is_read() -> None:
    numbers = pair("numbers", 9, struct.pack("<IQ", 4, 1000) + bytes(4000))

    metadata = read_metadata(BytesIO(header(words(KEPT_ELEMENTS + 1), numbers, pair("last", 8, text("here")))))

    assert metadata == {"last": "here"}


def test_the_weights_in_the_package_say_what_they_are() -> None:
    with smollm2().open("rb") as file:
        metadata = read_metadata(file)

    assert metadata["general.architecture"] == "llama"
    assert metadata["llama.block_count"] == 30
    assert "tokenizer.ggml.tokens" not in metadata


@pytest.mark.parametrize("cut", range(len(WHOLE)))
def test_a_header_that_is_cut_short_anywhere_is_refused(cut: int) -> None:
    with pytest.raises(ValueError, match="ends within its header"):
        read_metadata(BytesIO(WHOLE[:cut]))


@pytest.mark.parametrize(
    ("garbage", "complaint"),
    [
        (b"PK\x03\x04" + bytes(100), "no GGUF file"),
        (header(version=1), "version 1"),
        (header(claimed=2**63), "ends within its header"),
        (header(struct.pack("<Q", 2**62)), "not believed"),
        (header(pair("a", 8, struct.pack("<Q", 2**40))), "not believed"),
        (header(pair("a", 9, struct.pack("<IQ", 4, 2**60))), "not believed"),
        (header(pair("a", 99, b"")), "unknown type"),
        (header(pair("a", 9, struct.pack("<IQ", 9, 1))), "unknown type"),
    ],
)
def test_what_lies_about_itself_is_refused_without_being_believed(garbage: bytes, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        read_metadata(BytesIO(garbage))


def test_bytes_that_are_no_text_do_not_stop_the_reading() -> None:
    assert read_metadata(BytesIO(header(pair("a", 8, text(b"\xff\xfe"))))) == {"a": "\ufffd\ufffd"}


def test_an_adapter_of_the_same_base_is_fit() -> None:
    assert why_no_adapter_of(ADAPTER, BASE) == ""


@pytest.mark.parametrize(
    ("metadata", "reason"),
    [
        (ADAPTER | {BASE_SHA256: "cd" * 32}, "another base model"),
        ({"general.type": "adapter", "adapter.type": "lora"}, "does not name the base"),
        (ADAPTER | {"general.type": "model"}, "no LoRA adapter"),
        ({}, "no LoRA adapter"),
    ],
)
def test_an_adapter_of_another_base_or_of_none_is_not(metadata: dict[str, str], reason: str) -> None:
    assert reason in why_no_adapter_of(metadata, BASE)
