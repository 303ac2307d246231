"""Sections of a document into the collection each belongs to."""

from collections.abc import Iterator
from dataclasses import replace

from hybrid_coordinator.domain.knowledge import Collection
from hybrid_coordinator.logic.excerpts import Excerpt, cut
from hybrid_coordinator.logic.practices import is_about_practice, read_practice
from hybrid_coordinator.logic.purposes import first_sentence
from hybrid_coordinator.logic.sections import Section, prose
from hybrid_coordinator.logic.skills import is_stepwise, lists_steps, read_skill
from hybrid_coordinator.logic.troubles import holds_pairs, is_about_trouble, is_case, read_case, read_trouble

_KEY_TEXT = 400


def split_document(document: Section, language: str) -> Iterator[Excerpt]:
    """All of a document once, in its order; what is no error, practice or skill is context.

    A heading about troubles or practices speaks for the sections within it too.
    """
    return _split(document, language, None)


def _split(section: Section, language: str, around: Collection | None) -> Iterator[Excerpt]:
    kind = _kind(section) or around
    if is_case(section):
        yield from read_case(section)
    elif kind is None and is_stepwise(section):
        yield from read_skill(section, within=True)
    else:
        if section.text:
            yield from _own_text(section, language, kind)
        for child in section.children:
            yield from _split(child, language, kind)


def _kind(section: Section) -> Collection | None:
    if is_about_trouble(section):
        return Collection.ERRORS
    return Collection.PRACTICES if is_about_practice(section) else None


def _own_text(section: Section, language: str, kind: Collection | None) -> Iterator[Excerpt]:
    """The text directly under a heading. Before the cases of a chapter it only introduces them."""
    introduces = is_about_trouble(section) and section.children and not holds_pairs(section)
    if kind is Collection.ERRORS and not introduces:
        return read_trouble(section)
    if kind is Collection.PRACTICES:
        return read_practice(section)
    if kind is None and lists_steps(section):
        return read_skill(section, within=False)
    return _read_context(section, language)


def _read_context(section: Section, language: str) -> Iterator[Excerpt]:
    place = " > ".join(section.path)
    purpose = ": ".join(part for part in (place, first_sentence(prose(section.text))) if part)
    for piece in cut(section, [section.run]):
        payload = {"language": language, "framework": language, "purpose": purpose}
        yield Excerpt(
            replace(piece, purpose=purpose), Collection.CODEBASE, payload, f"{purpose}\n{piece.text[:_KEY_TEXT]}"
        )
