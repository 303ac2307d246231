"""Reading more than fits: cut into pieces, note what each says of the question, join the notes."""

from collections.abc import Sequence

from hybrid_coordinator.domain.query import Prompt, Query, Role, Turn
from hybrid_coordinator.logic.tokens import cut_to_tokens

PIECE_TOKENS = 1500
NOTE_TOKENS = 160
MAX_PIECES = 24
"""Past that the middle of the material is skipped, and the digest says so: a bound on what one question may cost."""


def cut_pieces(text: str, piece_tokens: int = PIECE_TOKENS) -> list[str]:
    """The text in order, in pieces of at most that many tokens, cut at line ends where that is possible."""
    pieces = []
    while text:
        piece = cut_to_tokens(text, piece_tokens)
        pieces.append(piece)
        text = text[len(piece) :].lstrip("\n")
    return pieces


def pick_pieces(pieces: Sequence[str], most: int = MAX_PIECES) -> tuple[list[str], int]:
    """The first and last pieces when there are too many, and how many were passed over."""
    if len(pieces) <= most:
        return list(pieces), 0
    head = most - most // 3
    return [*pieces[:head], *pieces[len(pieces) - (most - head) :]], len(pieces) - most


def note_prompt(query: Query, piece: str) -> Prompt:
    """Ask for what one piece says that matters to the question."""
    text = (
        f"Material:\n{piece}\n\nIn at most four short sentences, note what in this material matters to the question: "
        f"{query.text}"
    )
    return Prompt(turns=(Turn(Role.USER, (text,)),), max_tokens=NOTE_TOKENS, temperature=0.2)


def join_notes(notes: Sequence[str], skipped: int) -> str:
    """The digest: the notes in order, and a plain word about what was not read."""
    numbered = [f"Part {number}: {note.strip()}" for number, note in enumerate(notes, 1) if note.strip()]
    if skipped:
        numbered.append(f"({skipped} further parts from the middle were not read.)")
    return "\n".join(numbered)
