"""Versions on servers that keep models by name: Ollama's API as its documents have it, and a vendor's."""

from collections.abc import Iterator
from contextlib import aclosing
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from adapters import version_of, write_adapter
from hybrid_coordinator.backends.models.hosts.ollama import OllamaHost, ollama_name
from hybrid_coordinator.backends.models.hosts.openai import OpenAIHost
from hybrid_coordinator.backends.models.streaming import Patience
from hybrid_coordinator.domain.query import Completion, Prompt, Role, Turn, fold
from hybrid_coordinator.domain.route import Location, ModelCard
from hybrid_coordinator.domain.training import BaseWeights
from hybrid_coordinator.errors import ModelRefused, ModelUnavailable
from hybrid_coordinator.ports import Model
from hybrid_coordinator.testing import ScriptedModel
from ollama_server import Ollama, ollama_server
from servers import nobody

CARD = ModelCard("ollama", Location.LOCAL)
BASE = BaseWeights("small:135m", "ab" * 32)


async def ask(model: Model) -> Completion:
    async with aclosing(model.stream(Prompt((Turn(Role.USER, ("Is it?",)),)))) as pieces:
        return fold([piece async for piece in pieces])


@pytest.fixture
def ollama() -> Iterator[Ollama]:
    with ollama_server(BASE.name, BASE.sha256, takes_adapters=True) as server:
        yield server


@pytest.fixture
def newest_ollama() -> Iterator[Ollama]:
    with ollama_server(BASE.name, BASE.sha256, takes_adapters=False) as server:
        yield server


@pytest.fixture
def adapter(tmp_path: Path) -> Path:
    return write_adapter(tmp_path / "adapter.gguf", BASE.sha256)


def host_of(server: Ollama, weights: Path | None = None) -> OllamaHost:
    return OllamaHost(CARD, base_url=f"{server.url}/v1", model=BASE.name, patience=Patience(), weights=weights)


async def test_the_base_of_an_ollama_server_is_known_by_the_hash_of_its_weights(ollama: Ollama) -> None:
    assert await host_of(ollama).base() == BASE


async def test_weights_that_lie_elsewhere_are_trained_on_as_a_copy_and_only_on_a_true_one(
    tmp_path: Path,
) -> None:
    other, copy = tmp_path / "other.gguf", tmp_path / "copy.gguf"
    other.write_bytes(b"GGUF of another model")
    copy.write_bytes(b"GGUF of the base")
    with ollama_server(BASE.name, sha256(b"GGUF of the base").hexdigest(), takes_adapters=True) as server:
        true = host_of(server, copy)
        assert await true.base() == BaseWeights(BASE.name, sha256(copy.read_bytes()).hexdigest(), str(copy))
        with pytest.raises(ModelRefused, match="set HYBRID_FINETUNE_BASE to a copy of the GGUF file"):
            await host_of(server, other).base()
        with pytest.raises(ModelRefused, match="cannot be read"):
            await host_of(server, tmp_path / "gone.gguf").base()


async def test_the_base_answers_by_its_name(ollama: Ollama) -> None:
    async with aclosing(await host_of(ollama).open(None, None)) as model:
        answer = await ask(model)

    assert answer.finished.model == BASE.name


async def test_a_version_becomes_a_model_of_the_base_and_its_adapter_and_answers_by_the_versions_name(
    ollama: Ollama, adapter: Path
) -> None:
    version = version_of(adapter, BASE, 3)

    async with aclosing(await host_of(ollama).open(version, adapter)) as model:
        answer = await ask(model)

    made = ollama.made[ollama_name(version)]
    assert ollama_name(version).startswith("hybrid-small-135m-v3-")
    assert made["from"] == BASE.name
    assert made["adapters"] == {"adapter.gguf": f"sha256:{version.sha256}"}
    assert ollama.blobs == {f"sha256:{version.sha256}": adapter.stat().st_size}
    assert answer.finished.model == "small:135m+v3"


async def test_a_version_that_is_there_already_is_not_made_again(ollama: Ollama, adapter: Path) -> None:
    version = version_of(adapter, BASE, 3)
    host = host_of(ollama)

    for _ in range(2):
        async with aclosing(await host.open(version, adapter)):
            ollama.blobs.clear()

    assert ollama.blobs == {}


