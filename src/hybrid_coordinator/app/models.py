"""Which class speaks to which model."""

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2

from hybrid_coordinator.app.folder import MODELS_FOLDER
from hybrid_coordinator.backends.http import open_client
from hybrid_coordinator.backends.models.anthropic import AnthropicModel
from hybrid_coordinator.backends.models.circuit import CircuitBreaker, CircuitPolicy
from hybrid_coordinator.backends.models.gguf import find_gguf
from hybrid_coordinator.backends.models.llama_server import LlamaServerModel
from hybrid_coordinator.backends.models.llamacpp_process import Weights
from hybrid_coordinator.backends.models.openai_chat import OpenAIChatModel
from hybrid_coordinator.backends.models.pulling import pull_default_model
from hybrid_coordinator.backends.models.retrying import RetryingModel, RetryPolicy
from hybrid_coordinator.backends.models.streaming import Patience
from hybrid_coordinator.domain.query import Speciality
from hybrid_coordinator.domain.route import Location, ModelCard
from hybrid_coordinator.logic.pricing import find_price
from hybrid_coordinator.ports import Clock, Model
from hybrid_coordinator.settings import Settings
from hybrid_coordinator.wire.openai_chat import COMMON, REASONING


def open_other_models(settings: Settings, clock: Clock) -> Iterator[Model]:
    """The local models for code and for analysis, and the remote ones but OpenAI's."""
    for name, speciality, url in (
        ("local-coder", Speciality.CODE, settings.local.llama_cpp_code_url),
        ("local-analysis", Speciality.ANALYSIS, settings.local.llama_cpp_analysis_url),
    ):
        if url:
            yield careful(llama_server(name, speciality, url, settings), settings, clock)
    if settings.routing.hybrid_mode:
        yield from (careful(model, settings, clock) for model in _remote_models(settings))


def loaded_weights(settings: Settings) -> Weights | None:
    """What the built-in engine loads; None where there is nothing to load."""
    path, local = default_model_path(settings), settings.local
    if path is None:
        return None
    return Weights(path, path.stem, local.context_tokens, threads=local.threads or spare_cores())


def default_model_path(settings: Settings) -> Path | None:
    """The weights of the built-in engine: those named, else those found, else None."""
    if settings.local.model_path:
        return Path(settings.local.model_path).expanduser()
    return find_gguf(settings.data_dir / MODELS_FOLDER)


async def pull_model(settings: Settings, progress: Callable[[str], None]) -> Path:
    """Fetch the default weights into the data folder; where they lie."""
    return await pull_default_model(settings.data_dir / MODELS_FOLDER, progress)


def spare_cores() -> int:
    """All but one core, and at least one: threads wait for each other at every layer, so that one on a core that others
    use too slows all of them down (docs/lab.md: ten times)."""
    return max(1, (os.cpu_count() or 1) - 1)


def careful(model: Model, settings: Settings, clock: Clock) -> Model:
    """A model on the other side of a wire: asked again when that may help, left alone while it is down."""
    retrying = RetryingModel(model, RetryPolicy(settings.patience.retries))
    return CircuitBreaker(retrying, clock, CircuitPolicy())


def llama_server(name: str, speciality: Speciality, url: str, settings: Settings) -> Model:
    """A local model behind a llama.cpp server."""
    card = ModelCard(name, Location.LOCAL, speciality, settings.local.context_tokens)
    client = open_client(trust_env=False)
    return LlamaServerModel(card, base_url=url, model="", client=client, patience=patience_of(settings))


def ollama(settings: Settings) -> Model:
    """The model of an Ollama server."""
    local = settings.local
    card = ModelCard("ollama", Location.LOCAL, context_tokens=local.context_tokens)
    client, patience = open_client(trust_env=False), patience_of(settings)
    return OpenAIChatModel(
        card, base_url=local.ollama_base_url, model=local.ollama_model, client=client, patience=patience
    )


def _remote_models(settings: Settings) -> Iterator[Model]:
    for vendor in VENDORS:
        if vendor != "openai" and keyed(settings, vendor):
            yield remote_model(settings, vendor, vendor_model_name(settings, vendor), open_client(trust_env=True))


VENDORS = ("anthropic", "openai")


def keyed(settings: Settings, vendor: str) -> bool:
    """Whether a key for this vendor is set."""
    remote = settings.remote
    return bool(remote.anthropic_api_key if vendor == "anthropic" else remote.openai_api_key)


def vendor_model_name(settings: Settings, vendor: str) -> str:
    """The model that is asked at this vendor when nobody names one."""
    return settings.remote.anthropic_model if vendor == "anthropic" else settings.remote.openai_model


def remote_model(settings: Settings, vendor: str, name: str, client: httpx2.AsyncClient) -> Model:
    """A vendor's model by its name, with the key that is set here. Closing it closes the client."""
    remote, patience = settings.remote, patience_of(settings)
    if vendor == "anthropic":
        return AnthropicModel(
            remote_card(name),
            base_url=remote.anthropic_url,
            model=name,
            client=client,
            api_key=remote.anthropic_api_key.reveal,
            patience=patience,
            takes_temperature=False,  # newer models may refuse one, and none needs one
        )
    return OpenAIChatModel(
        remote_card(name),
        base_url=remote.openai_url,
        model=name,
        client=client,
        api_key=remote.openai_api_key.reveal,
        patience=patience,
        dialect=REASONING if _REASONING_NAME.match(name) else COMMON,
    )


_REASONING_NAME = re.compile(r"(openai/)?(o\d|gpt-5)")
"""OpenAI's own reasoning models, which take neither `max_tokens` nor a temperature."""

ONCE_MORE = RetryPolicy(retries=1, first_wait_s=0.2)
"""For the built-in engine: one that died since the last answer is started anew, and the asker need not know."""

REMOTE_CONTEXT_TOKENS = 128_000
"""What current remote models take at least; a longer prompt is refused by the vendor with its own words."""


def remote_card(name: str) -> ModelCard:
    """A model without a list price costs nothing in the report, and the report's reader is told by `models`."""
    price = find_price(name) or (0, 0)
    return ModelCard(
        name, Location.REMOTE, context_tokens=REMOTE_CONTEXT_TOKENS, input_price=price[0], output_price=price[1]
    )


def patience_of(settings: Settings) -> Patience:
    """How long a model is waited for."""
    chosen = settings.patience
    return Patience(chosen.connect_s, chosen.first_word_s, chosen.next_word_s, chosen.whole_answer_s)
