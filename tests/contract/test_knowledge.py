"""The promises of the `Knowledge` port, kept by every store."""

import os
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from typing import Any

import pytest

from hybrid_coordinator.backends.knowledge.edge import EdgeKnowledge
from hybrid_coordinator.backends.knowledge.server import MANIFEST, QdrantServerKnowledge, connect
from hybrid_coordinator.domain.knowledge import (
    CONTEXT_COLLECTIONS,
    FIELDS,
    USAGE_FIELDS,
    Collection,
    Draft,
    EmbedderIdentity,
    Passage,
    Probe,
    SearchMode,
)
from hybrid_coordinator.errors import BadInput, EmbedderChanged
from hybrid_coordinator.ports import Knowledge
from hybrid_coordinator.testing import HashEmbedder

EMBEDDER = HashEmbedder()

RESTART = "restart the service with systemctl"
DISK = "free disk space by removing old generations"
PARSE = "def parseHttpHeader(raw_line): split a header at the colon"
TEXTS = (RESTART, DISK, PARSE)


async def put(knowledge: Knowledge, *drafts: Draft) -> None:
    await knowledge.put(drafts, await EMBEDDER.embed([draft.key for draft in drafts]))


async def search(
    knowledge: Knowledge,
    text: str,
    collections: Sequence[Collection] = (Collection.CODEBASE,),
    *,
    limit: int = 10,
    mode: SearchMode = SearchMode.HYBRID,
) -> list[Passage]:
    [vector] = await EMBEDDER.embed([text])
    return await knowledge.search(Probe(text, vector), collections, limit=limit, mode=mode)


def draft(text: str, id: str = "", collection: Collection = Collection.CODEBASE, **payload: Any) -> Draft:
    return Draft(id=id or text, collection=collection, key=text, text=text, payload=payload, source="origin")


