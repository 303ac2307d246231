"""Documents as trees of headed sections: Markdown and reStructuredText."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from hybrid_coordinator.logic.pieces import Run

_ATX = re.compile(r"^ {0,3}(#{1,6})[ \t]+(.+?)[ \t]*#*[ \t]*$")
_FENCE = re.compile(r"^ {0,12}(?P<fence>`{3,}|~{3,})(?P<rest>.*)$")
_SETEXT = re.compile(r"^ {0,3}(=+|-+)[ \t]*$")
_ADORNMENT = re.compile(r"^([=\-~^\"'`#*+.:_<>])\1{2,}[ \t]*$")
_BREAK_BEFORE_SETEXT = re.compile(r"^\s*(?:[-*+>|#]|\d+[.)]\s|$)")
_INLINE_MARKS = re.compile(r"\[([^\]\n]{1,300})\]\([^)\n]{0,500}\)|[*_`]{1,3}([^*_`\n]{1,300})[*_`]{1,3}")


@dataclass(frozen=True, slots=True)
class Heading:
    """`line` is the line after the heading's own, from 0; `start` the first line of the heading."""

    level: int
    title: str
    start: int
    line: int


@dataclass(slots=True)
class Section:
    """A heading, the text directly under it, and the sections within. Level 0 is the document itself."""

    level: int
    title: str
    path: tuple[str, ...]
    start: int
    body: Run
    children: list["Section"] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The text directly under the heading."""
        return "\n".join(self.body.lines).strip()

    @property
    def end(self) -> int:
        """The last line of all of it, from 1."""
        return self.children[-1].end if self.children else self.body.end

    def everything(self) -> str:
        """The text with all sections within, their headings marked by number signs."""
        inner = (f"{'#' * child.level} {child.title}\n\n{child.everything()}" for child in self.children)
        return "\n\n".join(part for part in (self.text, *inner) if part.strip())


def read_markdown(text: str) -> Section:
    """ATX and setext headings; none inside fenced code, front matter or comments."""
    lines = tuple(text.split("\n"))
    return _build(lines, list(_markdown_headings(lines)))


def read_rst(text: str) -> Section:
    """Underlined titles; their levels are in the order of first use, as docutils reads them."""
    lines = tuple(text.split("\n"))
    return _build(lines, list(_rst_headings(lines)))


def fenced(lines: Sequence[str]) -> list[bool]:
    """For each line, whether it belongs to fenced code, the fences included."""
    inside: list[bool] = []
    fence = ""
    for line in lines:
        match = _FENCE.match(line)
        if fence:
            inside.append(True)
            if match and match["fence"].startswith(fence) and not match["rest"].strip():
                fence = ""
        else:
            fence = match["fence"] if match and "`" not in match["rest"] else ""
            inside.append(bool(fence))
    return inside


def blocks(run: Run) -> Iterator[Run]:
    """Paragraphs, and each stretch of fenced code in one block with the paragraph it follows directly."""
    inside = fenced(run.lines)
    begin: int | None = None
    for index, line in enumerate((*run.lines, "")):
        is_blank = not line.strip() and not (index < len(inside) and inside[index])
        if not is_blank and begin is None:
            begin = index
        elif is_blank and begin is not None:
            yield Run(run.start + begin, run.lines[begin:index])
            begin = None


def plain_title(title: str) -> str:
    """A heading without links, emphasis and code marks."""
    return _INLINE_MARKS.sub(lambda match: match[1] or match[2], title).strip()


def _markdown_headings(lines: Sequence[str]) -> Iterator[Heading]:
    inside = fenced(lines)
    first = _after_front_matter(lines)
    commented = False
    for index in range(first, len(lines)):
        line = lines[index]
        commented = (commented or "<!--" in line) and "-->" not in line.rpartition("<!--")[2]
        if inside[index] or commented:
            continue
        if match := _ATX.match(line):
            yield Heading(len(match[1]), plain_title(match[2]), index, index + 1)
        elif index > first and (match := _SETEXT.match(line)) and _may_be_title(lines, inside, index - 1):
            yield Heading(1 if match[1][0] == "=" else 2, plain_title(lines[index - 1]), index - 1, index + 1)


def _may_be_title(lines: Sequence[str], inside: Sequence[bool], index: int) -> bool:
    """A single line of plain text."""
    alone = index == 0 or not lines[index - 1].strip()
    return alone and not inside[index] and not _BREAK_BEFORE_SETEXT.match(lines[index])


def _after_front_matter(lines: Sequence[str]) -> int:
    if not lines or lines[0].rstrip() != "---":
        return 0
    return next((index + 1 for index, line in enumerate(lines[1:], 1) if line.rstrip() in ("---", "...")), 0)


def _rst_headings(lines: Sequence[str]) -> Iterator[Heading]:
    levels: dict[tuple[str, bool], int] = {}
    for index in range(1, len(lines)):
        under = _ADORNMENT.match(lines[index])
        title = lines[index - 1]
        if not under or not title.strip() or _ADORNMENT.match(title) or len(lines[index].rstrip()) < len(title.strip()):
            continue
        over = index > 1 and lines[index - 2].rstrip() == lines[index].rstrip()
        if not over and (title[0].isspace() or (index > 1 and lines[index - 2].strip())):
            continue
        level = levels.setdefault((under[1], over), len(levels) + 1)
        yield Heading(level, title.strip().replace("``", ""), index - (2 if over else 1), index + 1)


def _build(lines: tuple[str, ...], headings: Sequence[Heading]) -> Section:
    starts = [heading.start for heading in headings]
    document = Section(0, "", (), 1, Run(1, lines[: starts[0] if starts else len(lines)]))
    open_sections = [document]
    for heading, end in zip(headings, [*starts[1:], len(lines)], strict=True):
        while open_sections[-1].level >= heading.level:
            open_sections.pop()
        parent = open_sections[-1]
        body = Run(heading.line + 1, lines[heading.line : end])
        section = Section(heading.level, heading.title, (*parent.path, heading.title), heading.start + 1, body)
        parent.children.append(section)
        open_sections.append(section)
    return document
