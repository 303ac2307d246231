"""Files become knowledge: walked, read, stored, found, renewed and forgotten."""

import json
import os
import socket
from dataclasses import replace
from pathlib import Path

import pytest

from hybrid_coordinator.domain.indexing import Indexed, Malformed, Removed, SkipReason, Unchanged, Walked
from hybrid_coordinator.domain.knowledge import CONTEXT_COLLECTIONS, Collection, Probe
from hybrid_coordinator.errors import BadInput, NotFound
from hybrid_coordinator.testing import HashEmbedder
from indexing import Library, make_repository, memory_library, real_library, write_files

SECRET = "hunter2-aB3dE5gH7jK9"
APP = f'''"""Serve the shop."""

PASSWORD = "{SECRET}"


def open_door(key: str) -> bool:
    """Unlock the front door of the shop in the morning."""
    return key == PASSWORD


def count_till(coins: list[int]) -> int:
    """Add up the coins in the till."""
    return sum(coins)
'''
GUIDE = """# Guide

Tea is sold by the cup.

## Best practices

### Count twice

Never trust the first count.

## Troubleshooting

### The till drawer is stuck

Shake it, then call the smith.

## How to close the shop

1. Count the till.
2. Switch off the light.
"""
REPOSITORY = {"app.py": APP, "docs/guide.md": GUIDE, "run": "#!/bin/sh\n# Start it all.\necho start\n"}


async def paths_of(library: Library) -> set[str]:
    return {passage.payload["file_path"] for passage in await library.passages()}


async def test_a_question_finds_the_function_and_the_remedy_it_is_about(tmp_path: Path) -> None:
    repository = make_repository(tmp_path / "shop", REPOSITORY)

    async with real_library(tmp_path / "data") as library:
        summary = await library.index(repository)
        found = {}
        for question in ("how is the front door unlocked", "the till drawer does not open, it is stuck"):
            (vector,) = await library.embedder.embed([question])
            found[question] = (await library.knowledge.search(Probe(question, vector), CONTEXT_COLLECTIONS, limit=1))[0]
        everything = await library.passages()

    door, drawer = found.values()
    assert door.payload["symbol"] == "open_door"
    assert drawer.collection is Collection.ERRORS
    assert drawer.payload["solution"] == "Shake it, then call the smith."
    assert set(summary.passages) == set(CONTEXT_COLLECTIONS)
    assert sum(summary.redacted.values()) == 1
    assert not any(SECRET in repr(passage) for passage in everything)


async def test_no_secret_reaches_the_embedder(tmp_path: Path) -> None:
    embedder = HashEmbedder()
    library = replace(memory_library(), embedder=embedder)

    await library.index(make_repository(tmp_path / "shop", REPOSITORY))

    assert embedder.embedded
    assert not any(SECRET in key for key in embedder.embedded)


async def test_indexing_again_does_nothing(tmp_path: Path) -> None:
    repository = make_repository(tmp_path / "shop", REPOSITORY)

    async with real_library(tmp_path / "data") as library:
        await library.index(repository)
        before = await library.contents()
        events = await library.events(repository)
        after = await library.contents()

    assert [type(event) for event in events[1:-1] if isinstance(event, Indexed | Removed)] == []
    assert sum(isinstance(event, Unchanged) for event in events) == len(REPOSITORY)
    assert after == before


async def test_a_changed_file_is_read_again_and_what_it_lost_is_gone(tmp_path: Path) -> None:
    repository = make_repository(tmp_path / "shop", REPOSITORY)
    library = memory_library()
    await library.index(repository)
    before = await library.contents()

    write_files(repository, {"app.py": APP.replace("count_till", "count_coins")})
    summary = await library.index(repository)

    after = await library.contents()
    assert (summary.indexed, summary.unchanged) == (1, 2)
    assert len(after) == len(before)
    assert len(after.keys() - before.keys()) == 1
    assert not any("count_till" in text for _, text in after.values())
    assert after.keys() == await library.recorded()


