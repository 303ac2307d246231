"""One row of the table of settings."""

from dataclasses import dataclass
from typing import Any

from hybrid_coordinator.settings.kinds import Kind
from hybrid_coordinator.settings.tree import Settings


@dataclass(frozen=True, slots=True)
class Setting:
    """One row of the table: the variable's name, its place in the tree and the TOML file, its kind and its meaning."""

    env: str
    key: str
    kind: Kind
    help: str

    @property
    def default(self) -> Any:
        section, name = self.key.split(".")
        return getattr(getattr(Settings(), section), name)
