"""Putting the files of a finished dataset in the place of the old ones, so that a kill cannot leave half of it.

A dataset is written whole into a folder of its own. Giving that folder its second name is the moment from which the new
dataset counts; moving the files out of it can then be done again by whoever comes next. The card is moved last.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path

from hybrid_coordinator.backends.disk import settle


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the files of the dataset at `path` lie, and the folders it is made in."""

    path: Path

    @property
    def making(self) -> Path:
        return self.path.with_name(f".{self.path.stem}.making")

    @property
    def made(self) -> Path:
        return self.path.with_name(f".{self.path.stem}.made")

    @property
    def lock(self) -> Path:
        return self.path.with_name(f".{self.path.stem}.lock")

    @property
    def card(self) -> Path:
        return self.path.with_name(f"{self.path.stem}.card.json")

    @property
    def page(self) -> Path:
        return self.path.with_name(f"{self.path.stem}.card.md")

    def part(self, name: str) -> Path:
        """`dataset.train.jsonl`; the part "" is the dataset itself."""
        return self.path.with_name(f"{self.path.stem}.{name}{self.path.suffix}") if name else self.path


def clear(layout: Layout) -> None:
    """Throw away what was begun and not finished."""
    if layout.making.exists():
        shutil.rmtree(layout.making)


def commit(layout: Layout) -> None:
    """From here on the new dataset counts."""
    settle(layout.making)
    layout.making.rename(layout.made)
    settle(layout.path.parent)


def switch(layout: Layout) -> None:
    """Move what was committed to its place. Doing it again, or after a kill in the middle, ends well."""
    if not layout.made.exists():
        return
    for file in sorted(layout.made.iterdir(), key=lambda file: (file.name == layout.card.name, file.name)):
        file.replace(layout.path.with_name(file.name))
    settle(layout.path.parent)
    layout.made.rmdir()
