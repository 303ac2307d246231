"""What every store of training data promises about reading it back."""

from collections.abc import Callable
from pathlib import Path

import pytest

from finetuning_room import publish, some_rows
from hybrid_coordinator.backends.datasets.jsonl import JsonlDataset
from hybrid_coordinator.errors import Conflict, Damaged, NotFound
from taught import other_rows, pair, row


class DatasetContract:
    """Inherited by the test of each backend."""

    @pytest.fixture
    def dataset(self, tmp_path: Path) -> JsonlDataset:
        raise NotImplementedError

    async def test_rows_come_back_as_they_were_written_and_in_their_order(self, dataset: JsonlDataset) -> None:
        last = [row(900, "Was\u2028ist\n«das»?", "Ein 🦉.\x00\n", "test")]
        await publish(dataset, [*some_rows(), *last], [pair(1, "Who?", "She.")])

        assert await dataset.rows("") == [*some_rows(), *last]
        assert await dataset.rows("train") == some_rows()
        assert await dataset.rows("test") == last
        assert await dataset.rows("preferences") == [pair(1, "Who?", "She.")]

    async def test_an_empty_part_has_no_rows(self, dataset: JsonlDataset) -> None:
        await publish(dataset, [])

        assert await dataset.rows("validation") == []

    async def test_what_is_not_there_is_not_found(self, dataset: JsonlDataset) -> None:
        with pytest.raises(NotFound, match="export it first"):
            await dataset.rows("")
        await publish(dataset, some_rows())
        with pytest.raises(NotFound, match="names no file"):
            await dataset.rows("holidays")

    async def test_while_one_is_written_reading_is_a_conflict(self, dataset: JsonlDataset) -> None:
        await publish(dataset, some_rows())
        async with dataset.draft():
            with pytest.raises(Conflict):
                await dataset.rows("")

        assert len(await dataset.rows("")) == 40

    async def test_the_newest_dataset_is_read(self, dataset: JsonlDataset) -> None:
        await publish(dataset, some_rows())
        await publish(dataset, other_rows(3, first=0))

        assert await dataset.rows("train") == other_rows(3, first=0)


class TestJsonl(DatasetContract):
    @pytest.fixture
    def dataset(self, tmp_path: Path) -> JsonlDataset:
        return JsonlDataset(tmp_path / "dataset.jsonl")

    @pytest.mark.parametrize(
        "change",
        [
            lambda content: content[:-1],
            lambda content: content + b"\n",
            lambda content: content.replace(b"7001", b"7002"),
            lambda content: content.partition(b"\n")[2],
            lambda content: content + b"{",
            lambda content: b"\xff" + content,
            lambda _: b"",
        ],
    )
    async def test_a_part_that_is_not_what_its_card_says_is_damaged(
        self, dataset: JsonlDataset, tmp_path: Path, change: Callable[[bytes], bytes]
    ) -> None:
        await publish(dataset, some_rows())
        file = tmp_path / "dataset.train.jsonl"
        file.write_bytes(change(file.read_bytes()))

        with pytest.raises(Damaged, match="export the dataset again"):
            await dataset.rows("train")
        assert len(await dataset.rows("")) == 40

    async def test_a_part_that_is_gone_is_damaged(self, dataset: JsonlDataset, tmp_path: Path) -> None:
        await publish(dataset, some_rows())
        (tmp_path / "dataset.train.jsonl").unlink()

        with pytest.raises(Damaged, match="export the dataset again"):
            await dataset.rows("train")
