"""Documents become training rows and context, and follow their files."""

import json
from collections.abc import AsyncGenerator
from dataclasses import replace
from pathlib import Path

import pytest

from hybrid_coordinator.backends.files.local import LocalFiles
from hybrid_coordinator.domain.learning import Change, Learned, Stage
from hybrid_coordinator.errors import BadInput, NotFound
from hybrid_coordinator.flows.importing_documents import DocumentImporter
from hybrid_coordinator.flows.publishing import Publisher
from hybrid_coordinator.testing import HashEmbedder, MemoryKnowledge
from teaching import NOON, Classroom, open_classroom

FAQ = """# FAQ

## How do I rotate the credentials?

Run `regctl rotate --all` and restart the puller.

## Where are the logs kept?

Under `/var/log/app`, one file a day.
"""


@pytest.fixture
async def classroom(tmp_path: Path) -> AsyncGenerator[Classroom]:
    async with open_classroom(tmp_path) as opened:
        yield opened


@pytest.fixture
def faq(tmp_path: Path) -> Path:
    path = tmp_path / "FAQ.md"
    path.write_text(FAQ)
    return path


def importer(classroom: Classroom) -> DocumentImporter:
    return DocumentImporter(LocalFiles(), classroom.catalog, classroom.clock)


async def items_of(classroom: Classroom) -> dict[str, Learned]:
    return {item.draft.key: item for item in await classroom.catalog.browse(limit=100)}


async def test_what_a_document_answers_is_exported_and_found(classroom: Classroom, faq: Path) -> None:
    summary = await importer(classroom).import_documents([str(faq)])

    await classroom.exporter().export()
    knowledge = MemoryKnowledge()
    await Publisher(classroom.catalog, knowledge, HashEmbedder()).work()

    rows = [json.loads(line) for line in classroom.path.read_text().splitlines()]
    assert summary.seeds == {str(faq): 2}
    assert summary.added == 2
    assert {row["metadata"]["backend"] for row in rows} == {"import"}
    assert f"import:{faq}#FAQ > Where are the logs kept?" in {row["metadata"]["place"] for row in rows}
    assert sum((await knowledge.counts()).values()) == 2


async def test_importing_twice_changes_nothing(classroom: Classroom, faq: Path) -> None:
    await importer(classroom).import_documents([str(faq)])
    classroom.clock.advance(60)

    again = await importer(classroom).import_documents([str(faq)])

    assert (again.added, again.changed, again.retired, again.unchanged) == (0, 0, 0, 2)
    assert len(await classroom.catalog.log(limit=100)) == 2


async def test_a_changed_answer_takes_the_place_of_the_old_one(classroom: Classroom, faq: Path) -> None:
    await importer(classroom).import_documents([str(faq)])
    faq.write_text(FAQ.replace("one file a day", "one file an hour"))

    summary = await importer(classroom).import_documents([str(faq)])

    assert (summary.changed, summary.unchanged) == (1, 1)
    assert "one file an hour" in (await items_of(classroom))["Where are the logs kept?"].draft.text


async def test_what_is_gone_from_the_document_is_retired_and_comes_back_with_it(
    classroom: Classroom, faq: Path
) -> None:
    await importer(classroom).import_documents([str(faq)])
    faq.write_text(FAQ.partition("## Where")[0])
    gone = await importer(classroom).import_documents([str(faq)])
    stage = (await items_of(classroom))["Where are the logs kept?"].stage

    faq.write_text(FAQ)
    back = await importer(classroom).import_documents([str(faq)])

    assert (gone.retired, stage, back.changed) == (1, Stage.RETIRED, 1)
    assert (await items_of(classroom))["Where are the logs kept?"].stage is Stage.CANDIDATE


async def test_an_emptied_document_answers_nothing_any_more(classroom: Classroom, faq: Path) -> None:
    await importer(classroom).import_documents([str(faq)])
    faq.write_text("")

    assert (await importer(classroom).import_documents([str(faq)])).retired == 2


async def test_what_a_person_rejected_stays_rejected(classroom: Classroom, faq: Path) -> None:
    await importer(classroom).import_documents([str(faq)])
    item = (await items_of(classroom))["Where are the logs kept?"]
    rejected = replace(item, stage=Stage.REJECTED)
    await classroom.catalog.apply([Change(item.id, "reject", item, rejected, "person")], NOON)
    faq.write_text(FAQ.replace("one file a day", "one file an hour"))

    await importer(classroom).import_documents([str(faq)])

    assert (await items_of(classroom))["Where are the logs kept?"] == rejected


async def test_a_strangers_document_waits_for_a_person(classroom: Classroom, faq: Path) -> None:
    summary = await importer(classroom).import_documents([str(faq)], trusted=False)
    exported = await classroom.exporter().export()

    assert (summary.added, summary.quarantined, exported.rows) == (0, 2, 0)
    assert {item.why for item in (await items_of(classroom)).values()} == {"untrusted document"}


async def test_documents_are_converted_without_being_taken_in(classroom: Classroom, faq: Path) -> None:
    rows = await importer(classroom).convert([str(faq), str(faq)])

    assert len(rows) == 4
    assert rows[0]["messages"][1]["content"] == "How do I rotate the credentials?"
    assert await items_of(classroom) == {}


@pytest.mark.parametrize("content", [b"\xff\xfe", b"x" * 2_000_000], ids=["not UTF-8", "too large"])
async def test_a_file_that_cannot_be_read_is_refused_whole(classroom: Classroom, faq: Path, content: bytes) -> None:
    faq.write_bytes(content)

    with pytest.raises(BadInput, match=r"FAQ\.md"):
        await importer(classroom).import_documents([str(faq)])
    assert await items_of(classroom) == {}


async def test_a_file_that_is_not_there_and_a_folder_are_refused(classroom: Classroom) -> None:
    with pytest.raises(NotFound):
        await importer(classroom).import_documents([str(classroom.folder / "none.md")])
    with pytest.raises(BadInput, match="is a folder"):
        await importer(classroom).import_documents([str(classroom.folder)])
