"""Where everything of a run lies. The trainer's process knows the same names."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class RunFolder:
    """The folder of one run."""

    path: Path

    @property
    def making(self) -> Path:
        """The material while it is written; nobody reads it."""
        return self.path / ".material.making"

    @property
    def material(self) -> Path:
        return self.path / "material"

    @property
    def seal(self) -> Path:
        """The SHA-256 of every file of the material, by name."""
        return self.material / "seal.json"

    @property
    def order(self) -> Path:
        return self.path / "order.json"

    @property
    def progress(self) -> Path:
        return self.path / "progress.json"

    @property
    def log(self) -> Path:
        return self.path / "log.txt"

    @property
    def lock(self) -> Path:
        """Held by the trainer's process for as long as it lives."""
        return self.path / "lock"

    @property
    def failure(self) -> Path:
        return self.path / "failure.json"

    @property
    def cancelled(self) -> Path:
        """There once somebody has ended the run for good."""
        return self.path / "cancelled"

    @property
    def manifest(self) -> Path:
        """Written last: where it is, the run is whole."""
        return self.path / "manifest.json"
