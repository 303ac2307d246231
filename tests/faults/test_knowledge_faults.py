"""What becomes of the knowledge stores when files, disks, processes and servers fail under them."""

import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import IO

import anyio
import pytest

from hybrid_coordinator.backends.knowledge.edge import EdgeKnowledge
from hybrid_coordinator.backends.knowledge.manifest import FILE_NAME
from hybrid_coordinator.backends.knowledge.rebuild import rebuild
from hybrid_coordinator.backends.knowledge.server import QdrantServerKnowledge, connect
from hybrid_coordinator.backends.knowledge.tidying import LEAST_CHURN
from hybrid_coordinator.domain.knowledge import Collection, Draft, EmbedderIdentity, Probe, Vector
from hybrid_coordinator.errors import (
    Damaged,
    DataFolderBusy,
    EmbedderChanged,
    ModelUnavailable,
    NotFound,
    SettingError,
    StorageFull,
    Unavailable,
)
from hybrid_coordinator.testing import HashEmbedder

EMBEDDER = HashEmbedder()
OTHER = HashEmbedder(64)

PUT_FOREVER = """
import anyio, pathlib, sys
from hybrid_coordinator.backends.knowledge.edge import EdgeKnowledge
from hybrid_coordinator.domain.knowledge import Collection, Draft
from hybrid_coordinator.testing import HashEmbedder

async def main():
    embedder = HashEmbedder()
    store = await EdgeKnowledge.open(pathlib.Path(sys.argv[1]), embedder.identity)
    for number in range(100_000):
        text = f"passage {number}"
        await store.put([Draft(text, list(Collection)[number % 5], text, text)], await embedder.embed([text]))
        print(text, flush=True)

anyio.run(main)
"""

REBUILD_FOREVER = """
import anyio, pathlib, sys
from hybrid_coordinator.backends.knowledge.rebuild import rebuild
from hybrid_coordinator.testing import HashEmbedder

async def main():
    embedder = HashEmbedder(64)
    pages = iter(["first", "second"])
    async def embed(texts):
        page = next(pages)
        print(page, flush=True)
        if page == "second":
            await anyio.sleep_forever()
        return await embedder.embed(texts)
    await rebuild(pathlib.Path(sys.argv[1]), embedder.identity, embed, lambda done, total: None)

anyio.run(main)
"""


def passages(number: int, collection: Collection = Collection.CODEBASE) -> list[Draft]:
    return [Draft(f"{collection} {n}", collection, f"key {n}", f"text {n}", {"purpose": "p"}) for n in range(number)]


async def put(store: EdgeKnowledge, drafts: Sequence[Draft]) -> None:
    await store.put(drafts, await EMBEDDER.embed([draft.key for draft in drafts]))


async def filled(folder: Path, *drafts: Draft) -> None:
    """Make a store that holds these passages, and close it."""
    store = await EdgeKnowledge.open(folder, EMBEDDER.identity)
    await put(store, drafts)
    await store.aclose()


