"""The learned router at work: it starts as the tree, learns, is kept, and steps back when it has become worse."""

from dataclasses import replace

import pytest

from hybrid_coordinator.backends.embedders.minilm import MiniLmEmbedder
from hybrid_coordinator.domain.evidence import Asked, Evidence
from hybrid_coordinator.domain.knowledge import Collection, Passage
from hybrid_coordinator.errors import Damaged, EmbedderChanged
from hybrid_coordinator.flows.routing import LearnedRouter, best_similarities
from hybrid_coordinator.logic.router_trust import LearningPolicy
from hybrid_coordinator.testing import HashEmbedder

SERVICES = ("nginx", "redis", "sshd", "cron", "postgres", "docker", "grafana", "bind", "cups", "avahi")
VERBS = ("restart", "stop", "reload")
THINGS = (
    "a ring",
    "a group",
    "a field",
    "a graph",
    "a lattice",
    "a module",
    "a sheaf",
    "a tree",
    "a matroid",
    "a code",
)
DEEDS = ("prove a bound for", "classify", "derive an invariant of")

EASY = [f"how do I {verb} {service}" for service in SERVICES for verb in VERBS]
HARD = [f"{deed} {thing} of order nine" for thing in THINGS for deed in DEEDS]

EXAMPLES = "What is 1 + 1?\nAnswer: 2\n\n"


def rows(*, reversed_world: bool = False) -> list[Evidence]:
    """Home knows its services and no algebra, or the other way round."""
    pairs = zip(EASY, HARD, strict=True)
    return [
        Evidence(Asked(text, ()), local=float(easy != reversed_world), remote=1.0)
        for pair in pairs
        for text, easy in zip(pair, (True, False), strict=True)
    ]


def passage(similarity: float, collection: Collection = Collection.ERRORS) -> Passage:
    return Passage("1", collection, "text", {}, similarity, similarity)


async def test_before_any_outcome_the_tree_is_asked() -> None:
    router = LearnedRouter(HashEmbedder())

    judgement = router.judge(await router.ask("how do I restart nginx", [passage(0.95)]))

    assert not judgement.trusted
    assert judgement.evidence == 0
    assert judgement.p > 0.5


async def test_with_real_vectors_it_learns_what_home_knows() -> None:
    router = LearnedRouter(MiniLmEmbedder())
    await router.fit(rows())

    home = router.judge(await router.ask("please restart the mosquitto service"))
    away = router.judge(await router.ask("prove that every finite division ring is commutative"))

    assert home.trusted
    assert home.p > 0.7 > 0.3 > away.p


async def test_a_vector_that_is_known_is_not_made_again() -> None:
    embedder = HashEmbedder()
    router = LearnedRouter(embedder)
    [vector] = await embedder.embed(["how do I restart nginx"])

    asked = await router.ask("how do I restart nginx", vector=vector)

    assert asked.vector == vector
    assert len(embedder.embedded) == 1


async def test_worked_examples_are_left_out_of_the_vector() -> None:
    embedder = HashEmbedder()
    router = LearnedRouter(embedder)
    [whole] = await embedder.embed([f"{EXAMPLES}What is 3 + 3?\nAnswer:"])

    asked = await router.ask(f"{EXAMPLES}What is 3 + 3?\nAnswer:", vector=whole)

    assert asked.text == "What is 3 + 3?\nAnswer:"
    assert embedder.embedded[-1] == asked.text


async def test_outcomes_are_learned_from_once_enough_came_together() -> None:
    router = LearnedRouter(HashEmbedder(), LearningPolicy(refit_rows=10))
    known = rows()

    for row in known[:9]:
        await router.learn(row)
    before = router.judge(await router.ask(EASY[0])).evidence
    await router.learn(known[9])

    assert before == 0
    assert router.judge(await router.ask(EASY[0])).evidence == 10


async def test_a_world_turned_round_sends_it_back_to_the_tree_until_it_has_learned_anew() -> None:
    router = LearnedRouter(HashEmbedder(), LearningPolicy(refit_rows=30, drift_window=30))
    await router.fit([*rows(), *rows()])
    asked = await router.ask(EASY[0])
    trusted_before = router.judge(asked).trusted
    turned = rows(reversed_world=True)

    for row in turned[:25]:
        await router.learn(row)

    stepped_back = router.drifted, router.judge(asked).trusted
    for row in [*turned, *turned]:
        await router.learn(row)

    assert trusted_before
    assert stepped_back == (True, False)
    assert not router.drifted
    assert router.judge(asked).trusted
    assert router.judge(asked).p < 0.5


async def test_the_world_as_it_was_is_no_drift() -> None:
    router = LearnedRouter(HashEmbedder())
    await router.fit([*rows(), *rows()])

    for row in rows():
        await router.learn(row)

    assert not router.drifted


async def test_what_was_learned_survives_a_restart_and_is_built_upon() -> None:
    router = LearnedRouter(HashEmbedder())
    known = rows()
    await router.fit(known)
    restarted = LearnedRouter(HashEmbedder(), LearningPolicy(refit_rows=1))

    restarted.load(router.dump(), known)

    asked = await router.ask(EASY[0])
    assert restarted.judge(asked) == router.judge(asked)
    for row in known[:3]:
        await restarted.learn(row)
    assert restarted.judge(asked).evidence == len(known) + 3


async def test_a_damaged_dump_leaves_the_router_as_it_was() -> None:
    router = LearnedRouter(HashEmbedder())
    await router.fit(rows())
    before = router.judge(await router.ask(EASY[0]))

    with pytest.raises(Damaged):
        router.load(router.dump()[:-40], ())

    assert router.judge(await router.ask(EASY[0])) == before


async def test_another_embedders_router_is_refused_and_its_rows_are_embedded_anew() -> None:
    narrow = LearnedRouter(HashEmbedder(dimension=64))
    known = [replace(row, asked=await narrow.ask(row.asked.text)) for row in rows()]
    await narrow.fit(known)
    router = LearnedRouter(HashEmbedder())

    with pytest.raises(EmbedderChanged):
        router.load(narrow.dump(), known)
    await router.fit(known)

    assert router.judge(await router.ask(EASY[0])).trusted


async def test_an_untaught_router_is_dumped_as_nothing() -> None:
    router = LearnedRouter(HashEmbedder())

    router.load(router.dump(), ())

    assert router.dump() == b""
    assert router.threshold(0.97) == 1.0
    assert router.threshold_sending(0.3) is None


async def test_a_promise_of_quality_is_kept_on_what_is_known() -> None:
    router = LearnedRouter(HashEmbedder())
    await router.fit([*rows(), *rows()])

    threshold = router.threshold(0.97)

    assert await router.predict(EASY[3]) > threshold
    assert await router.predict(HARD[3]) < threshold


async def test_what_was_found_is_kept_with_a_row_that_has_no_vector_yet() -> None:
    router = LearnedRouter(HashEmbedder(), LearningPolicy())
    found = {Collection.SKILLS.value: 0.9}
    known = [Evidence(Asked(row.asked.text, (), found if row.local else {}), row.local, row.remote) for row in rows()]
    await router.fit(known)

    with_passage = await router.predict("what now", [passage(0.9, Collection.SKILLS)])

    assert with_passage > await router.predict("what now")


def test_of_each_collection_the_best_similarity_counts() -> None:
    found = [passage(0.4), passage(0.7), passage(0.2, Collection.SKILLS)]

    assert best_similarities(found) == {Collection.ERRORS.value: 0.7, Collection.SKILLS.value: 0.2}
