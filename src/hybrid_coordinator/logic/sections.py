"""Documents as trees of headed sections: Markdown and reStructuredText."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from hybrid_coordinator.logic.pieces import Run

_ATX = re.compile(r"^ {0,3}(#{1,6})[ \t]+(.+?)[ \t]*#*[ \t]*$")
_FENCE = re.compile(r"^ {0,12}(?P<fence>`{3,}|~{3,})(?P<rest>.*)$")
_SETEXT = re.compile(r"^ {0,3}(=+|-+)[ \t]*$")
_ADORNMENT = re.compile(r"^([=\-~^\"'`#*+.:_<>])\1{2,}[ \t]*$")
_RULE = re.compile(r"^ {0,3}([-*_])[ \t]*(?:\1[ \t]*){2,}$")
_BREAK_BEFORE_SETEXT = re.compile(r"^\s*(?:[-*+>|#]|\d+[.)]\s|$)")
_INLINE_MARKS = re.compile(r"\[([^\]\n]{1,300})\]\([^)\n]{0,500}\)|[*_`]{1,3}([^*_`\n]{1,300})[*_`]{1,3}")


@dataclass(frozen=True, slots=True)
class Heading:
    """Its own lines, from 0; `end` is the line after them."""

    level: int
    title: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Section:
    """A heading with the text directly under it, and the sections within. Level 0 is the document itself.

    `path` is the titles from the outermost heading down to this one; `run` begins with the heading's lines.
    """

    level: int
    path: tuple[str, ...]
    run: Run
    heading_lines: int
    children: list["Section"] = field(default_factory=list)

    @property
    def title(self) -> str:
        return self.path[-1] if self.path else ""

    @property
    def body(self) -> Run:
        """The lines directly under the heading."""
        return Run(self.run.start + self.heading_lines, self.run.lines[self.heading_lines :])

    @property
    def text(self) -> str:
        return "\n".join(self.body.lines).strip()

    def runs(self) -> Iterator[Run]:
        """All of it, headings and the sections within included, in order."""
        yield self.run
        for child in self.children:
            yield from child.runs()

    def everything(self) -> str:
        """The text under the heading and of all sections within, as it is written."""
        parts = [self.text, *("\n".join(run.lines).strip() for child in self.children for run in child.runs())]
        return "\n\n".join(part for part in parts if part)


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
    """Paragraphs, and each stretch of fenced code in one block with what touches it; rules between them are dropped."""
    inside = fenced(run.lines)
    begin: int | None = None
    for index, line in enumerate((*run.lines, "")):
        is_blank = not line.strip() and not (index < len(inside) and inside[index])
        if not is_blank and begin is None:
            begin = index
        elif is_blank and begin is not None:
            if index > begin + 1 or not _RULE.match(run.lines[begin]):
                yield Run(run.start + begin, run.lines[begin:index])
            begin = None


def code_blocks(text: str) -> list[str]:
    """The insides of fenced code."""
    found: list[list[str]] = []
    lines = text.split("\n")
    was_inside = False
    for line, inside in zip(lines, fenced(lines), strict=True):
        if inside and not was_inside:
            found.append([])
        elif inside and not _FENCE.match(line):
            found[-1].append(line)
        was_inside = inside
    return ["\n".join(block) for block in found if block]


def prose(text: str) -> str:
    """The text outside fenced code."""
    lines = text.split("\n")
    told = (line for line, inside in zip(lines, fenced(lines), strict=True) if not inside and not _RULE.match(line))
    return "\n".join(told).strip()


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
    starts = [*(heading.start for heading in headings), len(lines)]
    document = Section(0, (), Run(1, lines[: starts[0]]), 0)
    around = [document]
    for heading, end in zip(headings, starts[1:], strict=True):
        while around[-1].level >= heading.level:
            around.pop()
        run = Run(heading.start + 1, lines[heading.start : end])
        section = Section(heading.level, (*around[-1].path, heading.title), run, heading.end - heading.start)
        around[-1].children.append(section)
        around.append(section)
    return document
