"""Several local models at once: who wins, who may fail, and when nobody is trusted."""

import anyio
import pytest

from hybrid_coordinator.backends.embedders.minilm import MiniLmEmbedder
from hybrid_coordinator.domain.query import Prompt, Role, Speciality, ToolCall, Turn
from hybrid_coordinator.domain.route import Location, ModelCard
from hybrid_coordinator.errors import ModelUnavailable
from hybrid_coordinator.flows.ensemble import Ensemble, EnsembleAnswer, EnsemblePolicy
from hybrid_coordinator.testing import HashEmbedder, Script, ScriptedModel

QUESTION = Prompt((Turn(Role.USER, ("Which port does it listen on?",)),))


def voter(name: str, script: Script, speciality: Speciality = Speciality.GENERAL) -> ScriptedModel:
    return ScriptedModel(script, card=ModelCard(name, Location.LOCAL, speciality))


async def ask(*models: ScriptedModel, time_limit_s: float = 5.0) -> EnsembleAnswer:
    ensemble = Ensemble(HashEmbedder(), EnsemblePolicy(time_limit_s))
    return await ensemble.ask(models, {model.card.name: QUESTION for model in models}, Speciality.CODE)


async def test_two_who_agree_outvote_a_third_and_the_losers_are_told() -> None:
    answer = await ask(
        voter("general", ("It listens ", "on port 80.")),
        voter("coder", ("Nobody knows.",), Speciality.CODE),
        voter("analyst", ("It listens on port 80.",), Speciality.ANALYSIS),
    )

    assert (answer.model, answer.completion.text) == ("general", "It listens on port 80.")
    assert {loser.model: loser.completion.text for loser in answer.losers} == {
        "coder": "Nobody knows.",
        "analyst": "It listens on port 80.",
    }
    assert not answer.trusted
    assert "3 local models" in answer.reason


async def test_models_are_asked_at_the_same_time() -> None:
    both_were_asked = anyio.Event()
    models = [voter(name, (both_were_asked, "yes")) for name in ("one", "two")]

    async def watch() -> None:
        while not all(model.prompts for model in models):
            await anyio.lowlevel.checkpoint()
        both_were_asked.set()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(watch)
        answer = await ask(*models)

    assert answer.agreement == 1.0
    assert answer.trusted


async def test_a_model_that_fails_or_says_nothing_only_loses_its_vote() -> None:
    answer = await ask(
        voter("broken", ("It", ModelUnavailable("it died"))),
        voter("silent", (" ",)),
        voter("general", ("Port 80.",)),
        voter("analyst", ("Port 80.",)),
    )

    assert answer.completion.text == "Port 80."
    assert answer.trusted
    assert answer.failures == {"broken": "it died", "silent": "said nothing"}


async def test_a_model_that_is_too_slow_is_not_waited_for() -> None:
    answer = await ask(voter("slow", (anyio.Event(), "late")), voter("quick", ("Port 80.",)), time_limit_s=0.05)

    assert answer.model == "quick"
    assert answer.failures == {"slow": "was not done after 0.05 s"}
    assert not answer.trusted


async def test_with_no_answer_at_all_it_says_what_befell_each() -> None:
    with pytest.raises(ModelUnavailable, match=r"one: it died; two: it slept"):
        await ask(voter("one", (ModelUnavailable("it died"),)), voter("two", (ModelUnavailable("it slept"),)))


async def test_tool_calls_are_compared_too() -> None:
    answer = await ask(
        voter("one", (ToolCall("1", "read", '{"path": "a"}'),)), voter("two", (ToolCall("9", "read", '{"path": "a"}'),))
    )

    assert answer.agreement == 1.0
    assert answer.completion.calls


async def test_by_meaning_those_who_say_the_same_in_other_words_win() -> None:
    models = [
        voter("one", ("You undo the last commit and keep its changes staged with git reset --soft HEAD~1.",)),
        voter("two", ("A banana is a yellow fruit.",)),
        voter("three", ("Run git reset --soft HEAD~1: it takes back the last commit and leaves the changes staged.",)),
    ]
    ensemble = Ensemble(MiniLmEmbedder(), EnsemblePolicy())

    answer = await ensemble.ask(models, {model.card.name: QUESTION for model in models}, Speciality.GENERAL)

    assert answer.model in ("one", "three")
    assert answer.agreement > 0.4
