"""The file system: where paths belong, what lies below them, and what is in them."""

import os
import stat
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import anyio.to_thread

from hybrid_coordinator.backends.files.ignoring import IgnoreRules, is_tool_folder
from hybrid_coordinator.domain.indexing import FoundFile, Place, Skipped, SkipReason
from hybrid_coordinator.errors import BadInput, NotFound

MAX_FILE_BYTES = 1_000_000
_LINES_AT_ONCE = 200
_MAX_LINE_BYTES = 4_000_000


@dataclass(frozen=True, slots=True)
class _Folder:
    """A folder yet to be listed. `path` is relative to `root`, "" for the root itself."""

    root: Path
    path: str
    rules: IgnoreRules

    @property
    def absolute(self) -> Path:
        return self.root / self.path


class LocalFiles:
    """Files as this process may read them. Hidden files are read like others; links are never followed."""

    def __init__(self, max_bytes: int = MAX_FILE_BYTES) -> None:
        self._max_bytes = max_bytes

    async def locate(self, path: str, known_roots: Sequence[str]) -> Place:
        return await anyio.to_thread.run_sync(_locate, path, known_roots)

    async def walk(self, place: Place) -> AsyncGenerator[FoundFile | Skipped, None]:
        waiting, found = await anyio.to_thread.run_sync(_enter, place, self._max_bytes)
        for one in found:
            yield one
        while waiting:
            folders, found = await anyio.to_thread.run_sync(_list_folder, waiting.pop(), self._max_bytes)
            waiting.extend(reversed(folders))
            for one in found:
                yield one

    async def read(self, file: FoundFile) -> bytes | Skipped:
        return await anyio.to_thread.run_sync(_read, file, self._max_bytes)

    async def lines(self, path: str) -> AsyncGenerator[Sequence[bytes], None]:
        """As the port says; a line past some megabytes is cut, which makes it no valid row."""
        with await anyio.to_thread.run_sync(_open_lines, path) as file:
            while batch := await anyio.to_thread.run_sync(_next_lines, file):
                yield batch


def _locate(path: str, known_roots: Sequence[str]) -> Place:
    try:
        absolute = Path(path).expanduser().resolve()
        missing = not absolute.exists()
        root = _git_root(absolute) or _known_root(absolute, known_roots)
    except (OSError, ValueError, RuntimeError) as error:
        raise BadInput(f"{path!r} is no path that can be looked up ({error}); name a file or a folder") from error
    if root is None and missing:
        raise NotFound(f"no file or folder {path!r}; check the spelling")
    if root is None:
        root = absolute if absolute.is_dir() else absolute.parent
    under = absolute.relative_to(root).as_posix()
    return Place(str(root), "" if under == "." else under, missing)


def _git_root(path: Path) -> Path | None:
    return next((folder for folder in (path, *path.parents) if (folder / ".git").exists()), None)


def _known_root(path: Path, known_roots: Sequence[str]) -> Path | None:
    """The outermost, so that no file belongs to two."""
    around = sorted(root for root in known_roots if path.is_relative_to(root))
    return Path(around[0]) if around else None


_Listing = tuple[list[_Folder], list[FoundFile | Skipped]]


def _enter(place: Place, max_bytes: int) -> _Listing:
    """Go down from the root to the place, as far as no rule forbids it."""
    root = Path(place.root)
    folders, found = [_Folder(root, "", IgnoreRules.of_repository(root))], list[FoundFile | Skipped]()
    if place.missing:
        return [], []
    for name in place.under.split("/") if place.under else ():
        if not folders:
            return [], [Skipped(place.root, place.under, SkipReason.IGNORED, "it lies in an ignored folder")]
        folder = _with_own_rules(folders[0], ())
        folders, found = _sort_entry(folder.absolute / name, folder, max_bytes)
    return folders, found