async def held(folder: Path, embedder: HashEmbedder = EMBEDDER) -> set[str]:
    """The ids of everything in a store."""
    store = await EdgeKnowledge.open(folder, embedder.identity)
    pages = [await store.browse(collection, limit=100_000) for collection in Collection]
    await store.aclose()
    return {passage.id for page, _ in pages for passage in page}


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@contextmanager
def running(program: str, folder: Path) -> Generator[tuple[subprocess.Popen[str], IO[str]]]:
    """A process of its own that works on the folder, with what it says. It is killed at the end."""
    command = [sys.executable, "-c", program, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process, process.stdout
        finally:
            process.kill()


def spoil(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(b"\xff\x00 no longer what it was")


def empty(path: Path) -> None:
    os.truncate(path, 0)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "knowledge"


@pytest.fixture
def small_disk(tmp_path: Path) -> Generator[Path]:
    """A file system of 180 MiB, of which the store leaves 128 alone."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=180m", "tmpfs", disk], capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {mounted.stderr.strip()}")
    yield disk
    subprocess.run(["umount", disk], check=True)


def make_read_only(disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)


class TestDamage:
    @pytest.mark.parametrize("harm", [spoil, empty])
    @pytest.mark.parametrize(
        "name",
        ["edge_config.json", "wal/first-index", "wal/open-1", "segments/*/segment.json", "segments/*/*/status.dat"],
    )
    async def test_a_spoiled_file_is_reported_or_mended(
        self, folder: Path, name: str, harm: Callable[[Path], None]
    ) -> None:
        await filled(folder, *passages(20))
        for path in (folder / f"{Collection.CODEBASE}.0").glob(name):
            harm(path)

        try:
            ids = await held(folder)
        except Damaged as error:
            assert str(folder) in str(error)
            assert "`hybrid-coordinator index`" in str(error)
        else:
            assert ids == {draft.id for draft in passages(20)}

    @pytest.mark.parametrize("content", ["", "{", "[]", "null", '{"format": 99}', '{"format": 1}', "\udcff"])
    async def test_an_unreadable_manifest_is_reported(self, folder: Path, content: str) -> None:
        await filled(folder, *passages(1))
        (folder / FILE_NAME).write_bytes(content.encode("utf-8", "surrogateescape"))

        with pytest.raises(Damaged, match=FILE_NAME):
            await held(folder)

    async def test_a_missing_manifest_is_reported_and_mended_by_putting_it_back(self, folder: Path) -> None:
        await filled(folder, *passages(3))
        kept = (folder / FILE_NAME).rename(folder.with_name("kept.json"))

        with pytest.raises(Damaged, match="missing"):
            await held(folder)
        kept.rename(folder / FILE_NAME)

        assert len(await held(folder)) == 3

    async def test_a_missing_collection_is_reported(self, folder: Path) -> None:
        await filled(folder, *passages(3))
        shutil.rmtree(folder / f"{Collection.SKILLS}.0")

        with pytest.raises(Damaged, match=Collection.SKILLS):
            await held(folder)

    async def test_after_damage_was_reported_the_folder_is_free_again(self, folder: Path) -> None:
        await filled(folder, *passages(3))
        last = folder / f"{Collection.PRACTICES}.0" / "edge_config.json"
        content = last.read_bytes()
        last.write_bytes(b"{")

        with pytest.raises(Damaged):
            await held(folder)
        last.write_bytes(content)

        assert len(await held(folder)) == 3


class TestDisk:
    async def test_a_full_disk_refuses_new_passages_and_keeps_the_old(self, small_disk: Path) -> None:
        store = await EdgeKnowledge.open(small_disk / "knowledge", EMBEDDER.identity)
        await put(store, passages(20))
        huge = "".join(map(chr, range(0x4E00, 0x9E00))) * 10

        with pytest.raises(StorageFull, match="Free some space"):
            for number in range(100):
                await put(store, [Draft(f"huge {number}", Collection.ERRORS, "key", huge)])
        kept = await store.counts()
        await store.aclose()

        assert kept[Collection.CODEBASE] == 20
        assert len(await held(small_disk / "knowledge")) == sum(kept.values())

    async def test_a_disk_without_room_is_refused_at_the_start(self, small_disk: Path) -> None:
        (small_disk / "ballast").write_bytes(bytes(100 * 2**20))

        with pytest.raises(StorageFull, match="MiB"):
            await EdgeKnowledge.open(small_disk / "knowledge", EMBEDDER.identity)
        (small_disk / "ballast").unlink()

        assert await held(small_disk / "knowledge") == set()

    async def test_a_read_only_disk_is_reported(self, small_disk: Path) -> None:
        make_read_only(small_disk)

        with pytest.raises(SettingError, match="HYBRID_DATA_DIR"):
            await EdgeKnowledge.open(small_disk / "knowledge", EMBEDDER.identity)

    async def test_a_file_in_the_place_of_the_folder_is_reported(self) -> None:
        with pytest.raises(SettingError, match="HYBRID_DATA_DIR"):
            await EdgeKnowledge.open(Path(__file__), EMBEDDER.identity)


class TestProcesses:
    async def test_what_was_acknowledged_survives_a_kill(self, folder: Path) -> None:
        with running(PUT_FOREVER, folder) as (process, said):
            acknowledged = {said.readline().strip() for _ in range(50)}
            process.send_signal(signal.SIGKILL)
            acknowledged |= {line.strip() for line in said if line.endswith("\n")}

        assert len(acknowledged) >= 50
        assert acknowledged <= await held(folder)

    async def test_a_second_process_is_refused(self, folder: Path) -> None:
        with running(PUT_FOREVER, folder) as (_, said):
            said.readline()

            with pytest.raises(DataFolderBusy, match="another process"):
                await EdgeKnowledge.open(folder, EMBEDDER.identity)

        assert await held(folder)

    async def test_a_closed_store_says_so(self, folder: Path) -> None:
        store = await EdgeKnowledge.open(folder, EMBEDDER.identity)
        await store.aclose()

        with pytest.raises(Unavailable, match="closed"):
            await store.counts()


class TestReindexing:
    async def test_another_embedder_is_refused_and_nothing_is_lost(self, folder: Path) -> None:
        await filled(folder, *passages(3))

        with pytest.raises(EmbedderChanged, match="`hybrid-coordinator reindex`") as refusal:
            await EdgeKnowledge.open(folder, EmbedderIdentity("another", 768))

        assert "'another' (768 dimensions)" in str(refusal.value)
        assert len(await held(folder)) == 3

    async def test_a_rebuilt_store_is_the_new_embedders(self, folder: Path) -> None:
        drafts = [*passages(300), *passages(5, Collection.SKILLS)]
        await filled(folder, *drafts)
        heard: list[tuple[int, int]] = []

        number = await rebuild(folder, OTHER.identity, OTHER.embed, lambda done, total: heard.append((done, total)))
        store = await EdgeKnowledge.open(folder, OTHER.identity)
        [vector] = await OTHER.embed(["key 123"])
        [best] = await store.search(Probe("key 123", vector), [Collection.CODEBASE], limit=1)
        await store.aclose()

        assert (number, heard[-1]) == (305, (305, 305))
        assert (best.text, best.payload["purpose"]) == ("text 123", "p")
        assert best.similarity == pytest.approx(1, abs=1e-3)
        assert await held(folder, OTHER) == {draft.id for draft in drafts}

    async def test_a_rebuild_that_fails_changes_nothing(self, folder: Path) -> None:
        await filled(folder, *passages(3))
        before = names(folder)

        async def refuse(texts: Sequence[str]) -> list[Vector]:
            raise ModelUnavailable(f"cannot embed {len(texts)} texts")

        with pytest.raises(ModelUnavailable):
            await rebuild(folder, OTHER.identity, refuse, lambda done, total: None)
        ids = await held(folder)

        assert len(ids) == 3
        assert names(folder) == before

    async def test_a_rebuild_that_is_killed_changes_nothing(self, folder: Path) -> None:
        await filled(folder, *passages(200))
        before = names(folder)

        with running(REBUILD_FOREVER, folder) as (_, said):
            assert [said.readline() for _ in range(2)] == ["first\n", "second\n"]
        ids = await held(folder)

        assert len(ids) == 200
        assert names(folder) == before

    async def test_there_must_be_something_to_rebuild(self, folder: Path) -> None:
        with pytest.raises(NotFound, match="hybrid-coordinator index"):
            await rebuild(folder, OTHER.identity, OTHER.embed, lambda done, total: None)


class TestTidying:
    async def test_searches_and_writes_go_on_while_a_collection_is_tidied(self, folder: Path) -> None:
        store = await EdgeKnowledge.open(folder, EMBEDDER.identity)
        await put(store, passages(LEAST_CHURN))
        [vector] = await EMBEDDER.embed(["key 7"])
        tidied = anyio.Event()
        searches = 0

        async def tidy() -> None:
            await store.tidy()
            tidied.set()

        async with anyio.create_task_group() as group:
            group.start_soon(tidy)
            await put(store, [Draft("meanwhile", Collection.CODEBASE, "meanwhile", "meanwhile")])
            await store.remove([f"{Collection.CODEBASE} 0"])
            while not tidied.is_set():
                found = await store.search(Probe("key 7", vector), [Collection.CODEBASE], limit=1)
                searches += found[0].text == "text 7"
        await store.aclose()

        ids = await held(folder)
        assert searches > 1
        assert ids == {draft.id for draft in passages(LEAST_CHURN)[1:]} | {"meanwhile"}
        assert not (folder / f"{Collection.CODEBASE}.0").exists()

    async def test_a_tidying_that_fails_leaves_the_collection_as_it_was(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        store = await EdgeKnowledge.open(folder, EMBEDDER.identity)
        await put(store, passages(LEAST_CHURN))
        before = names(folder)
        monkeypatch.setattr(sys, "executable", "/nowhere/python")

        with pytest.raises(Unavailable, match=Collection.CODEBASE):
            await store.tidy()
        counts = await store.counts()
        await store.aclose()

        assert counts[Collection.CODEBASE] == LEAST_CHURN
        assert names(folder) == before

    async def test_what_a_killed_process_left_is_swept_away(self, folder: Path) -> None:
        await filled(folder, *passages(3))
        shutil.copytree(folder / f"{Collection.CODEBASE}.0", folder / f"{Collection.CODEBASE}.1")

        ids = await held(folder)

        assert len(ids) == 3
        assert not (folder / f"{Collection.CODEBASE}.1").exists()


@contextmanager
def answering(status: int, body: str) -> Generator[str]:
    """The address of a server that gives one answer to everything."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


class TestServer:
    @pytest.mark.parametrize(
        ("status", "body", "error", "hint"),
        [
            (401, "Must provide an API key", SettingError, "QDRANT_API_KEY"),
            (403, "Forbidden", SettingError, "QDRANT_API_KEY"),
            (500, "No space left on device", StorageFull, "Free space"),
            (503, "starting", Unavailable, "503"),
            (200, "this is no Qdrant", Unavailable, "QDRANT_URL"),
        ],
    )
    async def test_a_server_that_refuses_is_reported(
        self, status: int, body: str, error: type[Exception], hint: str
    ) -> None:
        with answering(status, body) as url:
            client = connect(url, "")

            with pytest.raises(error, match=hint):
                await QdrantServerKnowledge.open(client, EMBEDDER.identity)
            await client.close()

    async def test_a_server_that_is_not_there_is_reported(self) -> None:
        with answering(200, "") as url:
            pass
        client = connect(url, "")

        with pytest.raises(Unavailable, match="QDRANT_URL"):
            await QdrantServerKnowledge.open(client, EMBEDDER.identity)
        await client.close()

    def test_without_its_client_the_extra_is_named(self) -> None:
        program = "import sys; sys.modules['qdrant_client'] = None; import hybrid_coordinator.backends.knowledge.server"

        said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False).stderr

        assert "MissingExtra" in said
        assert "pip install 'hybrid-coordinator[servers]'" in said