async def test_a_removed_file_is_forgotten(tmp_path: Path) -> None:
    repository = make_repository(tmp_path / "shop", REPOSITORY)
    library = memory_library()
    await library.index(repository)

    (repository / "app.py").unlink()
    events = await library.events(repository)

    assert Removed(str(repository), "app.py") in events
    assert await paths_of(library) == {"docs/guide.md", "run"}


@pytest.mark.parametrize("content", [b"\x00\x01", b"", b"caf\xe9 " * 10, b"x" * 1_000_001])
async def test_a_file_that_can_no_longer_be_read_as_text_is_forgotten(tmp_path: Path, content: bytes) -> None:
    repository = make_repository(tmp_path / "shop", REPOSITORY)
    library = memory_library()
    await library.index(repository)

    write_files(repository, {"app.py": content})
    summary = await library.index(repository)

    assert summary.removed == 1
    assert "app.py" not in await paths_of(library)


async def test_git_and_hybrid_ignore_rules_are_kept(tmp_path: Path) -> None:
    repository = make_repository(
        tmp_path / "shop",
        {
            ".gitignore": "*.gen.py\n/build/\n!keep.gen.py\n",
            "sub/.gitignore": "private.py\n!special.gen.py\n",
            ".git/info/exclude": "excluded.py\n",
            ".hybridignore": "notes/\n!excluded.py\n",
            "a.gen.py": "x = 1",
            "keep.gen.py": "x = 2",
            "excluded.py": "x = 3",
            "build/out.py": "x = 4",
            "sub/build/in.py": "x = 5",
            "sub/private.py": "x = 6",
            "sub/special.gen.py": "x = 7",
            "private.py": "x = 8",
            "notes/n.md": "secret plans",
            "node_modules/m.js": "x",
            "old/pyvenv.cfg": "home = x",
            "old/lib.py": "x = 9",
            "cache/CACHEDIR.TAG": "Signature: 8a477f597d28d172789f06886806bc55",
            "cache/c.py": "x = 10",
            ".github/workflows/ci.yml": "on: push",
        },
    )
    library = memory_library()

    summary = await library.index(repository)

    kept = {".gitignore", "sub/.gitignore", ".hybridignore", ".github/workflows/ci.yml"}
    code = {"keep.gen.py", "excluded.py", "sub/build/in.py", "sub/special.gen.py", "private.py"}
    assert await paths_of(library) == kept | code
    assert summary.skipped[SkipReason.IGNORED].count == 8


async def test_what_is_skipped_is_told_with_its_reason(tmp_path: Path) -> None:
    repository = make_repository(
        tmp_path / "shop",
        {
            "good.py": "x = 1",
            "binary.bin": b"\x7fELF\x00\x00",
            "latin.txt": "café".encode("latin-1"),
            "wide.txt": "tea".encode("utf-16"),
            "empty.py": "\n \n",
            "large.txt": "x\n" * 500_001,
            "yarn.lock": "x",
            "app.min.js": "x",
            "bundle.js": "x=1;" * 5_000,
            "api.py": "# Code generated by a tool. DO NOT EDIT.\nx = 1",
            "rows.csv": "a,b",
            "id_rsa": "x",
        },
    )
    os.mkfifo(repository / "pipe")
    (repository / "link.py").symlink_to("good.py")
    (repository / "loop").symlink_to(".")
    (repository / "outside").symlink_to("/usr")
    (repository / os.fsdecode(b"caf\xe9.py")).write_text("x = 1")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(repository / "socket"))
    library = memory_library()

    summary = await library.index(repository)
    listener.close()

    assert await paths_of(library) == {"good.py"}
    assert {reason: (tally.count, tally.examples) for reason, tally in summary.skipped.items()} == {
        SkipReason.SYMLINK: (3, ("link.py", "loop", "outside")),
        SkipReason.NOT_UTF8: (3, ("caf\ufffd.py", "latin.txt", "wide.txt")),
        SkipReason.SPECIAL: (2, ("pipe", "socket")),
        SkipReason.MINIFIED: (2, ("app.min.js", "bundle.js")),
        SkipReason.IGNORED: (1, (".git/",)),
        SkipReason.BINARY: (1, ("binary.bin",)),
        SkipReason.EMPTY: (1, ("empty.py",)),
        SkipReason.TOO_LARGE: (1, ("large.txt",)),
        SkipReason.LOCK_FILE: (1, ("yarn.lock",)),
        SkipReason.GENERATED: (1, ("api.py",)),
        SkipReason.DATA: (1, ("rows.csv",)),
        SkipReason.KEY_FILE: (1, ("id_rsa",)),
    }