def _list_folder(folder: _Folder, max_bytes: int) -> _Listing:
    """What lies directly in a folder, by name: folders to be listed in turn, and files."""
    try:
        names = sorted(entry.name for entry in os.scandir(folder.absolute))
    except OSError as error:
        path = f"{folder.path}/" if folder.path else "./"
        return [], [Skipped(str(folder.root), path, SkipReason.UNREADABLE, error.strerror or "")]
    if folder.path and is_tool_folder(folder.absolute.name, names):
        return [], [Skipped(str(folder.root), f"{folder.path}/", SkipReason.IGNORED)]
    folder = _with_own_rules(folder, names)
    folders: list[_Folder] = []
    found: list[FoundFile | Skipped] = []
    for name in names:
        inner, outcome = _sort_entry(folder.absolute / name, folder, max_bytes)
        folders += inner
        found += outcome
    return folders, found


def _with_own_rules(folder: _Folder, names: Sequence[str]) -> _Folder:
    """A repository inside another starts anew, as a root of its own."""
    if folder.path and ".git" in names:
        folder = _Folder(folder.absolute, "", IgnoreRules.of_repository(folder.absolute))
    return _Folder(folder.root, folder.path, folder.rules.below(folder.root, folder.path))


def _sort_entry(entry: Path, folder: _Folder, max_bytes: int) -> _Listing:
    """What to do with one name in a folder."""
    path = f"{folder.path}/{entry.name}" if folder.path else entry.name
    root = str(folder.root)
    try:
        entry.name.encode()
        status = entry.lstat()
    except UnicodeEncodeError:
        shown = path.encode(errors="surrogateescape").decode(errors="replace")
        return [], [Skipped(root, shown, SkipReason.NOT_UTF8, "its name")]
    except OSError as error:
        return [], [Skipped(root, path, SkipReason.UNREADABLE, error.strerror or "")]
    is_folder = stat.S_ISDIR(status.st_mode)
    if is_tool_folder(entry.name, ()) or folder.rules.ignores(path, is_folder=is_folder):
        return [], [Skipped(root, f"{path}/" if is_folder else path, SkipReason.IGNORED)]
    if is_folder:
        return [_Folder(folder.root, path, folder.rules)], []
    return [], [_sort_file(root, path, status, max_bytes)]


def _sort_file(root: str, path: str, status: os.stat_result, max_bytes: int) -> FoundFile | Skipped:
    if stat.S_ISLNK(status.st_mode):
        return Skipped(root, path, SkipReason.SYMLINK)
    if not stat.S_ISREG(status.st_mode):
        return Skipped(root, path, SkipReason.SPECIAL)
    if status.st_size > max_bytes:
        return Skipped(root, path, SkipReason.TOO_LARGE, f"{status.st_size:,} bytes")
    return FoundFile(root, path)


def _read(file: FoundFile, max_bytes: int) -> bytes | Skipped:
    """The file may have become anything since it was listed: nothing here waits, and nothing follows a link."""
    try:
        descriptor = os.open(Path(file.root, file.path), os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        return Skipped(file.root, file.path, SkipReason.UNREADABLE, error.strerror or "")
    try:
        changed = _sort_file(file.root, file.path, os.fstat(descriptor), max_bytes)
        return changed if isinstance(changed, Skipped) else _read_whole(descriptor, file, max_bytes)
    except OSError as error:
        return Skipped(file.root, file.path, SkipReason.UNREADABLE, error.strerror or "")
    finally:
        os.close(descriptor)


def _read_whole(descriptor: int, file: FoundFile, max_bytes: int) -> bytes | Skipped:
    with os.fdopen(descriptor, "rb", closefd=False) as opened:
        data = opened.read(max_bytes + 1)
    return data if len(data) <= max_bytes else Skipped(file.root, file.path, SkipReason.TOO_LARGE, "it grew")


def _open_lines(path: str) -> BinaryIO:
    try:
        descriptor = os.open(Path(path).expanduser(), os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise NotFound(f"no file {path!r}; check the spelling") from error
    except (OSError, ValueError) as error:
        raise BadInput(f"{path!r} cannot be read ({error}); name a file that may be read") from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise BadInput(f"{path!r} is no plain file; name one with a JSON object on each line")
    return os.fdopen(descriptor, "rb")


def _next_lines(file: BinaryIO) -> list[bytes]:
    lines = (file.readline(_MAX_LINE_BYTES) for _ in range(_LINES_AT_ONCE))
    return [line.rstrip(b"\r\n") for line in lines if line]
