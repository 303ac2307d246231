"""Where versions run: on real llama.cpp with real adapters, and on servers that speak as Ollama does."""

import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, aclosing, asynccontextmanager, suppress
from pathlib import Path

import anyio
import pytest
from anyio.abc import SocketAttribute, SocketStream

from adapters import RUINOUS, version_of, write_adapter
from hybrid_coordinator.backends.clock import SystemClock
from hybrid_coordinator.backends.http import Endpoint, open_client
from hybrid_coordinator.backends.models.engine import EnginePolicy
from hybrid_coordinator.backends.models.hosts.builtin import BuiltinHost
from hybrid_coordinator.backends.models.hosts.deploy_hook import DeployHook
from hybrid_coordinator.backends.models.hosts.json_api import JsonApi
from hybrid_coordinator.backends.models.hosts.llama_server import LlamaServerHost, _still_there
from hybrid_coordinator.backends.models.hosts.lora_api import LoadedAdapter, LoraApi
from hybrid_coordinator.backends.models.llamacpp_process import Access, Weights
from hybrid_coordinator.backends.models.retrying import RetryingModel, RetryPolicy
from hybrid_coordinator.backends.models.streaming import Patience
from hybrid_coordinator.domain.query import Completion, Prompt, Role, Turn, fold
from hybrid_coordinator.domain.route import Location, ModelCard
from hybrid_coordinator.domain.training import BaseWeights
from hybrid_coordinator.domain.versions import ModelVersion
from hybrid_coordinator.errors import ModelRefused, ModelUnavailable, SettingError
from hybrid_coordinator.ports import Model, ModelHost
from servers import llama_server, smollm2

CARD = ModelCard("local", Location.LOCAL, context_tokens=1024)
QUESTION = Prompt((Turn(Role.USER, ("What is the capital of France?",)),), max_tokens=12, temperature=0.0)
LIST = " ".join(f"Item {letter} of the list is a thing." for letter in "abcd")


async def ask(model: Model, prompt: Prompt = QUESTION) -> Completion:
    async with aclosing(model.stream(prompt)) as pieces:
        return fold([piece async for piece in pieces])


@asynccontextmanager
async def opened(
    host: ModelHost, version: ModelVersion | None = None, artefact: Path | None = None
) -> AsyncIterator[Model]:
    async with aclosing(await host.open(version, artefact)) as model:
        yield model


def built_in_host() -> BuiltinHost:
    weights = Weights(smollm2(), "unnamed", CARD.context_tokens, threads=1)
    return BuiltinHost(CARD, weights, SystemClock(), EnginePolicy(), Patience())


@pytest.fixture(scope="module")
def base() -> BaseWeights:
    async def find() -> BaseWeights:
        return await built_in_host().base()

    return anyio.run(find)


@pytest.fixture(scope="module")
def adapter(tmp_path_factory: pytest.TempPathFactory, base: BaseWeights) -> Path:
    """One that changes what the model says beyond recognition."""
    return write_adapter(tmp_path_factory.mktemp("run-1") / "adapter.gguf", base.sha256, strength=RUINOUS)


@pytest.fixture(scope="module")
def server(adapter: Path) -> Iterator[Access]:
    """A llama.cpp server that has loaded it."""
    with llama_server(CARD.context_tokens, [adapter]) as access:
        yield access


@pytest.fixture(scope="module")
def bare_server() -> Iterator[Access]:
    """One that has loaded none."""
    with llama_server(CARD.context_tokens) as access:
        yield access


