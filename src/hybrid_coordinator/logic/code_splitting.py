"""Code along its functions and classes."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from tree_sitter import Node, Parser

from hybrid_coordinator.logic.grammars import GRAMMARS, Grammar, load_language
from hybrid_coordinator.logic.pieces import MAX_CHARACTERS, TARGET_CHARACTERS, Piece, Run, pack, paragraphs
from hybrid_coordinator.logic.purposes import comment_text, first_sentence, say_symbol

_MAX_NESTING = 8
_MAX_LINE = 5_000
_CHUNK = 65_536
_HEADER_CHARACTERS = 200
_STEPS_A_CHARACTER = 1 / 20
"""A step of the parser's progress is some hundred operations; real code takes about a step for a hundred characters."""


def split_code(text: str, language: str) -> Iterator[Piece]:
    """Each function and class of a file, members of large classes by themselves, then what stands between them.

    Code in a language without a grammar here, and code that no parser gets through, is cut along blank lines.
    """
    lines = tuple(text.split("\n"))
    root = _parse(text, lines, language)
    if root is None:
        yield from pack(paragraphs(Run(1, lines)))
        return
    splitter = _Splitter(GRAMMARS[language], lines)
    yield from splitter.split(root)


def _parse(text: str, lines: Sequence[str], language: str) -> Node | None:
    grammar = GRAMMARS.get(language)
    if grammar is None or len(text) > grammar.most_characters or max(map(len, lines)) > _MAX_LINE:
        return None
    data = text.encode()
    left = 1_000 + len(data) * _STEPS_A_CHARACTER

    def out_of_steps(offset: int, has_error: bool) -> bool:
        nonlocal left
        left -= 1
        return left < 0

    tree = Parser(load_language(language)).parse(
        lambda offset, point: data[offset : offset + _CHUNK], progress_callback=out_of_steps
    )
    return tree.root_node if tree else None


@dataclass(frozen=True, slots=True)
class _Definition:
    """A function or class, with the comments directly above it: lines `start` to `end`, from 0, `end` outside."""

    node: Node
    start: int
    end: int
    symbol: str
    container: bool


@dataclass(frozen=True, slots=True)
class _Splitter:
    grammar: Grammar
    lines: tuple[str, ...]

    def split(self, root: Node) -> Iterator[Piece]:
        purpose = first_sentence(self._leading_text(root))
        found = self._definitions(root.named_children)
        yield from self._within(found, Piece("", 1, 1, purpose=purpose), 0, len(self.lines), 0)

    def _within(self, found: Sequence[_Definition], around: Piece, start: int, end: int, depth: int) -> Iterator[Piece]:
        """The definitions inside some lines, and before them one piece after another of what is left."""
        between = list(self._between(found, start, end))
        for piece in pack(part for run in between for part in paragraphs(run)):
            yield replace(piece, symbol=around.symbol, purpose=around.purpose, header=around.header)
        for definition in found:
            yield from self._pieces(definition, around, depth)

    def _between(self, found: Sequence[_Definition], start: int, end: int) -> Iterator[Run]:
        for definition in found:
            if definition.start > start:
                yield Run(start + 1, self.lines[start : definition.start])
            start = max(start, definition.end)
        if end > start:
            yield Run(start + 1, self.lines[start:end])

    def _pieces(self, definition: _Definition, around: Piece, depth: int) -> Iterator[Piece]:
        run = Run(definition.start + 1, self.lines[definition.start : definition.end])
        symbol = f"{around.symbol}.{definition.symbol}" if around.symbol else definition.symbol
        purpose = self._purpose(definition, symbol)
        whole = Piece("\n".join(run.lines), run.start, run.end, symbol, purpose, around.header)
        if definition.container and run.size > TARGET_CHARACTERS and depth < _MAX_NESTING:
            members = self._definitions(_members(definition.node, self.grammar))
            if members:
                inner = replace(whole, header=self._header(definition, around.header))
                yield from self._open(definition, members, inner, around.header, depth + 1)
                return
        if run.size <= MAX_CHARACTERS:
            yield whole
        else:
            yield from self._cut(run, replace(whole, header=self._header(definition, around.header)), around.header)

    def _open(
        self, definition: _Definition, members: Sequence[_Definition], inner: Piece, outer_header: str, depth: int
    ) -> Iterator[Piece]:
        for piece in self._within(members, inner, definition.start, definition.end, depth):
            if piece.line_start > definition.start + 1:
                yield piece
            elif not set(_words(piece.text)) <= set(_words(inner.header)):  # more than the header alone
                yield replace(piece, header=outer_header)

    def _cut(self, run: Run, whole: Piece, outer_header: str) -> Iterator[Piece]:
        for piece in pack(paragraphs(run)):
            header = outer_header if piece.line_start == run.start else whole.header
            yield replace(piece, symbol=whole.symbol, purpose=whole.purpose, header=header)

    def _header(self, definition: _Definition, around: str) -> str:
        """The lines of the classes around it and its own first line, outermost first."""
        first = self.lines[_inner(definition.node, self.grammar).start_point.row].rstrip()[:_HEADER_CHARACTERS]
        return f"{around}\n{first}" if around else first

    def _definitions(self, nodes: Sequence[Node]) -> list[_Definition]:
        """Those among some nodes, in order; two never share a line."""
        found: list[_Definition] = []
        for node, first in self._candidates(nodes):
            start = max(first, found[-1].end) if found else first
            definition = self._read(node, start)
            if definition.end - start >= self.grammar.least_lines:
                found.append(definition)
        return found

    def _candidates(self, nodes: Sequence[Node]) -> Iterator[tuple[Node, int]]:
        """Definitions in tree order, looking through what only holds them; each with the line of the uppermost comment
        that touches it, or its own first line.
        """
        begun, ended = 0, -1  # the lines of the comments just read, `ended` outside
        waiting = list(reversed(nodes))
        while waiting:
            node = waiting.pop()
            if node.type in self.grammar.transparent:
                waiting.extend(reversed(node.named_children))
                continue
            if node.start_point.row > ended:
                begun = node.start_point.row
            if self._is_comment(node):
                ended = _line_after(node)
                continue
            if self._defines(node):
                yield node, begun
            ended = -1

    def _is_comment(self, node: Node) -> bool:
        """Not one at the end of a line of code, which belongs to that line."""
        row, column = node.start_point
        return node.type in self.grammar.comments and not self.lines[row][:column].strip()

    def _defines(self, node: Node) -> bool:
        inner = _inner(node, self.grammar)
        if inner.type in self.grammar.definitions or inner.type in self.grammar.containers:
            return True
        values = self.grammar.functions_in.get(inner.type)
        return values is not None and _value(inner).type in values

    def _read(self, node: Node, start: int) -> _Definition:
        inner = _inner(node, self.grammar)
        container = inner.type in self.grammar.containers or _value(inner).type in self.grammar.containers
        return _Definition(node, start, _line_after(node), symbol_of(inner), container)

    def _purpose(self, definition: _Definition, symbol: str) -> str:
        documented = _docstring(_inner(definition.node, self.grammar)) or self._comment_above(definition)
        return first_sentence(documented) or say_symbol(symbol)

    def _comment_above(self, definition: _Definition) -> str:
        return comment_text(self.lines[definition.start : definition.node.start_point.row])

    def _leading_text(self, root: Node) -> str:
        """What a file says of itself at its top."""
        documented = _string_statement(root)
        if documented:
            return documented
        end = 0
        for node in root.named_children:
            if node.type not in self.grammar.comments or node.start_point.row > end:
                break
            end = _line_after(node)
        return comment_text(self.lines[:end])


