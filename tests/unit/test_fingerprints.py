"""Hashes of large files outlive the process that made them."""

import os
from hashlib import sha256
from pathlib import Path

import pytest

from hybrid_coordinator.backends.models.hosts.adapters import KEPT_BYTES, Fingerprints


@pytest.fixture
def large(tmp_path: Path) -> Path:
    path = tmp_path / "weights.gguf"
    with path.open("wb") as file:
        file.truncate(KEPT_BYTES)
    return path


async def test_what_one_process_has_read_whole_the_next_need_not(large: Path, tmp_path: Path) -> None:
    keep = tmp_path / "fingerprints.json"
    found = await Fingerprints(keep).of(large)
    keep.write_text(keep.read_text().replace(found, "f" * 64))  # nobody but the file could say so

    assert found == sha256(bytes(KEPT_BYTES)).hexdigest()
    assert await Fingerprints(keep).of(large) == "f" * 64


async def test_a_file_that_was_changed_is_read_again_though_its_size_and_date_are_the_same(
    large: Path, tmp_path: Path
) -> None:
    keep = tmp_path / "fingerprints.json"
    before, date = await Fingerprints(keep).of(large), large.stat()
    with large.open("r+b") as file:
        file.write(b"other")
    os.utime(large, ns=(date.st_atime_ns, date.st_mtime_ns))

    assert await Fingerprints(keep).of(large) != before


async def test_small_files_are_not_kept(tmp_path: Path) -> None:
    small = tmp_path / "adapter.gguf"
    small.write_bytes(b"GGUF")

    await Fingerprints(tmp_path / "fingerprints.json").of(small)

    assert not (tmp_path / "fingerprints.json").exists()


@pytest.mark.parametrize("content", [b"", b"\xff", b"[]", b'{"x": 1}', b'{"1 2 3 /a": 4}'])
async def test_a_spoilt_file_of_hashes_is_written_anew(content: bytes, large: Path, tmp_path: Path) -> None:
    keep = tmp_path / "fingerprints.json"
    keep.write_bytes(content)

    assert await Fingerprints(keep).of(large) == sha256(bytes(KEPT_BYTES)).hexdigest()
    assert keep.read_text().count("/weights.gguf") == 1


async def test_where_nothing_can_be_written_hashes_are_still_told(large: Path, tmp_path: Path) -> None:
    found = await Fingerprints(tmp_path / "absent" / "fingerprints.json").of(large)

    assert found == sha256(bytes(KEPT_BYTES)).hexdigest()
