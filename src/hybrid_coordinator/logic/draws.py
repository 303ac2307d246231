"""Chance that can be repeated: the same name always draws the same number, so that a choice sticks to it."""

from hashlib import blake2b


def draw(purpose: str, name: str) -> float:
    """A number in [0, 1) for a name, evenly spread over names and independent between purposes."""
    digest = blake2b(f"{purpose}\0{name}".encode("utf-8", "replace"), digest_size=7).digest()
    return int.from_bytes(digest) / (1 << 56)