async def test_a_folder_of_a_repository_belongs_to_the_repository(tmp_path: Path) -> None:
    repository = make_repository(tmp_path / "shop", REPOSITORY)
    library = memory_library()

    first = await library.index(repository / "docs")
    second = await library.index(repository, repository / "docs", repository / "app.py")

    assert first.roots == second.roots == (str(repository),)
    assert (first.indexed, second.indexed, second.unchanged) == (1, 2, 1)


async def test_indexing_a_folder_leaves_its_neighbours_alone(tmp_path: Path) -> None:
    repository = make_repository(tmp_path / "shop", REPOSITORY)
    library = memory_library()
    await library.index(repository)

    (repository / "app.py").unlink()
    (repository / "docs/guide.md").unlink()
    summary = await library.index(repository / "docs")

    assert summary.removed == 1
    assert await paths_of(library) == {"app.py", "run"}


async def test_a_plain_folder_inside_one_that_is_indexed_is_not_indexed_twice(tmp_path: Path) -> None:
    folder = write_files(tmp_path / "plain", {"a.py": "x = 1", "sub/b.py": "x = 2"})
    inner_first, outer_first = memory_library(), memory_library()

    await inner_first.index(folder / "sub")
    await inner_first.index(folder)
    await outer_first.index(folder)
    again = await outer_first.index(folder / "sub")

    assert again.unchanged == 1
    assert await inner_first.contents() == await outer_first.contents()
    assert await inner_first.ledger.roots() == [str(folder)]


async def test_a_repository_inside_another_folder_is_a_root_of_its_own(tmp_path: Path) -> None:
    make_repository(tmp_path / "all/one", {"a.py": "x = 1"})
    make_repository(tmp_path / "all/two", {"b.py": "x = 2"})
    library = memory_library()
    await library.index(tmp_path / "all/one")

    summary = await library.index(tmp_path / "all")
    (tmp_path / "all/two/.git").rename(tmp_path / "all/two/git")
    await library.index(tmp_path / "all")

    assert (summary.indexed, summary.unchanged) == (1, 1)
    assert await library.ledger.roots() == [str(tmp_path / "all"), str(tmp_path / "all/one")]
    assert await library.recorded() == (await library.contents()).keys()


async def test_an_ignored_repository_that_was_named_stays_when_the_outer_one_is_indexed(tmp_path: Path) -> None:
    outer = make_repository(tmp_path / "outer", {".gitignore": "vendor/\n", "a.py": "x = 1"})
    inner = make_repository(outer / "vendor", {"b.py": "x = 2"})
    library = memory_library()

    await library.index(inner)
    summary = await library.index(outer)

    assert summary.removed == 0
    assert await library.ledger.roots() == [str(outer), str(inner)]


async def test_a_folder_that_is_gone_is_forgotten_by_its_name(tmp_path: Path) -> None:
    folder = write_files(tmp_path / "plain", {"a.py": "x = 1", "sub/b.py": "x = 2"})
    library = memory_library()
    await library.index(folder)

    (folder / "sub/b.py").unlink()
    (folder / "sub").rmdir()
    summary = await library.index(folder / "sub")

    assert summary.removed == 1
    assert await paths_of(library) == {"a.py"}


