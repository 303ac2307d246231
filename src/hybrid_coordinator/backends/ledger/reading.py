"""What every reader of foreign SQL shares: what is refused, with which words, and how large a result may grow."""

import re
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any, Protocol

from hybrid_coordinator.backends.ledger.engines import Store
from hybrid_coordinator.backends.ledger.views import VIEW_NAMES
from hybrid_coordinator.errors import RefusedStatement
from hybrid_coordinator.ports import Table

LONGEST_STATEMENT = 10_000
"""Characters. A question to these views needs no more."""

LONGEST_CELL = 20_000
"""Characters of a text that are shown; a longer one ends in an ellipsis."""

LARGEST_RESULT = 2_000_000
"""Characters of all cells together; rows beyond them are left out, and the table says that it is truncated."""

_BLANKS = r"(?:\s|--[^\n]*(?:\n|\Z)|/\*.*?\*/)*"
_A_READ = re.compile(rf"\A{_BLANKS}(?:SELECT|WITH)\b", re.IGNORECASE | re.DOTALL)


class Reader(Protocol):
    """Runs a stranger's statement with the rights to read the views and nothing else."""

    def __init__(self, store: Store) -> None: ...

    def read(self, statement: str, limit: int, timeout_s: float) -> Table:
        """Run it, blocking. Raises RefusedStatement for all but one plain read that ends within the time."""


def refused(statement: str, why: str) -> RefusedStatement:
    """The error that says why, and what would be right."""
    shown = statement if len(statement) <= 200 else statement[:200] + "…"
    return RefusedStatement(
        f"the statement {shown!r} is refused: {why}; send one SELECT (or WITH … SELECT) over the views "
        f"{', '.join(VIEW_NAMES)}, with the usual aggregate, text and date functions"
    )


def check_form(statement: str) -> None:
    """Refuse what does not even look like a read; what a statement reaches for is the database's to tell."""
    if len(statement) > LONGEST_STATEMENT:
        raise refused(statement, f"it has {len(statement)} characters, over {LONGEST_STATEMENT}")
    if not statement.isprintable() and re.search(r"[\x00\ud800-\udfff]", statement):
        raise refused(statement, "it holds a character that SQL cannot")
    if not _A_READ.match(statement):
        raise refused(statement, "it does not start with SELECT or WITH")


def to_table(columns: Sequence[str], rows: Iterable[Sequence[Any]], limit: int) -> Table:
    """Plain JSON cells of at most `limit` rows; asks for one row more, to know whether there is one."""
    kept: list[tuple[Any, ...]] = []
    size = 0
    for row in rows:
        cells = tuple(_cell(value) for value in row)
        size += sum(len(cell) for cell in cells if isinstance(cell, str))
        if len(kept) == limit or size > LARGEST_RESULT:
            return Table(tuple(columns), tuple(kept), truncated=True)
        kept.append(cells)
    return Table(tuple(columns), tuple(kept))


def _cell(value: Any) -> Any:
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    text = value.hex() if isinstance(value, bytes) else str(value)
    return text if len(text) <= LONGEST_CELL else text[:LONGEST_CELL] + "…"