async def test_an_ollama_that_takes_no_adapters_gets_the_merged_weights(newest_ollama: Ollama, adapter: Path) -> None:
    merged = adapter.with_name("merged.gguf")
    merged.write_bytes(b"GGUF with everything")
    version = version_of(adapter, BASE, 3)

    async with aclosing(await host_of(newest_ollama).open(version, adapter)) as model:
        answer = await ask(model)

    made = newest_ollama.made[ollama_name(version)]
    assert set(made["files"].values()) == set(newest_ollama.blobs)
    assert "adapters" not in made
    assert answer.finished.model == version.name


async def test_without_merged_weights_such_an_ollama_is_told_with_its_own_words(
    newest_ollama: Ollama, adapter: Path
) -> None:
    with pytest.raises(ModelRefused, match=r"LoRA adapters are no longer supported.*`merged = true` in the recipe"):
        await host_of(newest_ollama).open(version_of(adapter, BASE, 3), adapter)


async def test_a_strength_that_ollama_does_not_know_needs_merged_weights(ollama: Ollama, adapter: Path) -> None:
    with pytest.raises(ModelRefused, match=r"the strength 0\.7.*`merged = true`"):
        await host_of(ollama).open(version_of(adapter, BASE, 3, scale=0.7), adapter)

    assert ollama.made == {}


async def test_an_adapter_for_another_base_never_reaches_the_server(ollama: Ollama, tmp_path: Path) -> None:
    stranger = write_adapter(tmp_path / "adapter.gguf", "0" * 64)

    with pytest.raises(ModelRefused, match="another base model"):
        await host_of(ollama).open(version_of(stranger, BASE, 1), stranger)

    assert ollama.blobs == {}


async def test_a_dropped_version_is_deleted_there_and_dropping_it_again_is_fine(ollama: Ollama, adapter: Path) -> None:
    version = version_of(adapter, BASE, 3)
    host = host_of(ollama)
    async with aclosing(await host.open(version, adapter)):
        pass

    await host.drop(version)
    await host.drop(version)

    assert ollama.made == {}


async def test_nothing_is_made_there_while_somebody_waits_for_an_answer(ollama: Ollama, adapter: Path) -> None:
    async def refuse() -> None:
        raise ModelUnavailable("not now")

    with pytest.raises(ModelUnavailable, match="not now"):
        await host_of(ollama).open(version_of(adapter, BASE, 3), adapter, pause=refuse)

    assert ollama.made == {}


async def test_a_base_that_the_server_does_not_have_is_refused_and_a_server_that_is_down_may_come_back(
    ollama: Ollama,
) -> None:
    absent = OllamaHost(CARD, base_url=ollama.url, model="absent", patience=Patience())
    with pytest.raises(ModelRefused, match="model 'absent' not found"):
        await absent.base()

    async with nobody() as url:
        down = OllamaHost(CARD, base_url=url, model=BASE.name, patience=Patience())
        with pytest.raises(ModelUnavailable, match="is it running") as failure:
            await down.base()
    assert not isinstance(failure.value, ModelRefused)


async def test_a_vendors_version_is_asked_by_the_vendors_name_and_answers_by_the_houses(adapter: Path) -> None:
    asked: list[str] = []

    def vendors_model(name: str) -> Model:
        asked.append(name)
        return ScriptedModel(("Yes.",))

    host = OpenAIHost("gpt-mini", vendors_model)
    base = await host.base()
    version = replace(version_of(adapter, base, 1), vendor_model="ft:gpt-mini:house::1")

    answers = [await ask(await host.open(version, None)), await ask(await host.open(None, None))]

    assert [answer.finished.model for answer in answers] == ["gpt-mini+v1", "gpt-mini"]
    assert asked == ["ft:gpt-mini:house::1", "gpt-mini"]


async def test_a_version_that_its_vendor_has_no_name_for_or_that_does_not_answer_is_not_opened(adapter: Path) -> None:
    broken = ScriptedModel((ModelUnavailable("no such model"),))
    host = OpenAIHost("gpt-mini", lambda name: broken)
    nameless = version_of(adapter, await host.base(), 1)

    with pytest.raises(ModelRefused, match="no name at its vendor"):
        await host.open(nameless, None)
    with pytest.raises(ModelUnavailable, match="no such model"):
        await host.open(replace(nameless, vendor_model="ft:1"), None)

    assert broken.closed
