"""The models of the house, and where versions of them run."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from hybrid_coordinator.app.models import (
    ONCE_MORE,
    careful,
    keyed,
    llama_server,
    loaded_weights,
    ollama,
    open_other_models,
    patience_of,
    remote_model,
)
from hybrid_coordinator.backends.http import open_client
from hybrid_coordinator.backends.models.engine import EnginePolicy, LlamaCppEngine
from hybrid_coordinator.backends.models.hosts.adapters import Fingerprints
from hybrid_coordinator.backends.models.hosts.builtin import BuiltinHost
from hybrid_coordinator.backends.models.hosts.deploy_hook import DeployHook
from hybrid_coordinator.backends.models.hosts.llama_server import LlamaServerHost
from hybrid_coordinator.backends.models.hosts.naming import NamedModel
from hybrid_coordinator.backends.models.hosts.ollama import OllamaHost
from hybrid_coordinator.backends.models.hosts.openai import OpenAIHost
from hybrid_coordinator.backends.models.llamacpp import LlamaCppModel
from hybrid_coordinator.backends.models.retrying import RetryingModel
from hybrid_coordinator.domain.query import Speciality
from hybrid_coordinator.domain.route import Location, ModelCard
from hybrid_coordinator.flows.versioned_model import VersionedModel
from hybrid_coordinator.ports import Clock, Model, ModelHost
from hybrid_coordinator.settings import Settings


@dataclass(frozen=True, slots=True)
class Engines:
    """Every model by its name, local ones first. Those of which versions are trained are `versioned`, behind the same
    care as the others, and have a host."""

    models: Mapping[str, Model]
    versioned: Mapping[str, VersionedModel]
    hosts: Mapping[str, ModelHost]


@dataclass(frozen=True, slots=True)
class _Engine:
    """A model of which versions are trained, as it is asked, and where those run."""

    model: Model
    versioned: VersionedModel
    host: ModelHost


def open_engines(settings: Settings, clock: Clock, fingerprints: Fingerprints) -> Engines:
    """Every model that the settings name."""
    opened = (_general(settings, clock, fingerprints), _ollama(settings, clock, fingerprints))
    local = [engine for engine in opened if engine is not None]
    plain = {model.card.name: model for model in open_other_models(settings, clock)}
    vendors = _openai(settings, clock)
    engines = {engine.versioned.card.name: engine for engine in (*local, *([vendors] if vendors else []))}
    return Engines(
        models={
            **{engine.versioned.card.name: engine.model for engine in local},
            **plain,
            **({vendors.versioned.card.name: vendors.model} if vendors else {}),
        },
        versioned={name: engine.versioned for name, engine in engines.items()},
        hosts={name: engine.host for name, engine in engines.items()},
    )


def _general(settings: Settings, clock: Clock, fingerprints: Fingerprints) -> _Engine | None:
    """The model that answers as `local`: a server's, or that of the built-in engine, where there is one."""
    local = settings.local
    url = local.llama_cpp_base_url or local.lemonade_base_url
    if url:
        served = llama_server("local", Speciality.GENERAL, url, settings)
        return _served(served, "local", _server_host(settings, url, fingerprints), settings, clock)
    weights = loaded_weights(settings)
    if weights is None:
        return None
    card = ModelCard("local", Location.LOCAL, context_tokens=local.context_tokens)
    policy, patience = EnginePolicy(), patience_of(settings)
    engine = LlamaCppModel(card, LlamaCppEngine(weights, clock, policy), patience)
    versioned = VersionedModel(card, engine, weights.alias)
    host = BuiltinHost(card, weights, clock, policy, patience, fingerprints)
    return _Engine(RetryingModel(versioned, ONCE_MORE), versioned, host)


def _server_host(settings: Settings, url: str, fingerprints: Fingerprints) -> ModelHost:
    hook, weights = settings.training.deploy_hook, settings.training.base or settings.local.model_path
    return LlamaServerHost(
        ModelCard("local", Location.LOCAL, context_tokens=settings.local.context_tokens),
        base_url=url,
        patience=patience_of(settings),
        weights=Path(weights).expanduser() if weights else None,
        hook=DeployHook(hook) if hook else None,
        fingerprints=fingerprints,
    )


def _ollama(settings: Settings, clock: Clock, fingerprints: Fingerprints) -> _Engine | None:
    url, name = settings.local.ollama_base_url, settings.local.ollama_model
    if not url:
        return None
    model = ollama(settings)
    patience = patience_of(settings)
    weights = Path(settings.training.base).expanduser() if settings.training.base else None
    host = OllamaHost(
        model.card, base_url=url, model=name, patience=patience, weights=weights, fingerprints=fingerprints
    )
    return _served(model, name, host, settings, clock)


def _openai(settings: Settings, clock: Clock) -> _Engine | None:
    if not settings.routing.hybrid_mode or not keyed(settings, "openai"):
        return None
    name = settings.remote.openai_model

    def open_named(vendors: str) -> Model:
        return remote_model(settings, "openai", vendors, open_client(trust_env=True))

    return _served(NamedModel(open_named(name), name), name, OpenAIHost(name, open_named), settings, clock)


def _served(model: Model, name: str, host: ModelHost, settings: Settings, clock: Clock) -> _Engine:
    """A model on the other side of a wire."""
    versioned = VersionedModel(model.card, model, name)
    return _Engine(careful(versioned, settings, clock), versioned, host)