def symbol_of(node: Node) -> str:
    """What a definition is called, with the type it belongs to where the syntax says so; "" when it has no name."""
    named = node.child_by_field_name("name") or node.child_by_field_name("attrpath")
    if named is None and node.type == "impl_item":
        named = node.child_by_field_name("type")
    if named is None:
        named = _declared_name(node)
    name = _text(named)
    receiver = node.child_by_field_name("receiver")
    words = _words(_text(receiver))
    return f"{words[-1]}.{name}" if words else name


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text)


def _declared_name(node: Node) -> Node | None:
    """`const name = …`, `exports.name = …`, `type Name …`, `namespace Name …`."""
    for child in node.named_children:
        for part in ("name", "left", "property"):
            named = child.child_by_field_name(part)
            if named is not None:
                return named
    return node.child_by_field_name("property")


def _text(node: Node | None) -> str:
    return node.text.decode() if node is not None and node.text is not None else ""


def _inner(node: Node, grammar: Grammar) -> Node:
    """What decorators or `export` stand before."""
    while node.type in grammar.wrappers:
        held = node.child_by_field_name("definition") or node.child_by_field_name("declaration")
        held = held or (node.named_children[-1] if node.named_children else None)
        if held is None:
            break
        node = held
    return node


def _value(node: Node) -> Node:
    """What a declaration gives a name to."""
    held = node.named_children[0] if node.named_children else node
    if node.type in ("public_field_definition", "field_definition"):
        return node.child_by_field_name("value") or node
    return held.child_by_field_name("value") or held.child_by_field_name("right") or held


def _members(node: Node, grammar: Grammar) -> list[Node]:
    """What stands inside a container."""
    inner = _inner(node, grammar)
    inner = inner if inner.type in grammar.containers else _value(inner)
    body = inner.child_by_field_name("body") or inner.child_by_field_name("expression") or inner
    return body.named_children


def _line_after(node: Node) -> int:
    """The first line that a node has no part in; some nodes end with the line break."""
    return node.end_point.row + (1 if node.end_point.column > 0 else 0)


def _docstring(node: Node) -> str:
    body = node.child_by_field_name("body")
    return _string_statement(body) if body is not None else ""


def _string_statement(block: Node) -> str:
    """The text of a string that stands first and alone."""
    first = next((child for child in block.named_children if child.type != "comment"), None)
    if first is None or first.type != "expression_statement" or not first.named_children:
        return ""
    string = first.named_children[0]
    content = next((part for part in string.named_children if part.type == "string_content"), None)
    return _text(content) if string.type == "string" else ""
