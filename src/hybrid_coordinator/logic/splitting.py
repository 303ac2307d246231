"""The text of a file as the passages to be made of it."""

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath
from uuid import UUID, uuid5

from hybrid_coordinator.domain.knowledge import Collection, Draft
from hybrid_coordinator.logic.code_splitting import split_code
from hybrid_coordinator.logic.document_splitting import split_document
from hybrid_coordinator.logic.excerpts import Excerpt
from hybrid_coordinator.logic.languages import name_framework, name_language
from hybrid_coordinator.logic.pieces import Piece
from hybrid_coordinator.logic.purposes import say_symbol
from hybrid_coordinator.logic.sections import read_markdown, read_rst

SPLITTER_VERSION = 1
"""Part of every content hash: raising it has every file read again."""

_NAMES = UUID("5f1d8a3e-3c0b-5e0a-9d53-5a3a0c1f7e11")
_DOCUMENTS = {"markdown": read_markdown, "restructuredtext": read_rst}
_KEY_CODE = 240
"""Characters of code that are embedded with the words: enough to tell siblings apart, too few to drown the words."""
_KEY_FOLDERS = 3


def split_file(root: str, path: str, text: str) -> list[Draft]:
    """Passages of one file, in its order.

    An id depends on root, path and the passage's own text, so that what stays the same keeps its id when lines around
    it change; equal texts in one file are numbered.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    language = name_language(path, text)
    read = _DOCUMENTS.get(language)
    excerpts = split_document(read(text), language) if read else _code_excerpts(path, text, language)
    return list(_drafts(root, path, excerpts))


def passage_id(*parts: str) -> str:
    """The same id for the same parts, on every machine."""
    return str(uuid5(_NAMES, "\0".join(parts)))


def _code_excerpts(path: str, text: str, language: str) -> Iterator[Excerpt]:
    framework = name_framework(path, text, language)
    for piece in split_code(text, language):
        payload = {"language": language, "framework": framework, "purpose": piece.purpose}
        yield Excerpt(piece, Collection.CODEBASE, payload, _code_key(path, piece))


def _code_key(path: str, piece: Piece) -> str:
    """Purpose first, then names as words: an embedder reads the beginning best, and questions are made of words."""
    file = PurePosixPath(path)
    place = say_symbol(" ".join(file.with_suffix("").parts[-_KEY_FOLDERS:]))
    named = say_symbol(piece.symbol)
    purpose = "" if piece.purpose == named else piece.purpose
    names = f"{named} ({place})" if named else place
    return "\n".join(part for part in (purpose, names, piece.text[:_KEY_CODE]) if part)


def _drafts(root: str, path: str, excerpts: Iterable[Excerpt]) -> Iterator[Draft]:
    met: Counter[tuple[Collection, str]] = Counter()
    for excerpt in excerpts:
        content = (excerpt.collection, excerpt.piece.text)
        met[content] += 1
        yield _draft(root, path, excerpt, str(met[content]))


def _draft(root: str, path: str, excerpt: Excerpt, ordinal: str) -> Draft:
    piece = excerpt.piece
    place = {
        "file_path": path,
        "line_start": piece.line_start,
        "line_end": piece.line_end,
        "symbol": piece.symbol,
    }
    snippet = {"code_snippet": piece.text} if excerpt.collection is Collection.CODEBASE else {}
    return Draft(
        id=passage_id(root, path, excerpt.collection, piece.text, ordinal),
        collection=excerpt.collection,
        key=excerpt.key,
        text=_shown(path, piece),
        payload={**place, **snippet, **excerpt.payload},
        source=f"{root}/{path}",
    )


def _shown(path: str, piece: Piece) -> str:
    """The piece under the lines that say where it stands."""
    heading = f"{path}:{piece.line_start}-{piece.line_end} {piece.symbol}".rstrip()
    return "\n".join(part for part in (heading, piece.header, piece.text) if part)
