"""Which files a repository does not want to be looked at: git's rules, and `.hybridignore` with the same syntax.

Read are `.gitignore` in every folder, `.git/info/exclude`, and `.hybridignore` in every folder, which has the last
word in its folder. The ignore file of a person's own git settings is not read, so that a repository gives the same
passages to everyone.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pathspec import GitIgnoreSpec

IGNORE_FILES = (".gitignore", ".hybridignore")
ALWAYS_IGNORED = frozenset((
    ".git", ".hg", ".svn", ".jj",
    "node_modules", "bower_components", ".venv", ".direnv", ".tox", ".nox", ".eggs", ".terraform", ".gradle",
    "__pycache__", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".next", ".nuxt", ".svelte-kit", ".turbo",
    ".parcel-cache",
))  # fmt: skip
"""Folders that hold what tools wrote. So does any folder with a `CACHEDIR.TAG` or a `pyvenv.cfg` in it."""
_TOOL_MARKS = ("CACHEDIR.TAG", "pyvenv.cfg")


@dataclass(frozen=True, slots=True)
class _Rules:
    """The patterns of one ignore file; they apply to what lies below `folder` (relative to the root)."""

    folder: str
    spec: GitIgnoreSpec

    def verdict(self, path: str) -> bool | None:
        """True to ignore, False to keep, None when no pattern fits."""
        return self.spec.check_file(path[len(self.folder) :].lstrip("/")).include


@dataclass(frozen=True, slots=True)
class IgnoreRules:
    """All rules that apply in a folder, the outermost first; the last one that fits decides."""

    rules: tuple[_Rules, ...] = ()

    @classmethod
    def of_repository(cls, root: Path) -> "IgnoreRules":
        """The rules that hold in all of a repository; none when it is a plain folder."""
        exclude = git_folder(root) / "info" / "exclude"
        return cls(tuple(_read_rules([exclude], "")))

    def below(self, root: Path, folder: str) -> "IgnoreRules":
        """With the ignore files of a folder."""
        files = [root / folder / name for name in IGNORE_FILES]
        found = tuple(_read_rules(files, folder))
        return IgnoreRules(self.rules + found) if found else self

    def ignores(self, path: str, *, is_folder: bool) -> bool:
        """Whether a file or folder that lies in no ignored folder is ignored itself."""
        asked = f"{path}/" if is_folder else path
        verdicts = (rules.verdict(asked) for rules in reversed(self.rules))
        return next((verdict for verdict in verdicts if verdict is not None), False)


def is_tool_folder(name: str, entries: Iterable[str]) -> bool:
    """Whether a folder of this name and content was written by a tool."""
    return name in ALWAYS_IGNORED or any(mark in entries for mark in _TOOL_MARKS)


def git_folder(root: Path) -> Path:
    """Where git keeps what belongs to this working tree, linked worktrees and submodules included."""
    marker = root / ".git"
    if not marker.is_file():
        return marker
    pointer = _text_of(marker).partition("gitdir:")[2].strip()
    folder = (root / pointer).resolve()
    shared = _text_of(folder / "commondir").strip()
    return (folder / shared).resolve() if shared else folder


def _read_rules(files: Iterable[Path], folder: str) -> Iterable[_Rules]:
    for file in files:
        lines = _text_of(file).splitlines()
        if lines:
            yield _Rules(folder, GitIgnoreSpec.from_lines(lines))


def _text_of(file: Path) -> str:
    """A file's text; one that is not there, or cannot be read, says nothing."""
    try:
        return file.read_text(errors="replace") if file.is_file() else ""
    except OSError:
        return ""
