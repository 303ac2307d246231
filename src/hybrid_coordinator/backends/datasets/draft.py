"""A dataset in the making: rows set aside, and parts that grow, in a folder that nobody reads."""

import json
import os
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, BinaryIO

from hybrid_coordinator.backends.datasets.switching import Layout, commit, switch
from hybrid_coordinator.backends.disk import finish, open_private, write_new
from hybrid_coordinator.domain.knowledge import Payload

ASIDE = "aside"


def to_line(row: Payload) -> bytes:
    """One line of JSON."""
    return json.dumps(row, ensure_ascii=False).encode() + b"\n"


@dataclass(slots=True)
class _Part:
    """A part as far as it is written."""

    file: BinaryIO
    digest: Any = field(default_factory=sha256)
    size: int = 0
    rows: int = 0

    def add(self, line: bytes) -> None:
        self.file.write(line)
        self.digest.update(line)
        self.size += len(line)
        self.rows += 1

    def describe(self) -> Payload:
        return {"rows": self.rows, "bytes": self.size, "sha256": self.digest.hexdigest()}


class Workshop:
    """The folder that a dataset is made in. Blocks, and raises OSError; `JsonlDraft` does neither."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        layout.making.mkdir(mode=0o700)
        self._aside = open_private(layout.making / ASIDE)
        self._starts = array("Q")
        self._parts: dict[str, _Part] = {}

    def set_aside(self, rows: Sequence[Payload]) -> None:
        self._aside.seek(0, os.SEEK_END)
        for row in rows:
            self._starts.append(self._aside.tell())
            self._aside.write(to_line(row))

    def recall(self, numbers: Sequence[int]) -> list[Payload]:
        return [self._recall(number) for number in numbers]

    def _recall(self, number: int) -> Payload:
        self._aside.seek(self._starts[number])
        row: Payload = json.loads(self._aside.readline())
        return row

    def write(self, name: str, rows: Sequence[Payload]) -> None:
        if name not in self._parts:
            self._parts[name] = _Part(open_private(self._layout.making / self._layout.part(name).name))
        for row in rows:
            self._parts[name].add(to_line(row))

    def publish(self, card: Payload, page: str) -> None:
        files = {self._layout.part(name).name: part.describe() for name, part in self._parts.items()}
        whole = {**card, "files": files}
        if is_there(self._layout, whole):
            return
        for part in self._parts.values():
            finish(part.file)
        (self._layout.making / ASIDE).unlink()
        write_new(self._layout.making / self._layout.page.name, page.encode())
        write_new(
            self._layout.making / self._layout.card.name, json.dumps(whole, ensure_ascii=False, indent=2).encode()
        )
        commit(self._layout)
        switch(self._layout)

    def close(self) -> None:
        """Let go of the files, whatever becomes of them; a full disk was reported by who wrote to it."""
        for file in (self._aside, *(part.file for part in self._parts.values())):
            try:
                file.close()
            except OSError:
                continue


def is_there(layout: Layout, card: Mapping[str, Any]) -> bool:
    """Whether the dataset that lies there is the one of this card, made at another time."""
    try:
        old = json.loads(layout.card.read_bytes())
        sizes = {name: layout.path.with_name(name).stat().st_size for name in card["files"]}
    except (FileNotFoundError, ValueError):
        return False
    whole = all(sizes[name] == file["bytes"] for name, file in card["files"].items())
    return whole and isinstance(old, dict) and _timeless(old) == _timeless(json.loads(json.dumps(card)))


def _timeless(card: Mapping[str, Any]) -> Mapping[str, Any]:
    return {name: value for name, value in card.items() if name != "made_at"}