class KnowledgeContract:
    async def test_what_was_put_is_got_in_the_order_asked(self, knowledge: Knowledge) -> None:
        await put(knowledge, draft("one"), draft("two"), draft("three"))

        got = await knowledge.get(["three", "one"])

        assert [(passage.id, passage.text, passage.source) for passage in got] == [
            ("three", "three", "origin"),
            ("one", "one", "origin"),
        ]
        assert [(passage.similarity, passage.score) for passage in got] == [(0, 0), (0, 0)]

    async def test_unknown_ids_are_passed_over_everywhere(self, knowledge: Knowledge) -> None:
        await put(knowledge, draft("one"))

        await knowledge.amend({"nobody": {"language": "nix"}})
        await knowledge.remove(["nobody", ""])
        got = await knowledge.get(["nobody", "one", ""])

        assert [passage.id for passage in got] == ["one"]

    @pytest.mark.parametrize("collection", list(Collection))
    async def test_a_passage_has_all_documented_fields(self, knowledge: Knowledge, collection: Collection) -> None:
        await put(knowledge, draft("one", collection=collection))

        [passage] = await knowledge.get(["one"])

        assert passage.payload == {**FIELDS[collection], **USAGE_FIELDS}

    async def test_own_fields_are_kept_as_they_came(self, knowledge: Knowledge) -> None:
        fields: dict[str, Any] = {"language": "nix", "deep": {"list": [1, 2.5, None, True, "é"]}, "Größe": -3}
        await put(knowledge, draft("one", **fields))

        [passage] = await knowledge.get(["one"])

        assert {name: passage.payload[name] for name in fields} == fields

    async def test_replacing_a_passage_keeps_what_is_known_of_its_use(self, knowledge: Knowledge) -> None:
        await put(knowledge, draft("before", id="one", language="nix"))
        await knowledge.amend({"one": {"access_count": 7, "success_rate": 0.9}})

        await put(knowledge, draft("after", id="one"))
        [passage] = await knowledge.get(["one"])

        assert (passage.text, passage.payload["language"]) == ("after", "")
        assert (passage.payload["access_count"], passage.payload["success_rate"]) == (7, 0.9)

    async def test_replacing_a_passage_makes_the_old_words_unfindable(self, knowledge: Knowledge) -> None:
        await put(knowledge, draft("zebra", id="one"))

        await put(knowledge, draft("giraffe", id="one"))

        assert await search(knowledge, "zebra", mode=SearchMode.KEYWORD) == []
        assert [passage.text for passage in await search(knowledge, "giraffe")] == ["giraffe"]

    async def test_of_two_drafts_with_one_id_the_last_stays(self, knowledge: Knowledge) -> None:
        await put(knowledge, draft("first", id="one"), draft("second", id="one"))

        assert [passage.text for passage in await knowledge.get(["one"])] == ["second"]

    async def test_a_passage_put_elsewhere_moves(self, knowledge: Knowledge) -> None:
        await put(knowledge, draft("old home", id="one"))

        await put(knowledge, draft("new home", id="one", collection=Collection.SKILLS))
        counts = await knowledge.counts()

        assert [passage.collection for passage in await knowledge.get(["one"])] == [Collection.SKILLS]
        assert (counts[Collection.CODEBASE], counts[Collection.SKILLS]) == (0, 1)

    async def test_amending_merges_fields(self, knowledge: Knowledge) -> None:
        await put(knowledge, draft("one", language="nix", purpose="demo"))

        await knowledge.amend({"one": {"language": "bash"}})
        [passage] = await knowledge.get(["one"])

        assert (passage.text, passage.payload["language"], passage.payload["purpose"]) == ("one", "bash", "demo")

    async def test_what_was_removed_is_gone(self, knowledge: Knowledge) -> None:
        await put(knowledge, draft("one"), draft("two"))

        await knowledge.remove(["one"])

        assert [passage.id for passage in await knowledge.get(["one", "two"])] == ["two"]
        assert [passage.id for passage in await search(knowledge, "one two")] == ["two"]

    @pytest.mark.parametrize("mode", list(SearchMode))
    async def test_the_fitting_passage_comes_first_in_every_mode(self, knowledge: Knowledge, mode: SearchMode) -> None:
        await put(knowledge, *map(draft, TEXTS))

        found = await search(knowledge, "how to restart a service", mode=mode)

        assert found[0].text == RESTART

    @pytest.mark.parametrize("mode", list(SearchMode))
    async def test_scores_descend_within_bounds(self, knowledge: Knowledge, mode: SearchMode) -> None:
        await put(knowledge, *map(draft, TEXTS), *(draft(f"{RESTART} and wait {n} times {n}") for n in range(20)))

        found = await search(knowledge, f"{RESTART} once", mode=mode, limit=15)
        scores = [passage.score for passage in found]

        assert len(found) == 15
        assert scores == sorted(scores, reverse=True)
        assert all(0 <= passage.score <= 1 and 0 <= passage.similarity <= 1 for passage in found)

    async def test_the_identical_text_has_similarity_one(self, knowledge: Knowledge) -> None:
        await put(knowledge, *map(draft, TEXTS))

        for text in TEXTS:
            best = (await search(knowledge, text))[0]

            assert best.text == text
            assert best.similarity == pytest.approx(1, abs=1e-3)

    async def test_meaning_alone_gives_the_identical_text_the_full_score(self, knowledge: Knowledge) -> None:
        await put(knowledge, *map(draft, TEXTS))

        best = (await search(knowledge, DISK, mode=SearchMode.SEMANTIC))[0]

        assert best.score == pytest.approx(1, abs=1e-3)

    async def test_a_passage_found_by_its_words_has_its_true_similarity(self, knowledge: Knowledge) -> None:
        await put(knowledge, Draft("one", Collection.CODEBASE, key=RESTART, text="the flux capacitor hums"))

        [by_words] = await search(knowledge, "flux capacitor", mode=SearchMode.KEYWORD)
        [by_meaning] = await search(knowledge, RESTART, mode=SearchMode.SEMANTIC)

        assert by_words.similarity < 0.5
        assert by_meaning.similarity == pytest.approx(1, abs=1e-3)

    @pytest.mark.parametrize("collections", [[], [Collection.ERRORS]])
    async def test_only_the_asked_collections_answer(self, knowledge: Knowledge, collections: list[Collection]) -> None:
        await put(knowledge, *map(draft, TEXTS))

        assert await search(knowledge, RESTART, collections) == []

    async def test_the_best_of_several_collections_come_together(self, knowledge: Knowledge) -> None:
        await put(
            knowledge,
            *(draft(f"{RESTART} {collection}", collection=collection) for collection in CONTEXT_COLLECTIONS),
            *(draft(f"unlike {collection}", collection=collection) for collection in CONTEXT_COLLECTIONS),
        )

        found = await search(knowledge, RESTART, CONTEXT_COLLECTIONS, limit=4)

        assert {passage.collection for passage in found} == set(CONTEXT_COLLECTIONS)
        assert all(passage.text.startswith(RESTART) for passage in found)

    async def test_no_more_than_the_limit_come(self, knowledge: Knowledge) -> None:
        await put(knowledge, *map(draft, TEXTS))

        assert len(await search(knowledge, "restart disk header", limit=2)) == 2
        assert await search(knowledge, RESTART, limit=0) == []

    @pytest.mark.parametrize("text", ["", " \n\t", "\x00\x01\x1b[31m", "???", "the of and", "\ud800", "😀" * 500])
    @pytest.mark.parametrize("mode", list(SearchMode))
    async def test_odd_queries_are_answered(self, knowledge: Knowledge, text: str, mode: SearchMode) -> None:
        await put(knowledge, *map(draft, TEXTS))
        probe = Probe(text, (await EMBEDDER.embed([RESTART]))[0])

        found = await knowledge.search(probe, [Collection.CODEBASE], limit=2, mode=mode)

        assert len(found) <= 2

    @pytest.mark.parametrize(
        "text", ["", "\x00\x01\x1b[31m", "naïve 日本語 😀 \u202e", "x" * 300_000, "word " * 50_000]
    )
    async def test_odd_texts_come_back_as_they_were(self, knowledge: Knowledge, text: str) -> None:
        await put(knowledge, draft(text, id="odd"))

        [passage] = await knowledge.get(["odd"])

        assert passage.text == text

    async def test_a_broken_surrogate_pair_is_mended(self, knowledge: Knowledge) -> None:
        await put(knowledge, draft("half \ud83d pair", id="odd", purpose="half \ud83d"))

        [passage] = await knowledge.get(["odd"])

        assert (passage.text, passage.payload["purpose"]) == ("half ? pair", "half ?")

    @pytest.mark.parametrize("value", [float("nan"), float("inf"), {1, 2}, b"bytes", object()])
    async def test_what_is_not_json_is_refused_and_nothing_is_stored(self, knowledge: Knowledge, value: object) -> None:
        with pytest.raises(BadInput, match="cannot hold"):
            await put(knowledge, draft("fine"), draft("odd", purpose=value))

        assert await knowledge.get(["fine", "odd"]) == []

    async def test_a_name_is_found_by_its_parts_and_as_a_whole(self, knowledge: Knowledge) -> None:
        await put(knowledge, *map(draft, TEXTS))

        for text in ("parse http", "parse_http_header", "parseHttpHeader", "rawLine"):
            found = await search(knowledge, text, mode=SearchMode.KEYWORD)

            assert [passage.text for passage in found] == [PARSE]

    async def test_browsing_visits_every_passage_once(self, knowledge: Knowledge) -> None:
        names = {f"passage {number}" for number in range(25)}
        await put(knowledge, *map(draft, names), draft("elsewhere", collection=Collection.SKILLS))

        seen: list[str] = []
        after: str | None = None
        for _ in range(3):
            page, after = await knowledge.browse(Collection.CODEBASE, limit=10, after=after)
            seen += [passage.id for passage in page]

        assert (len(seen), set(seen), after) == (25, names, None)

    async def test_browsing_goes_on_where_a_passage_was_removed(self, knowledge: Knowledge) -> None:
        await put(knowledge, *(draft(f"passage {number}") for number in range(4)))
        first, after = await knowledge.browse(Collection.CODEBASE, limit=2)
        await knowledge.remove([passage.id for passage in first])

        rest, end = await knowledge.browse(Collection.CODEBASE, limit=2, after=after)

        assert {passage.id for passage in [*first, *rest]} == {f"passage {number}" for number in range(4)}
        assert end is None

    async def test_an_empty_collection_has_one_empty_page(self, knowledge: Knowledge) -> None:
        assert await knowledge.browse(Collection.PRACTICES, limit=5) == ([], None)

    async def test_counts_name_all_five_collections(self, knowledge: Knowledge) -> None:
        await put(knowledge, draft("one"), draft("two"), draft("three", collection=Collection.ERRORS))

        counts = await knowledge.counts()

        assert counts == {**dict.fromkeys(Collection, 0), Collection.CODEBASE: 2, Collection.ERRORS: 1}

    async def test_tidying_changes_no_answer(self, knowledge: Knowledge) -> None:
        await put(knowledge, *map(draft, TEXTS))
        before = await search(knowledge, DISK)

        await knowledge.tidy()
        after = await search(knowledge, DISK)

        assert [passage.text for passage in after] == [passage.text for passage in before]
        assert [passage.score for passage in after] == pytest.approx([passage.score for passage in before], abs=1e-6)

    async def test_vectors_are_those_that_the_keys_were_embedded_as(self, knowledge: Knowledge) -> None:
        await put(knowledge, draft(RESTART, "r"), draft(DISK, "d", Collection.ERRORS))

        found = await knowledge.vectors(["d", "gone", "r"])

        assert list(found) == ["d", "r"]
        [disk, restart] = await EMBEDDER.embed([DISK, RESTART])
        assert list(found["d"]) == pytest.approx(disk, abs=1e-6)
        assert list(found["r"]) == pytest.approx(restart, abs=1e-6)

    async def test_nothing_to_put_is_fine(self, knowledge: Knowledge) -> None:
        await knowledge.put([], [])

        assert sum((await knowledge.counts()).values()) == 0

    async def test_closing_twice_is_fine(self, knowledge: Knowledge) -> None:
        await knowledge.aclose()

        await knowledge.aclose()


