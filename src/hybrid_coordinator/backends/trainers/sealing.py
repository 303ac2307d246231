"""The material of a run as files under a seal: written once, whole, and known to be what it was."""

import json
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from hashlib import sha256

from hybrid_coordinator.backends.disk import settle, write_new
from hybrid_coordinator.backends.trainers.run_folder import RunFolder
from hybrid_coordinator.domain.knowledge import Payload
from hybrid_coordinator.errors import Conflict, Damaged, NotFound
from hybrid_coordinator.ports import Material

ROWS = ("train", "validation", "held_out", "pairs", "keep")
TEXTS = ("replay", "regression", "documents")
PROMPTS = "prompts.json"


def to_files(material: Material) -> Mapping[str, bytes]:
    """The files by name; the same material gives the same bytes."""
    files = {f"{name}.jsonl": _lines(getattr(material, name)) for name in ROWS}
    return {**files, PROMPTS: json.dumps({name: list(getattr(material, name)) for name in TEXTS}).encode()}


def _lines(rows: Sequence[Payload]) -> bytes:
    """ASCII: no line separator of Unicode in a text ends a line, and half a surrogate pair comes back as it was."""
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def seal_material(run: RunFolder, files: Mapping[str, bytes]) -> None:
    """Write the files, all or nothing. Blocks; raises OSError, and Conflict when others lie there already."""
    digests = {name: sha256(content).hexdigest() for name, content in files.items()}
    if run.material.exists():
        if read_seal(run) != digests:
            raise Conflict(f"run {run.path.name!r} works on other material already; start a new run")
        return
    clear_making(run)
    try:
        run.making.mkdir(mode=0o700, parents=True)
        for name, content in files.items():
            write_new(run.making / name, content)
        write_new(run.making / run.seal.name, json.dumps(digests).encode())
        settle(run.making)
        run.making.rename(run.material)
        settle(run.path)
    except OSError:
        clear_making(run)
        with suppress(OSError):  # there is more in it, or not even the folder
            run.path.rmdir()
        raise


def clear_making(run: RunFolder) -> None:
    """Throw away what was begun and not finished."""
    if run.making.exists():
        shutil.rmtree(run.making)


def read_seal(run: RunFolder) -> Mapping[str, str]:
    """The SHA-256 of each file of the material. Raises NotFound, and Damaged when the seal cannot be read."""
    if not run.material.exists():
        raise NotFound(f"run {run.path.name!r} has no material; start a new run")
    try:
        digests = json.loads(run.seal.read_bytes())
    except (OSError, ValueError) as error:
        raise _damaged(run, run.seal.name) from error
    match digests:
        case dict():
            return digests
        case _:
            raise _damaged(run, run.seal.name)


def open_material(run: RunFolder) -> Material:
    """What was sealed. Blocks; raises NotFound, and Damaged when it is no longer that."""
    digests = read_seal(run)
    contents = {name: _unseal(run, name, digests) for name in (*(f"{rows}.jsonl" for rows in ROWS), PROMPTS)}
    rows = {name: [json.loads(line) for line in contents[f"{name}.jsonl"].splitlines()] for name in ROWS}
    return Material(**rows, **json.loads(contents[PROMPTS]))


def _unseal(run: RunFolder, name: str, digests: Mapping[str, str]) -> bytes:
    try:
        content = (run.material / name).read_bytes()
    except OSError as error:
        raise _damaged(run, name) from error
    if sha256(content).hexdigest() != digests.get(name):
        raise _damaged(run, name)
    return content


def _damaged(run: RunFolder, name: str) -> Damaged:
    return Damaged(f"{name!r} of run {run.path.name!r} is not what was frozen; start a new run")
