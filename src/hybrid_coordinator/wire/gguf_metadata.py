"""What a GGUF file says of itself: the key-values before its tensors, read without the tensors.

The layout is that of version 2 and 3 of the format: the magic, a version, the counts of tensors and of key-values, and
then each key with the number of its type and its value, everything little-endian and lengths in 64 bits.
"""

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import BinaryIO

Scalar = str | int | float | bool
Metadata = Mapping[str, Scalar | tuple[Scalar, ...]]

BASE_SHA256 = "hybrid_coordinator.base.sha256"
"""Our own key in an adapter, or in a model merged with one: the hash of the weights it was trained on."""

MAGIC = b"GGUF"
VERSIONS = (2, 3)

LARGEST_HEADER = 1 << 26
"""Bytes. Vocabularies of 260,000 tokens take a tenth of it."""

KEPT_ELEMENTS = 64
"""Longer lists are passed over: a vocabulary is no concern of whoever wants to know what a file is."""

_NUMBERS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}
_TEXT, _LIST = 8, 9


def read_metadata(file: BinaryIO) -> Metadata:
    """The key-values of a GGUF file that is open at its start, but for long lists.

    Memory is bounded whatever the file claims. Raises ValueError for what is no GGUF file, ends within its header or
    has something in it that cannot be read.
    """
    header = _Header(file)
    if header.take(len(MAGIC)) != MAGIC:
        raise ValueError("no GGUF file: its first bytes are others")
    version = header.number("<I")
    if version not in VERSIONS:
        raise ValueError(f"a GGUF file of version {version}: only {VERSIONS[0]} and {VERSIONS[-1]} can be read")
    header.number("<Q")  # of tensors
    metadata: dict[str, Scalar | tuple[Scalar, ...]] = {}
    for _ in range(int(header.number("<Q"))):
        key, value = header.text(), header.value()
        if value is not None:
            metadata[key] = value
    return metadata


def why_no_adapter_of(metadata: Metadata, base_sha256: str) -> str:
    """Why a file with this metadata must not be laid over the base weights of that hash; "" when it may.

    One that does not name its base comes from another tool: nothing tells that it fits.
    """
    if metadata.get("general.type") != "adapter" or metadata.get("adapter.type") != "lora":
        return "it is no LoRA adapter"
    named = metadata.get(BASE_SHA256)
    if not named:
        return "it does not name the base model that it was trained on"
    return "" if named == base_sha256 else f"it was trained on another base model, of sha256 {named!r:.80}"


@dataclass(slots=True)
class _Header:
    """Reads forward, and never more than a header may have."""

    file: BinaryIO
    left: int = LARGEST_HEADER

    def take(self, count: int) -> bytes:
        if count > self.left:
            raise ValueError(f"the header claims to be larger than {LARGEST_HEADER} bytes: that is not believed")
        self.left -= count
        taken = self.file.read(count)
        if len(taken) != count:
            raise ValueError("the file ends within its header: it is cut short or damaged")
        return taken

    def number(self, form: str) -> int | float | bool:
        """One of a format of `struct`."""
        number: int | float | bool = struct.unpack(form, self.take(struct.calcsize(form)))[0]
        return number

    def text(self) -> str:
        """What is no UTF-8 in it is replaced."""
        return self.take(int(self.number("<Q"))).decode(errors="replace")

    def value(self) -> Scalar | tuple[Scalar, ...] | None:
        """None for one that is not kept; either way it is read to its end."""
        kind = int(self.number("<I"))
        return self._list() if kind == _LIST else self._reader(kind)()

    def _list(self) -> tuple[Scalar, ...] | None:
        kind, count = int(self.number("<I")), int(self.number("<Q"))
        read = self._reader(kind)
        if count <= KEPT_ELEMENTS:
            return tuple(read() for _ in range(count))
        if kind == _TEXT:
            for _ in range(count):
                read()
        else:
            self.take(count * struct.calcsize(_NUMBERS[kind]))
        return None

    def _reader(self, kind: int) -> Callable[[], Scalar]:
        if kind == _TEXT:
            return self.text
        form = _NUMBERS.get(kind)
        if form is None:
            raise ValueError(f"the header has a value of an unknown type, {kind}: it is damaged, or of a newer format")
        return lambda: self.number(form)