class TestEdgeKnowledge(KnowledgeContract):
    @pytest.fixture
    async def knowledge(self, tmp_path: Path) -> AsyncGenerator[Knowledge]:
        store = await EdgeKnowledge.open(tmp_path / "knowledge", EMBEDDER.identity)
        yield store
        await store.aclose()


@pytest.mark.filterwarnings("ignore:Payload indexes have no effect in the local Qdrant")
class TestQdrantServerKnowledge(KnowledgeContract):
    @pytest.fixture(params=[":memory:", "QDRANT_URL"])
    async def knowledge(self, request: pytest.FixtureRequest) -> AsyncGenerator[Knowledge]:
        url = request.param if request.param == ":memory:" else os.environ.get(request.param)
        if url is None:
            pytest.skip("QDRANT_URL is not set, and no package carries a Qdrant server")
        client = connect(url, os.environ.get("QDRANT_API_KEY"))
        for collection in (*Collection, MANIFEST):
            await client.delete_collection(collection)
        store = await QdrantServerKnowledge.open(client, EMBEDDER.identity)
        yield store
        await store.aclose()

    async def test_another_embedder_is_refused(self) -> None:
        client = connect(":memory:", None)
        await QdrantServerKnowledge.open(client, EMBEDDER.identity)

        with pytest.raises(EmbedderChanged, match="hybrid-coordinator reindex"):
            await QdrantServerKnowledge.open(client, EmbedderIdentity("another", 768))
