"""The languages whose functions and classes are found by parsing, and what they are called in each syntax tree."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache

import tree_sitter_bash
import tree_sitter_go
import tree_sitter_javascript
import tree_sitter_nix
import tree_sitter_python
import tree_sitter_rust
import tree_sitter_typescript
from tree_sitter import Language


@dataclass(frozen=True, slots=True)
class Grammar:
    """Node types by their part in a file.

    A definition is a passage of its own. A container is one whose members become passages when it is large. A wrapper
    (decorators, `export`) takes its name and kind from what it holds. What is transparent is looked through. Shorter
    definitions than `least_lines` are read together; longer files than `most_characters` are not parsed.
    """

    load: Callable[[], object]
    definitions: frozenset[str]
    containers: frozenset[str] = frozenset()
    wrappers: frozenset[str] = frozenset()
    transparent: frozenset[str] = frozenset()
    comments: frozenset[str] = frozenset({"comment"})
    functions_in: Mapping[str, frozenset[str]] = field(default_factory=dict)
    least_lines: int = 1
    most_characters: int = 1_000_000


def _set(names: str) -> frozenset[str]:
    return frozenset(names.split())


_FUNCTION_VALUES = {
    "lexical_declaration": _set("arrow_function function_expression generator_function class"),
    "variable_declaration": _set("arrow_function function_expression generator_function class"),
    "expression_statement": _set("arrow_function function_expression generator_function class internal_module"),
    "public_field_definition": _set("arrow_function function_expression"),
    "field_definition": _set("arrow_function function_expression"),
}
_JAVASCRIPT = _set("function_declaration generator_function_declaration method_definition")
_TYPESCRIPT = _JAVASCRIPT | _set("interface_declaration type_alias_declaration enum_declaration")
_TYPESCRIPT_CONTAINERS = _set("class_declaration abstract_class_declaration internal_module module")
_TYPESCRIPT_ATTRIBUTES = {
    "definitions": _TYPESCRIPT,
    "containers": _TYPESCRIPT_CONTAINERS,
    "wrappers": _set("export_statement ambient_declaration"),
    "functions_in": _FUNCTION_VALUES,
}

GRAMMARS: Mapping[str, Grammar] = {
    # the scanner for here-documents takes quadratic time on hostile input
    "bash": Grammar(tree_sitter_bash.language, _set("function_definition"), most_characters=40_000),
    "go": Grammar(tree_sitter_go.language, _set("function_declaration method_declaration type_declaration")),
    "javascript": Grammar(
        tree_sitter_javascript.language,
        _JAVASCRIPT,
        containers=_set("class_declaration"),
        wrappers=_set("export_statement"),
        functions_in=_FUNCTION_VALUES,
    ),
    "nix": Grammar(
        tree_sitter_nix.language,
        frozenset(),
        containers=_set("binding"),
        transparent=_set(
            "function_expression let_expression with_expression parenthesized_expression apply_expression"
            " attrset_expression rec_attrset_expression binding_set"
        ),
        least_lines=3,
    ),
    "python": Grammar(
        tree_sitter_python.language,
        _set("function_definition"),
        containers=_set("class_definition"),
        wrappers=_set("decorated_definition"),
    ),
    "rust": Grammar(
        tree_sitter_rust.language,
        _set("function_item struct_item enum_item union_item macro_definition type_item function_signature_item"),
        containers=_set("impl_item trait_item mod_item"),
        comments=_set("line_comment block_comment attribute_item"),
    ),
    "tsx": Grammar(tree_sitter_typescript.language_tsx, **_TYPESCRIPT_ATTRIBUTES),  # type: ignore[arg-type]
    "typescript": Grammar(tree_sitter_typescript.language_typescript, **_TYPESCRIPT_ATTRIBUTES),  # type: ignore[arg-type]
}


@cache
def load_language(name: str) -> Language:
    """The parser's tables, made once a process."""
    return Language(GRAMMARS[name].load())