class HostPromises:
    """Inherited by one class a host, which says what `host` is: one that can have the adapter."""

    @pytest.fixture
    def host(self) -> ModelHost:
        raise NotImplementedError

    async def test_the_base_is_named_by_its_file_and_known_by_its_hash(
        self, host: ModelHost, adapter: Path, base: BaseWeights
    ) -> None:
        found = await host.base()

        assert found == base
        assert found.name == "SmolLM2-135M-Instruct.Q4_1"
        assert Path(found.path) == smollm2()

    async def test_base_and_version_answer_beside_each_other_each_by_its_name(
        self, host: ModelHost, adapter: Path, base: BaseWeights
    ) -> None:
        version = version_of(adapter, base, 3)
        async with opened(host) as plain, opened(host, version, adapter) as tuned:
            answers = [await ask(plain), await ask(tuned), await ask(plain), await ask(tuned)]

        assert [answer.finished.model for answer in answers] == [base.name, version.name] * 2
        assert answers[0].text == answers[2].text
        assert answers[1].text == answers[3].text
        assert answers[0].text != answers[1].text

    async def test_an_adapter_of_no_strength_changes_nothing(
        self, host: ModelHost, adapter: Path, base: BaseWeights
    ) -> None:
        version = version_of(adapter, base, 3, scale=0.0)
        async with opened(host) as plain, opened(host, version, adapter) as tuned:
            answers = [await ask(plain), await ask(tuned)]

        assert answers[0].text == answers[1].text

    async def test_an_adapter_for_another_base_is_refused_by_hash(
        self, host: ModelHost, tmp_path: Path, base: BaseWeights
    ) -> None:
        stranger = write_adapter(tmp_path / "adapter.gguf", "0" * 64)
        with pytest.raises(ModelRefused, match=r"it was trained on another base model, of sha256 '0000.*train a new"):
            await host.open(version_of(stranger, base, 1), stranger)

    async def test_a_file_that_is_not_what_was_trained_is_refused(
        self, host: ModelHost, tmp_path: Path, base: BaseWeights
    ) -> None:
        spoilt = write_adapter(tmp_path / "adapter.gguf", base.sha256)
        version = version_of(spoilt, base, 1)
        with spoilt.open("r+b") as file:
            file.seek(-1, os.SEEK_END)
            file.write(b"\x01")

        with pytest.raises(ModelRefused, match=f"has the sha256 .* and {version.sha256} was trained"):
            await host.open(version, spoilt)

    async def test_a_file_that_is_gone_or_none_is_refused(
        self, host: ModelHost, adapter: Path, base: BaseWeights
    ) -> None:
        version = version_of(adapter, base, 1)
        with pytest.raises(ModelUnavailable, match="is not here") as absent:
            await host.open(version, adapter.with_name("absent.gguf"))
        assert not isinstance(absent.value, ModelRefused)  # another process on the same records may have it
        with pytest.raises(ModelRefused, match="has no file to load"):
            await host.open(version, None)

    async def test_settling_twice_is_fine(self, host: ModelHost, adapter: Path, base: BaseWeights) -> None:
        version = version_of(adapter, base, 1)
        await host.settle(version, adapter)
        await host.settle(version, adapter)
        await host.settle(None, None)


class TestBuiltinHost(HostPromises):
    @pytest.fixture
    def host(self) -> ModelHost:
        return built_in_host()

    async def test_the_hash_of_the_base_follows_the_file(self, tmp_path: Path) -> None:
        copy = tmp_path / "copy.gguf"
        copy.write_bytes(b"GGUF one")
        host = BuiltinHost(CARD, Weights(copy, "copy", 512), SystemClock(), EnginePolicy(), Patience())

        before = await host.base()
        again = await host.base()
        copy.write_bytes(b"GGUF other")
        after = await host.base()

        assert before == again
        assert before.sha256 != after.sha256

    async def test_an_adapter_that_the_engine_dies_of_is_refused_with_what_it_said(
        self, tmp_path: Path, base: BaseWeights
    ) -> None:
        misshapen = write_adapter(tmp_path / "adapter.gguf", base.sha256, rows=64)
        host = built_in_host()

        async with opened(host) as plain:
            with pytest.raises(ModelRefused, match=r"it said: .*failed to load lora adapter"):
                await host.open(version_of(misshapen, base, 1), misshapen)
            assert (await ask(plain)).text

    async def test_an_adapter_cut_short_before_its_hash_was_taken_is_refused(
        self, tmp_path: Path, base: BaseWeights
    ) -> None:
        cut = write_adapter(tmp_path / "adapter.gguf", base.sha256)
        cut.write_bytes(cut.read_bytes()[:-5000])

        with pytest.raises(ModelRefused):
            await built_in_host().open(version_of(cut, base, 1), cut)

    async def test_weights_that_do_not_load_in_time_may_load_later(self, adapter: Path, base: BaseWeights) -> None:
        weights = Weights(smollm2(), "unnamed", CARD.context_tokens)
        hurried = BuiltinHost(CARD, weights, SystemClock(), EnginePolicy(load_s=0.05), Patience())

        with pytest.raises(ModelUnavailable, match="did not load within") as failure:
            await hurried.open(version_of(adapter, base, 1), adapter)

        assert not isinstance(failure.value, ModelRefused)


