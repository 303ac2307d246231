"""A request's body, looked into with the path at hand, so that a complaint names the place."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hybrid_coordinator.errors import BadInput


@dataclass(frozen=True, slots=True)
class Field:
    """A value in a body and the way to it. None is what a field holds that is absent or null."""

    value: Any
    path: str = ""

    def at(self, key: str) -> "Field":
        """The field of that name inside; one that holds None when this is no object or has none."""
        inner = self.value.get(key) if isinstance(self.value, Mapping) else None
        return Field(inner, f"{self.path}.{key}" if self.path else key)

    def refuse(self, expected: str) -> BadInput:
        """The complaint that something else was expected here."""
        found = "it is missing" if self.value is None else f"not {self.value!r:.80}"
        return BadInput(f"{self.path or 'the body'}: {expected} is due, {found}")

    def text(self) -> str:
        if not isinstance(self.value, str):
            raise self.refuse("a text")
        return self.value

    def name(self) -> str:
        """A text that is not blank."""
        if not self.text().strip():
            raise self.refuse("a name")
        return self.text()

    def text_or_empty(self) -> str:
        return "" if self.value is None else self.text()

    def items(self) -> list["Field"]:
        """The members of a list; none when it is absent."""
        if self.value is None:
            return []
        if not isinstance(self.value, list):
            raise self.refuse("a list")
        return [Field(member, f"{self.path}[{index}]") for index, member in enumerate(self.value)]

    def object_or_empty(self) -> Mapping[str, Any]:
        return {} if self.value is None else self.object()

    def object(self) -> Mapping[str, Any]:
        if not isinstance(self.value, Mapping):
            raise self.refuse("an object")
        return self.value

    def count(self) -> int | None:
        """A whole number above zero, or None when it is absent."""
        if self.value is None:
            return None
        if not isinstance(self.value, int) or isinstance(self.value, bool) or self.value < 1:
            raise self.refuse("a whole number above 0")
        return self.value

    def number(self, low: float, high: float) -> float | None:
        """A number in a range, or None when it is absent."""
        if self.value is None:
            return None
        if not isinstance(self.value, int | float) or isinstance(self.value, bool) or not low <= self.value <= high:
            raise self.refuse(f"a number from {low:g} to {high:g}")
        return float(self.value)