@pytest.mark.parametrize("name", ["nowhere", "shop/nowhere", "shop/app.py/x"])
async def test_a_path_that_never_was_is_refused(tmp_path: Path, name: str) -> None:
    make_repository(tmp_path / "shop", REPOSITORY)

    with pytest.raises(NotFound, match="check the spelling"):
        await memory_library().index(tmp_path / name)


@pytest.mark.parametrize("name", ["a\0b", "x" * 5_000])
async def test_a_path_that_can_be_none_is_refused(name: str) -> None:
    with pytest.raises((BadInput, NotFound)):
        await memory_library().index(name)


async def test_progress_is_told_from_the_number_of_files_to_the_summary(tmp_path: Path) -> None:
    repository = make_repository(tmp_path / "shop", REPOSITORY)

    events = await memory_library().events(repository)

    assert events[0] == Walked(len(REPOSITORY))
    assert {event.path for event in events if isinstance(event, Indexed)} == set(REPOSITORY)


ROWS = [
    {"question": "ImportError: no module named shop", "answer": "pip install shop", "tags": ["pip"], "verified": True},
    {"q": "How is tea made?", "a": "Boil water first."},
    {"prompt": "How do I open the shop?", "completion": "Turn the key.", "collection": "skills-patterns"},
    {"messages": [
        {"role": "system", "content": "be brief"},
        {"role": "user", "content": "What is the shop's password?"},
        {"role": "assistant", "content": [{"type": "text", "text": f'password = "{SECRET}"'}]},
    ]},
]  # fmt: skip


def write_rows(path: Path, *rows: object) -> Path:
    path.write_text("\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows) + "\n")
    return path


async def test_answers_are_imported_once(tmp_path: Path) -> None:
    file = write_rows(tmp_path / "answers.jsonl", *ROWS)

    async with real_library(tmp_path / "data") as library:
        first = await library.import_answers(file)
        before = await library.contents()
        second = await library.import_answers(file)
        passages = {passage.collection: passage for passage in await library.passages()}
        after = await library.contents()

    assert (first.added, first.rows, first.redacted) == (4, 4, {"secret": 1})
    assert (second.added, second.replaced, second.unchanged) == (0, 0, 4)
    assert after == before
    assert passages[Collection.ERRORS].payload["solution_verified"] is True
    assert passages[Collection.SKILLS].payload["usage_pattern"] == "Turn the key."
    assert not any(SECRET in text for _, text in after.values())


async def test_a_corrected_answer_takes_the_place_of_the_old_one(tmp_path: Path) -> None:
    library = memory_library()
    await library.import_answers(write_rows(tmp_path / "old.jsonl", *ROWS))

    summary = await library.import_answers(
        write_rows(tmp_path / "new.jsonl", {"query": "how is  TEA made?", "response": "Warm the pot first."})
    )

    assert (summary.added, summary.replaced) == (0, 1)
    assert len(await library.passages()) == len(ROWS)


async def test_malformed_rows_are_told_with_their_line_and_the_rest_is_imported(tmp_path: Path) -> None:
    file = write_rows(
        tmp_path / "answers.jsonl",
        "{", "", "[1]", {"question": "why"}, {"question": "  ", "answer": "x"}, {"messages": [{"role": "user"}]},
        {"q": "a", "a": "b", "collection": "interaction-history"}, {"q": "a", "a": 3}, "[" * 100_000, ROWS[1],
    )  # fmt: skip
    file.write_bytes(file.read_bytes() + b'{"q": "\xff", "a": "b"}\n')
    library = memory_library()

    events = await library.import_events(file)

    malformed = [event for event in events if isinstance(event, Malformed)]
    assert [event.line for event in malformed] == [1, 3, 4, 5, 6, 7, 8, 9, 11]
    assert malformed[0].reason.startswith("not JSON")
    assert "'answer'" in malformed[2].reason
    assert "interaction-history" in malformed[5].reason
    assert len(await library.passages()) == 1


@pytest.mark.parametrize("name", ["missing.jsonl", "."])
async def test_a_file_of_answers_that_cannot_be_read_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises((NotFound, BadInput)):
        await memory_library().import_answers(tmp_path / name)
