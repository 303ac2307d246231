"""Runs of whole lines, never longer than a passage may be."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

TARGET_CHARACTERS = 1_200
"""What a passage aims at: about what a question needs, and what four of leave room for in a small model's window."""
MAX_CHARACTERS = 2_400
"""What no passage is longer than, but for the line that says where it comes from."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Part of a file. Lines count from 1 and both ends belong to it.

    `header` is the line it stands under: a class, or the beginning of the function it continues.
    """

    text: str
    line_start: int
    line_end: int
    symbol: str = ""
    purpose: str = ""
    header: str = ""


@dataclass(frozen=True, slots=True)
class Run:
    """Consecutive lines that belong together; the first of them is line number `start`."""

    start: int
    lines: tuple[str, ...]

    @property
    def size(self) -> int:
        return sum(len(line) + 1 for line in self.lines)

    @property
    def end(self) -> int:
        return self.start + len(self.lines) - 1


def paragraphs(run: Run) -> Iterator[Run]:
    """The parts between blank lines."""
    begin: int | None = None
    for index, line in enumerate((*run.lines, "")):
        if line.strip() and begin is None:
            begin = index
        elif not line.strip() and begin is not None:
            yield Run(run.start + begin, run.lines[begin:index])
            begin = None


def pack(runs: Iterable[Run]) -> Iterator[Piece]:
    """Join neighbours up to the target size, and cut those that are longer than a passage may be."""
    held: list[Run] = []
    for run in (part for whole in runs for part in _fitting(whole)):
        if held and sum(part.size for part in held) + run.size > TARGET_CHARACTERS:
            yield _join(held)
            held = []
        held.append(run)
    if held:
        yield _join(held)


def _fitting(run: Run) -> Iterator[Run]:
    """The run itself, or parts of it of about the target size where it is too long."""
    if run.size <= MAX_CHARACTERS:
        yield run
        return
    begin, size = 0, 0
    for index, line in enumerate(run.lines):
        if index > begin and size + len(line) > TARGET_CHARACTERS:
            yield from _cut_long_line(Run(run.start + begin, run.lines[begin:index]))
            begin, size = index, 0
        size += len(line) + 1
    yield from _cut_long_line(Run(run.start + begin, run.lines[begin:]))


def _cut_long_line(run: Run) -> Iterator[Run]:
    """Only a single line can still be too long: it is the one thing that is cut in the middle."""
    if run.size <= MAX_CHARACTERS:
        yield run
        return
    text = "\n".join(run.lines)
    for offset in range(0, len(text), TARGET_CHARACTERS):
        yield Run(run.start, (text[offset : offset + TARGET_CHARACTERS],))


def _join(runs: Sequence[Run]) -> Piece:
    """Neighbours keep the blank lines between them; what was further apart is put one blank line apart."""
    parts = [runs[0].lines]
    for before, run in pairwise(runs):
        gap = run.start - before.end - 1
        parts += [("",) * min(max(gap, 0), 1), run.lines]
    return Piece("\n".join(line for part in parts for line in part), runs[0].start, runs[-1].end)
