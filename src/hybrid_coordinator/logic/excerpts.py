"""Parts of a document on their way to becoming passages."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from hybrid_coordinator.domain.knowledge import Collection, Payload
from hybrid_coordinator.logic.pieces import Piece, Run, pack
from hybrid_coordinator.logic.sections import Section, blocks


@dataclass(frozen=True, slots=True)
class Excerpt:
    """A piece, the collection it belongs to, that collection's own fields, and what a question about it resembles."""

    piece: Piece
    collection: Collection
    payload: Payload
    key: str


def cut(section: Section, runs: Iterable[Run]) -> list[Piece]:
    """Pieces of a section that know where they stand: the title is their symbol, the heading path their header."""
    header = " > ".join(section.path)
    pieces = pack(block for run in runs for block in blocks(run))
    return [replace(piece, symbol=section.title, header=header) for piece in pieces]