class TestLlamaServerHost(HostPromises):
    @pytest.fixture
    def host(self, server: Access) -> ModelHost:
        return server_host(server)

    async def test_an_answer_is_not_read_from_what_was_cached_under_another_adapter(
        self, host: ModelHost, adapter: Path, base: BaseWeights
    ) -> None:
        """More prompts than slots: what a slot had read is set aside and fetched again."""
        prompts = [Prompt((Turn(Role.USER, (f"{text} {LIST}",)),), max_tokens=4, temperature=0.0) for text in "ABC"]
        version = version_of(adapter, base, 1)

        async with opened(host) as plain, opened(host, version, adapter) as tuned:
            first = [(await ask(plain, prompt)).text for prompt in prompts]
            for prompt in prompts:
                await ask(tuned, prompt)
            again = [(await ask(plain, prompt)).text for prompt in prompts]

        assert again == first

    async def test_settling_sets_what_others_get_who_ask_the_server(
        self, host: ModelHost, server: Access, adapter: Path, base: BaseWeights
    ) -> None:
        async with open_client(trust_env=False) as client:
            api = LoraApi(JsonApi(Endpoint("the server", server.address, server.key), client, 30.0))
            await host.settle(version_of(adapter, base, 1, scale=0.5), adapter)
            settled = await api.adapters()
            await host.settle(None, None)
            unsettled = await api.adapters()

        assert settled == (LoadedAdapter(0, str(adapter), 0.5),)
        assert unsettled == (LoadedAdapter(0, str(adapter), 0.0),)

    async def test_a_version_that_the_server_has_not_loaded_waits_for_the_command_that_loads_it(
        self, host: ModelHost, adapter: Path, base: BaseWeights, tmp_path: Path
    ) -> None:
        other = write_adapter(tmp_path / "other adapter.gguf", base.sha256, seed=2)

        with pytest.raises(ModelUnavailable) as refusal:
            await host.open(version_of(other, base, 2), other)

        assert not isinstance(refusal.value, ModelRefused)
        command = f"llama-server -m {smollm2()} --lora {adapter} --lora '{other}' --lora-init-without-apply"
        assert command in str(refusal.value)

    async def test_an_adapter_that_is_gone_after_a_restart_leaves_the_answer_to_the_base_by_its_own_name(
        self, bare_server: Access, adapter: Path, base: BaseWeights
    ) -> None:
        version = version_of(adapter, base, 1)
        with ExitStack() as running:
            behind = [running.enter_context(llama_server(CARD.context_tokens, [adapter]))]
            async with front_door(lambda: behind[0]) as door, opened(server_host(door), version, adapter) as tuned:
                before = await ask(tuned)
                running.close()
                behind[0] = bare_server
                after = await ask(RetryingModel(tuned, RetryPolicy()))

        assert before.finished.model == version.name
        assert after.finished.model == base.name

    async def test_a_deploy_hook_is_told_what_to_bring_and_the_server_is_asked_whether_it_did(
        self, server: Access, bare_server: Access, adapter: Path, base: BaseWeights, tmp_path: Path
    ) -> None:
        told = tmp_path / "told"
        hook = DeployHook(f"sh -c 'echo $HYBRID_ADAPTER $HYBRID_VERSION $HYBRID_BASE > {told}'")
        version = version_of(adapter, base, 1)
        async with front_door(lambda: server if told.exists() else bare_server) as door:
            async with opened(server_host(door, hook), version, adapter) as tuned:
                answer = await ask(tuned)

        assert answer.finished.model == version.name
        assert told.read_text().split() == [str(adapter), version.name, base.name]

    async def test_a_deploy_hook_is_told_of_the_adapters_that_the_server_has_so_that_it_evicts_none(
        self, server: Access, adapter: Path, base: BaseWeights, tmp_path: Path
    ) -> None:
        told = tmp_path / "told"
        hook = DeployHook(f"sh -c 'echo $HYBRID_ADAPTERS > {told}'")
        other = write_adapter(tmp_path / "other.gguf", base.sha256, seed=2)

        with pytest.raises(ModelUnavailable, match="has not loaded"):
            await server_host(server, hook, restart_s=0.5).open(version_of(other, base, 2), other)

        assert told.read_text().split() == [os.pathsep.join([str(adapter), str(other)])]

    def test_what_a_server_elsewhere_has_stays_unless_its_run_is_gone_here(self, tmp_path: Path) -> None:
        runs = tmp_path / "runs"
        for run in ("run-1", "run-2"):
            (runs / run).mkdir(parents=True)
            (runs / run / "adapter.gguf").touch()
        paths = ["/its/own/style.gguf", *(f"/its/runs/{run}/adapter.gguf" for run in ("run-1", "run-2", "run-3"))]
        loaded = [LoadedAdapter(number, path, 0.0) for number, path in enumerate(paths)]

        assert _still_there(loaded, runs / "run-9" / "adapter.gguf") == paths[:3]

    async def test_no_hook_runs_while_somebody_waits_for_an_answer(
        self, bare_server: Access, adapter: Path, base: BaseWeights, tmp_path: Path
    ) -> None:
        host = server_host(bare_server, DeployHook(f"touch {tmp_path / 'ran'}"), restart_s=0.5)

        with pytest.raises(ModelUnavailable, match="not now"):
            await host.open(version_of(adapter, base, 1), adapter, pause=refuse)

        assert not (tmp_path / "ran").exists()

    @pytest.mark.parametrize(
        ("command", "timeout_s", "complaint"),
        [
            ("sh -c 'echo no room; exit 3'", 30.0, "failed with status 3; it said: no room; mend it"),
            ("sh -c 'sleep 60'", 0.2, r"was not done after 0\.2 s; it said: nothing; mend it"),
            ("sh -c 'echo done'", 30.0, "although the deploy hook ran; it said: done; mend the hook"),
            ("no-such-program", 30.0, "failed with status 127; it said: .*no-such-program"),
        ],
    )
    async def test_a_deploy_hook_that_fails_hangs_or_brings_nothing_is_told_with_what_it_said(
        self, command: str, timeout_s: float, complaint: str, bare_server: Access, adapter: Path, base: BaseWeights
    ) -> None:
        host = server_host(bare_server, DeployHook(command, timeout_s), restart_s=0.5)

        with pytest.raises(ModelUnavailable, match=complaint) as failure:
            await host.open(version_of(adapter, base, 1), adapter)

        assert not isinstance(failure.value, ModelRefused)


