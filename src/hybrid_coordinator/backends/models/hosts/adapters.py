"""Adapter files: what they must be before an engine sees them."""

import hashlib
import json
import os
import re
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import anyio.to_thread

from hybrid_coordinator.backends.disk import write_whole
from hybrid_coordinator.domain.training import BaseWeights
from hybrid_coordinator.domain.versions import ModelVersion
from hybrid_coordinator.errors import ModelRefused, ModelUnavailable
from hybrid_coordinator.wire.gguf_metadata import read_metadata, why_no_adapter_of

NEXT_STEP = "train a new version"


KEPT_BYTES = 32 << 20
"""The hash of a file of so many is kept over restarts: the first to ask after one must not wait until weights are read
whole."""

MOST_KEPT = 50

_KEY = re.compile(r"\d+ \d+ \d+ /")


class Fingerprints:
    """The sha256 of files, each computed once for as long as its size and times stay what they are."""

    def __init__(self, keep: Path | None = None) -> None:
        """`keep` is a file for the hashes of large files; one that cannot be read, or written, is passed over."""
        self._keep = keep
        self._known: dict[str, str] = _read(keep) if keep else {}
        self._turn = threading.Lock()

    async def of(self, path: Path) -> str:
        """In hexadecimal. Raises OSError."""
        return await anyio.to_thread.run_sync(self._of, path)

    def _of(self, path: Path) -> str:
        with path.open("rb") as file:
            state = os.fstat(file.fileno())
            key = f"{state.st_size} {state.st_mtime_ns} {state.st_ctime_ns} {path.absolute()}"
            if key in self._known:
                return self._known[key]
            with self._turn:
                if key not in self._known:
                    self._known[key] = hashlib.file_digest(file, "sha256").hexdigest()
                    if self._keep and state.st_size >= KEPT_BYTES:
                        _write(self._keep, self._known)
                return self._known[key]


def _read(path: Path) -> dict[str, str]:
    try:
        known = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    if not isinstance(known, dict):
        return {}
    return {key: value for key, value in known.items() if _KEY.match(key) and isinstance(value, str)}


def _write(path: Path, known: Mapping[str, str]) -> None:
    """Of the large files only, the newest of them: the rest is soon read again."""
    large = {key: value for key, value in known.items() if int(key.partition(" ")[0]) >= KEPT_BYTES}
    with suppress(OSError):
        write_whole(path, json.dumps(dict(list(large.items())[-MOST_KEPT:])).encode())


async def check_adapter(
    version: ModelVersion, artefact: Path | None, base: BaseWeights, fingerprints: Fingerprints
) -> Path:
    """The file of a version, once it is known to be what was trained, for these base weights. Raises ModelRefused."""
    if artefact is None:
        raise ModelRefused(f"version {version.name!r} has no file to load: {NEXT_STEP}")
    try:
        sha256 = await fingerprints.of(artefact)
        if sha256 != version.sha256:
            raise _refused(version, artefact, f"has the sha256 {sha256}, and {version.sha256} was trained")
        reason = await anyio.to_thread.run_sync(_why_not, artefact, base.sha256)
    except FileNotFoundError as error:  # another process on the same records may have it
        raise ModelUnavailable(
            f"the file {str(artefact)!r} of version {version.name!r} is not here (of runs that nobody needs, "
            f"HYBRID_FINETUNE_KEEP_RUNS are kept): {NEXT_STEP}"
        ) from error
    except OSError as error:
        raise ModelUnavailable(
            f"the file {str(artefact)!r} of version {version.name!r} cannot be read now ({error}): look at its disk"
        ) from error
    except ValueError as error:
        raise _refused(version, artefact, f"cannot be read ({error})") from error
    if reason:
        raise _refused(version, artefact, f"is not for {base.name!r} (sha256 {base.sha256}): {reason}")
    return artefact


def _why_not(artefact: Path, base_sha256: str) -> str:
    with artefact.open("rb") as file:
        return why_no_adapter_of(read_metadata(file), base_sha256)


def _refused(version: ModelVersion, artefact: Path, what: str) -> ModelRefused:
    return ModelRefused(f"the file {str(artefact)!r} of version {version.name!r} {what}: {NEXT_STEP}")