@pytest.mark.parametrize("command", ["", "echo 'half"])
def test_a_deploy_hook_that_is_no_command_line_is_a_wrong_setting(command: str) -> None:
    with pytest.raises(SettingError, match="deploy hook"):
        DeployHook(command)


async def refuse() -> None:
    raise ModelUnavailable("not now")


def server_host(access: Access, hook: DeployHook | None = None, restart_s: float = 60.0) -> LlamaServerHost:
    return LlamaServerHost(
        CARD, base_url=access.address, api_key=access.key, patience=Patience(), hook=hook, restart_s=restart_s
    )


@asynccontextmanager
async def front_door(behind: Callable[[], Access]) -> AsyncIterator[Access]:
    """One address with whichever server is behind it when a connection comes."""
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")

    async def pump(source: SocketStream, sink: SocketStream) -> None:
        with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
            async for data in source:
                await sink.send(data)
        await sink.aclose()

    async def lead(stream: SocketStream) -> None:
        port = int(behind().address.rpartition(":")[2])
        async with stream, await anyio.connect_tcp("127.0.0.1", port) as inside, anyio.create_task_group() as pumps:
            pumps.start_soon(pump, stream, inside)
            pumps.start_soon(pump, inside, stream)

    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, lead)
        port = listener.extra(SocketAttribute.local_port)
        yield Access(f"http://127.0.0.1:{port}", behind().key)
        tasks.cancel_scope.cancel()
