"""Every setting, in one table that the code, `--help` and docs/settings.md all read. Only here is the environment read.

Precedence: environment, then the TOML file, then the default. Sections are the policies that the logic takes.
"""

import difflib
import os
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from hybrid_coordinator.errors import SettingError
from hybrid_coordinator.flows.caching import CachePolicy
from hybrid_coordinator.logic.budgets import BudgetPolicy
from hybrid_coordinator.logic.grounding import GroundingPolicy
from hybrid_coordinator.logic.router_trust import LearningPolicy
from hybrid_coordinator.logic.routing import RoutingPolicy
from hybrid_coordinator.logic.scoring import ScoringPolicy
from hybrid_coordinator.logic.validation import ValidationPolicy

DEFAULT_DATA_DIR = "~/.local/share/hybrid-coordinator"


@dataclass(frozen=True, slots=True, repr=False)
class Secret:
    """A key. It prints as stars; only `reveal` gives it away."""

    reveal: str = ""

    def __repr__(self) -> str:
        return "'********'" if self.reveal else "''"

    def __bool__(self) -> bool:
        return bool(self.reveal)


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """Where the server listens, and the keys it demands: the owner's, and those of others, by name."""

    host: str = "127.0.0.1"
    port: int = 8092
    api_key: Secret = field(default_factory=Secret)
    api_keys: Mapping[str, Secret] = field(default_factory=dict)

    @property
    def keys(self) -> Mapping[str, Secret]:
        """Every key that lets somebody in; the owner's has an empty name."""
        return ({"": self.api_key} if self.api_key else {}) | dict(self.api_keys)


@dataclass(frozen=True, slots=True)
class GatewaySettings:
    """How OpenAI and Anthropic clients are served.

    `model_map` says what the names that clients ask for stand for: `auto`, a local model, or a vendor's model.
    """

    model_map: Mapping[str, str] = field(default_factory=dict)
    check_local: bool = True
    holdout_share: float = 0.02


@dataclass(frozen=True, slots=True)
class StorageSettings:
    """Where things are kept. Without a URL everything lies in the data folder and needs no server."""

    data_dir: Path = Path(DEFAULT_DATA_DIR)
    qdrant_url: str = ""
    qdrant_api_key: Secret = field(default_factory=Secret)
    redis_url: str = ""
    aidb_url: str = ""
    postgres_host: str = ""
    postgres_port: int = 5432
    postgres_db: str = "hybrid_coordinator"
    postgres_user: str = "hybrid_coordinator"
    postgres_password: Secret = field(default_factory=Secret)
    postgres_sslmode: str = ""
    postgres_sslrootcert: str = ""
    postgres_sslcert: str = ""
    postgres_sslkey: str = ""


@dataclass(frozen=True, slots=True)
class EmbedderSettings:
    """Who turns texts into vectors. Without a URL the built-in model does."""

    url: str = ""
    model: str = "nomic-embed-text"
    dimension: int = 384
    api_key: Secret = field(default_factory=Secret)
    threads: int = 1


@dataclass(frozen=True, slots=True)
class LocalSettings:
    """The models on this side of the wire. Without a URL the built-in engine runs a small one."""

    llama_cpp_base_url: str = ""
    lemonade_base_url: str = ""
    llama_cpp_code_url: str = ""
    llama_cpp_analysis_url: str = ""
    ollama_base_url: str = ""
    ollama_model: str = "llama3.1"
    model_path: str = ""
    context_tokens: int = 8192
    threads: int = 0


@dataclass(frozen=True, slots=True)
class RemoteSettings:
    """The models beyond the wire. Without a key there is none."""

    anthropic_api_key: Secret = field(default_factory=Secret)
    anthropic_url: str = "https://api.anthropic.com"
    anthropic_model: str = "claude-sonnet-5"
    openai_api_key: Secret = field(default_factory=Secret)
    openai_url: str = "https://api.openai.com/v1"
    openai_model: str = "gpt-4o"
    reference_model: str = "claude-sonnet-5"


@dataclass(frozen=True, slots=True)
class PatienceSettings:
    """How long models are waited for, in seconds, and how often they are tried again."""

    connect_s: float = 5.0
    first_word_s: float = 120.0
    next_word_s: float = 30.0
    whole_answer_s: float = 600.0
    retries: int = 2


@dataclass(frozen=True, slots=True)
class LearningSettings:
    """What is learned from outcomes."""

    pattern_extraction: bool = True
    auto_finetune: bool = False
    finetune_data_path: Path = Path("~/.local/share/nixos-ai-stack/fine-tuning/dataset.jsonl")


@dataclass(frozen=True, slots=True)
class Settings:
    """The whole tree. Its defaults need no server, no key and no network."""

    routing: RoutingPolicy = field(default_factory=RoutingPolicy)
    grounding: GroundingPolicy = field(default_factory=GroundingPolicy)
    scoring: ScoringPolicy = field(default_factory=ScoringPolicy)
    learning: LearningSettings = field(default_factory=LearningSettings)
    server: ServerSettings = field(default_factory=ServerSettings)
    gateway: GatewaySettings = field(default_factory=GatewaySettings)
    router: LearningPolicy = field(default_factory=LearningPolicy)
    validation: ValidationPolicy = field(default_factory=ValidationPolicy)
    cache: CachePolicy = field(default_factory=CachePolicy)
    budget: BudgetPolicy = field(default_factory=BudgetPolicy)
    storage: StorageSettings = field(default_factory=StorageSettings)
    embedder: EmbedderSettings = field(default_factory=EmbedderSettings)
    local: LocalSettings = field(default_factory=LocalSettings)
    remote: RemoteSettings = field(default_factory=RemoteSettings)
    patience: PatienceSettings = field(default_factory=PatienceSettings)

    @property
    def data_dir(self) -> Path:
        """The data folder, with `~` resolved."""
        return self.storage.data_dir.expanduser()


@dataclass(frozen=True, slots=True)
class Kind:
    """A type of setting: what a person is told to write, and how it is read."""

    expected: str
    parse: Callable[[str], Any]


def _parse_bool(raw: str) -> bool:
    return {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}[
        raw.strip().lower()
    ]


def _within(low: float, high: float, parse: Callable[[str], Any]) -> Callable[[str], Any]:
    def parse_within(raw: str) -> Any:
        value = parse(raw)
        if not low <= value <= high:
            raise ValueError(raw)
        return value

    return parse_within


def _parse_url(*schemes: str) -> Callable[[str], str]:
    def parse(raw: str) -> str:
        url = raw.strip()
        if url and (urlsplit(url).scheme not in schemes or not urlsplit(url).hostname):
            raise ValueError(raw)
        return url.rstrip("/")

    return parse


def _parse_secret(raw: str) -> Secret:
    key = raw.strip()
    if not (key.isascii() and key.isprintable()):
        raise ValueError(raw)
    return Secret(key)


def _parse_pairs(raw: str) -> dict[str, str]:
    pairs = [item.partition("=") for item in raw.split(",") if item.strip()]
    named = {name.strip(): value.strip() for name, _, value in pairs}
    if not all(name and value for name, value in named.items()) or len(named) != len(pairs):
        raise ValueError(raw)
    return named


def _parse_named_secrets(raw: str) -> dict[str, Secret]:
    return {name: _parse_secret(key) for name, key in _parse_pairs(raw).items()}


def _parse_budgets(raw: str) -> dict[str, BudgetPolicy]:
    limits: dict[str, dict[str, float]] = {}
    kinds = {"soft_usd": float, "hard_usd": float, "soft_tokens": int, "hard_tokens": int}
    for name, value in _parse_pairs(raw).items():
        asker, _, limit = name.rpartition(".")
        limits.setdefault(asker, {})[limit] = _within(0, 1e15, kinds[limit])(value)
    return {asker: BudgetPolicy(**chosen) for asker, chosen in limits.items()}  # type: ignore[arg-type]


def _parse_sslmode(raw: str) -> str:
    if raw not in ("", "disable", "allow", "prefer", "require", "verify-ca", "verify-full"):
        raise ValueError(raw)
    return raw


BOOL = Kind("true or false", _parse_bool)
UNIT = Kind("a number from 0 to 1", _within(0.0, 1.0, float))
COUNT = Kind("a whole number from 1 to 1000000", _within(1, 1_000_000, int))
COUNT_OR_ZERO = Kind("a whole number from 0 to 1000", _within(0, 1000, int))
PORT = Kind("a port number from 0 to 65535 (0: any free one)", _within(0, 65_535, int))
CAUTION = Kind("a number from 0 to 100", _within(0.0, 100.0, float))
LIFETIME = Kind("a number of seconds from 1 to 31536000", _within(1.0, 31_536_000.0, float))
SECONDS = Kind("a number of seconds from 0.1 to 86400", _within(0.1, 86_400.0, float))
TEXT = Kind("text", str.strip)
SECRET = Kind("a key of ASCII letters, digits and signs", _parse_secret)
USD = Kind("dollars from 0 to 1000000 (0: no limit)", _within(0.0, 1_000_000.0, float))
TOKENS = Kind("a whole number of tokens (0: no limit)", _within(0, 10**15, int))
BUDGETS = Kind(
    "KEY.LIMIT=value pairs with commas between them, where LIMIT is soft_usd, hard_usd, soft_tokens or hard_tokens",
    _parse_budgets,
)
PAIRS = Kind("name=value pairs with commas between them", _parse_pairs)
NAMED_SECRETS = Kind("name=key pairs with commas between them", _parse_named_secrets)
PATH = Kind("a path", lambda raw: Path(raw.strip()))
URL = Kind("an http:// or https:// URL, or nothing", _parse_url("http", "https"))
REDIS = Kind("a redis:// or rediss:// URL, or nothing", _parse_url("redis", "rediss"))
SSLMODE = Kind("one of disable, allow, prefer, require, verify-ca, verify-full, or nothing", _parse_sslmode)


@dataclass(frozen=True, slots=True)
class Setting:
    """One row of the table: the variable's name, its place in the tree and the TOML file, its kind and its meaning."""

    env: str
    key: str
    kind: Kind
    help: str

    @property
    def default(self) -> Any:
        section, name = self.key.split(".")
        return getattr(getattr(Settings(), section), name)


TABLE: tuple[Setting, ...] = (
    Setting("HYBRID_MODE_ENABLED", "routing.hybrid_mode", BOOL, "May questions go to remote models? With false nothing leaves this machine, and every server set must be on it."),
    Setting("LOCAL_CONFIDENCE_THRESHOLD", "routing.local_confidence_threshold", UNIT, "How sure local must be to answer; the bars of the decision tree move with it."),
    Setting("HYBRID_QUALITY_TARGET", "routing.quality_target", UNIT, "The share of remote quality that must be kept: the threshold on what the router learned follows from it. 0: LOCAL_CONFIDENCE_THRESHOLD is the threshold."),
    Setting("HYBRID_ENSEMBLE", "routing.ensemble", BOOL, "With several local models: are all asked, and have to agree, when it is in doubt whether home suffices?"),
    Setting("HYBRID_ROUTER_EXPLORATION", "router.exploration", UNIT, "The share of questions that go the other way than the router says, so that it can learn how that would have been."),
    Setting("HYBRID_ROUTER_LEAST_ROWS", "router.least_rows", COUNT, "How many outcomes must be known before the learned router may decide; until then the decision tree does."),
    Setting("HYBRID_ROUTER_LEAST_OF_EACH", "router.least_of_each", COUNT, "How many of them must be good, and how many bad."),
    Setting("HYBRID_ROUTER_MOST_ROWS", "router.most_rows", COUNT, "How many outcomes the router learns from at most, the newest."),
    Setting("HYBRID_ROUTER_REFIT_ROWS", "router.refit_rows", COUNT, "After how many new outcomes it learns again."),
    Setting("HYBRID_ROUTER_DRIFT_WINDOW", "router.drift_window", COUNT, "How many of the last outcomes are watched for drift."),
    Setting("HYBRID_ROUTER_DRIFT_LEAST", "router.drift_least", COUNT, "How many of them there must be before drift is spoken of."),
    Setting("HYBRID_ROUTER_DRIFT_CAUTION", "router.drift_caution", CAUTION, "By how many standard errors it must have become worse for the tree to take over."),
    Setting("HYBRID_CHECK_CONTRADICTIONS", "validation.check_contradictions", BOOL, "Is a local answer distrusted that contradicts the passages it was given?"),
    Setting("HYBRID_MIN_CONFIDENCE", "validation.min_confidence", UNIT, "A local answer whose tokens were less probable than this (geometric mean) is not trusted."),
    Setting("HYBRID_HEAVY_CONTEXT_TOKENS", "routing.heavy_context_tokens", COUNT, "From this many tokens on, a local model reads the material and the remote one gets its summary."),
    Setting("HYBRID_MIN_SIMILARITY", "grounding.min_similarity", UNIT, "Passages less similar to the question than this are not put into a prompt."),
    Setting("HYBRID_FAMILIAR_SIMILARITY", "grounding.familiar_similarity", UNIT, "When a passage this similar was found, only such are put into a prompt."),
    Setting("HYBRID_MAX_PASSAGES", "grounding.max_passages", COUNT, "How many passages a prompt carries at most."),
    Setting("HYBRID_LOCAL_BUDGET_TOKENS", "grounding.local_budget_tokens", COUNT, "Tokens of context a local model gets at most."),
    Setting("HYBRID_REMOTE_BUDGET_TOKENS", "grounding.remote_budget_tokens", COUNT, "Tokens of context a remote model, or another agent, gets at most."),
    Setting("HYBRID_HISTORY_BUDGET_TOKENS", "grounding.history_budget_tokens", COUNT, "Tokens of earlier turns of a session that are sent along at most."),
    Setting("HIGH_VALUE_THRESHOLD", "scoring.high_value_threshold", UNIT, "From this value on, an interaction is learned from."),
    Setting("HYBRID_WEIGHT_OUTCOME", "scoring.outcome_weight", UNIT, "Weight of the outcome in the value score. The five weights sum to 1."),
    Setting("HYBRID_WEIGHT_FEEDBACK", "scoring.feedback_weight", UNIT, "Weight of the user's feedback in the value score."),
    Setting("HYBRID_WEIGHT_REUSABILITY", "scoring.reusability_weight", UNIT, "Weight of how often the like was asked in the value score."),
    Setting("HYBRID_WEIGHT_COMPLEXITY", "scoring.complexity_weight", UNIT, "Weight of the answer's complexity in the value score."),
    Setting("HYBRID_WEIGHT_NOVELTY", "scoring.novelty_weight", UNIT, "Weight of the answer's novelty in the value score."),
    Setting("PATTERN_EXTRACTION_ENABLED", "learning.pattern_extraction", BOOL, "Are patterns extracted from interactions of high value?"),
    Setting("AUTO_FINETUNE_ENABLED", "learning.auto_finetune", BOOL, "Is the local model trained by itself? Training is not part of this release, so true is refused."),
    Setting("FINETUNE_DATA_PATH", "learning.finetune_data_path", PATH, "Where the fine-tuning dataset is written."),
    Setting("HYBRID_HOST", "server.host", TEXT, "The address the server listens on."),
    Setting("HYBRID_PORT", "server.port", PORT, "The port the server listens on."),
    Setting("HYBRID_API_KEY", "server.api_key", SECRET, "When set, every HTTP and MCP request must carry it (X-API-Key, or Authorization: Bearer)."),
    Setting("HYBRID_API_KEYS", "server.api_keys", NAMED_SECRETS, "Keys of further people and programs, such as alice=KEY,ci=KEY; budgets are kept by name."),
    Setting("HYBRID_MODEL_MAP", "gateway.model_map", PAIRS, "What model names that gateway clients ask for stand for, such as gpt-4o-mini=auto,fast=local."),
    Setting("HYBRID_CHECK_LOCAL", "gateway.check_local", BOOL, "Are local answers checked before they are trusted, and the remote model asked when they fail? They come whole then, not word by word."),
    Setting("HYBRID_HOLDOUT_SHARE", "gateway.holdout_share", UNIT, "The share of sessions that goes the plain way (remote, nothing added), to measure savings against."),
    Setting("HYBRID_CACHE_ENABLED", "cache.enabled", BOOL, "Are answers given again to a question that was answered before?"),
    Setting("HYBRID_CACHE_SEMANTIC", "cache.semantic", BOOL, "Also to one that means the same in other words?"),
    Setting("HYBRID_CACHE_ERROR_BUDGET", "cache.error_budget", UNIT, "The share of all requests that may get an answer that does not fit; 0: only the same question is answered from the cache."),
    Setting("HYBRID_CACHE_TTL_S", "cache.ttl_s", LIFETIME, "How long a cached answer lives."),
    Setting("HYBRID_CACHE_MAX_ENTRIES", "cache.max_entries", COUNT, "How many answers the cache holds; the least useful go first."),
    Setting("HYBRID_CACHE_COMPARE", "cache.compare_answers", BOOL, "Is a fresh answer compared with the cached ones of like questions, to learn how far those reach?"),
    Setting("HYBRID_CACHE_SHADOW_SHARE", "cache.shadow_share", UNIT, "The share of hits that are asked again behind the asker's back, to see whether the cached answer still fits."),
    Setting("HYBRID_BUDGET_SOFT_USD", "budget.soft_usd", USD, "From this much spent by a key on a day (UTC), its questions stay at home."),
    Setting("HYBRID_BUDGET_HARD_USD", "budget.hard_usd", USD, "From this much spent by a key on a day, its requests are refused with status 429."),
    Setting("HYBRID_BUDGET_SOFT_TOKENS", "budget.soft_tokens", TOKENS, "The same as the soft limit, in tokens of remote models."),
    Setting("HYBRID_BUDGET_HARD_TOKENS", "budget.hard_tokens", TOKENS, "The same as the hard limit, in tokens of remote models."),
    Setting("HYBRID_BUDGETS", "budget.overrides", BUDGETS, "Budgets of single keys, such as alice.hard_usd=5,ci.soft_tokens=100000, where they differ from the general one."),
    Setting("HYBRID_DATA_DIR", "storage.data_dir", PATH, "The data folder: ledger, collections, models. One process owns it at a time."),
    Setting("QDRANT_URL", "storage.qdrant_url", URL, "A Qdrant server, for instance http://localhost:6333; nothing: Qdrant embedded in this process."),
    Setting("QDRANT_API_KEY", "storage.qdrant_api_key", SECRET, "The key of the Qdrant server."),
    Setting("REDIS_URL", "storage.redis_url", REDIS, "A Redis server; reported by doctor. Sessions live in the ledger, so nothing else uses it yet."),
    Setting("AIDB_URL", "storage.aidb_url", URL, "An AIDB server, for instance http://aidb:8091; /health says whether it is up."),
    Setting("POSTGRES_HOST", "storage.postgres_host", TEXT, "A PostgreSQL server for the ledger; nothing: SQLite in the data folder."),
    Setting("POSTGRES_PORT", "storage.postgres_port", PORT, "The port of the PostgreSQL server."),
    Setting("POSTGRES_DB", "storage.postgres_db", TEXT, "The database on the PostgreSQL server."),
    Setting("POSTGRES_USER", "storage.postgres_user", TEXT, "The user on the PostgreSQL server."),
    Setting("POSTGRES_PASSWORD", "storage.postgres_password", SECRET, "The password on the PostgreSQL server."),
    Setting("POSTGRES_SSLMODE", "storage.postgres_sslmode", SSLMODE, "How strictly the PostgreSQL connection is encrypted and checked."),
    Setting("POSTGRES_SSLROOTCERT", "storage.postgres_sslrootcert", TEXT, "File of the authority that signed the PostgreSQL server's certificate."),
    Setting("POSTGRES_SSLCERT", "storage.postgres_sslcert", TEXT, "File of our certificate for the PostgreSQL server."),
    Setting("POSTGRES_SSLKEY", "storage.postgres_sslkey", TEXT, "File of our key for the PostgreSQL server."),
    Setting("EMBEDDING_URL", "embedder.url", URL, "An OpenAI-compatible server for embeddings (Ollama: http://localhost:11434); nothing: all-MiniLM-L6-v2, built in."),
    Setting("EMBEDDING_MODEL", "embedder.model", TEXT, "The model asked for at EMBEDDING_URL."),
    Setting("EMBEDDING_DIMENSION", "embedder.dimension", COUNT, "How long the vectors of EMBEDDING_MODEL are (nomic-embed-text: 768)."),
    Setting("EMBEDDING_API_KEY", "embedder.api_key", SECRET, "The key of EMBEDDING_URL."),
    Setting("HYBRID_EMBEDDING_THREADS", "embedder.threads", COUNT, "Threads of the built-in embedder."),
    Setting("LLAMA_CPP_BASE_URL", "local.llama_cpp_base_url", URL, "A llama.cpp server for general questions, for instance http://localhost:8080; nothing: the built-in engine."),
    Setting("LEMONADE_BASE_URL", "local.lemonade_base_url", URL, "The older name of LLAMA_CPP_BASE_URL, read when that is not set."),
    Setting("LLAMA_CPP_CODE_URL", "local.llama_cpp_code_url", URL, "A llama.cpp server for writing code, for instance http://localhost:8001."),
    Setting("LLAMA_CPP_ANALYSIS_URL", "local.llama_cpp_analysis_url", URL, "A llama.cpp server for analysing code, for instance http://localhost:8003."),
    Setting("OLLAMA_BASE_URL", "local.ollama_base_url", URL, "An Ollama server, for instance http://localhost:11434."),
    Setting("OLLAMA_MODEL", "local.ollama_model", TEXT, "The model that answers at OLLAMA_BASE_URL."),
    Setting("HYBRID_LOCAL_MODEL_PATH", "local.model_path", TEXT, "A GGUF file for the built-in engine; nothing: SmolLM2-135M-Instruct, once it was pulled."),
    Setting("HYBRID_LOCAL_CONTEXT_TOKENS", "local.context_tokens", COUNT, "The context window of local models, in tokens."),
    Setting("HYBRID_LOCAL_THREADS", "local.threads", COUNT_OR_ZERO, "Threads of the built-in engine; 0: all cores but one."),
    Setting("ANTHROPIC_API_KEY", "remote.anthropic_api_key", SECRET, "The key of the Anthropic API; with it, remote questions may go there."),
    Setting("HYBRID_ANTHROPIC_URL", "remote.anthropic_url", URL, "Where the Anthropic Messages API is."),
    Setting("HYBRID_ANTHROPIC_MODEL", "remote.anthropic_model", TEXT, "The model asked for there."),
    Setting("OPENAI_API_KEY", "remote.openai_api_key", SECRET, "The key of an OpenAI-compatible API; with it, remote questions may go there."),
    Setting("HYBRID_OPENAI_URL", "remote.openai_url", URL, "Where that API is: OpenAI, DeepSeek, OpenRouter, ..."),
    Setting("HYBRID_OPENAI_MODEL", "remote.openai_model", TEXT, "The model asked for there."),
    Setting("HYBRID_REFERENCE_MODEL", "remote.reference_model", TEXT, "The remote model at whose list price savings are counted."),
    Setting("HYBRID_CONNECT_S", "patience.connect_s", SECONDS, "How long a model server may take to accept a connection."),
    Setting("HYBRID_FIRST_WORD_S", "patience.first_word_s", SECONDS, "How long a model may take to its first word."),
    Setting("HYBRID_NEXT_WORD_S", "patience.next_word_s", SECONDS, "How long a model may pause between words."),
    Setting("HYBRID_WHOLE_ANSWER_S", "patience.whole_answer_s", SECONDS, "How long a whole answer may take."),
    Setting("HYBRID_RETRIES", "patience.retries", COUNT_OR_ZERO, "How often a model is asked again when it fails before its first word."),
)  # fmt: skip

CONFIG_VARIABLE = "HYBRID_CONFIG"
"""Names the TOML file; without it `config.toml` in the data folder is read when it exists."""

DEPLOYMENT_VARIABLE = "AI_STACK_DATA"
"""The root of the users' deployment: the data folder is `hybrid-coordinator` in it unless HYBRID_DATA_DIR is set."""


def load_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """Read, check and freeze. Raises SettingError naming the setting, its value and what would be right."""
    environment = os.environ if environment is None else environment
    _refuse_unknown_variables(environment)
    values: dict[str, Any] = {}
    if environment.get(DEPLOYMENT_VARIABLE):
        values["storage.data_dir"] = Path(environment[DEPLOYMENT_VARIABLE]) / "hybrid-coordinator"
    values |= _read_environment(environment)
    file = _config_file(environment, values.get("storage.data_dir", Path(DEFAULT_DATA_DIR)))
    values = (_read_file(file) if file else {}) | values
    settings = _build(values)
    _check_together(settings)
    return settings


def _refuse_unknown_variables(environment: Mapping[str, str]) -> None:
    known = [setting.env for setting in TABLE] + [CONFIG_VARIABLE]
    for name in environment:
        if name.startswith("HYBRID_") and name not in known:
            raise SettingError(f"unknown setting {name}={environment[name]!r}{_did_you_mean(name, known)}")


def _did_you_mean(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {close[0]}?" if close else "; see `hybrid-coordinator settings` for all there are"


def _read_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    named = ((setting, environment.get(setting.env, "")) for setting in TABLE)
    return {setting.key: parse_setting(setting, raw, setting.env) for setting, raw in named if raw.strip()}


def _config_file(environment: Mapping[str, str], data_dir: Path) -> Path | None:
    named = environment.get(CONFIG_VARIABLE)
    if named:
        return Path(named).expanduser()
    file = data_dir.expanduser() / "config.toml"
    return file if file.exists() else None


def _read_file(file: Path) -> dict[str, Any]:
    try:
        tree = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingError(
            f"cannot read {str(file)!r} ({error.strerror}); mend {CONFIG_VARIABLE} or remove it"
        ) from error
    except ValueError as error:
        raise SettingError(f"{str(file)!r} is not valid TOML in UTF-8: {error}") from error
    table = {setting.key: setting for setting in TABLE}
    values = {}
    for key, value in _flatten(tree):
        if key not in table:
            raise SettingError(f"unknown setting {key!r} in {str(file)!r}{_did_you_mean(key, list(table))}")
        raw = str(value).lower() if isinstance(value, bool) else str(value)
        values[key] = parse_setting(table[key], raw, f"{key} in {str(file)!r}")
    return values


def _flatten(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in tree.items():
        if isinstance(value, dict):
            yield from _flatten(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def parse_setting(setting: Setting, raw: str, name: str) -> Any:
    """The typed value; SettingError says what was expected, without showing a key."""
    try:
        return setting.kind.parse(raw)
    except (ValueError, KeyError) as error:
        shown = "'********'" if setting.kind in (SECRET, NAMED_SECRETS) else repr(raw)
        raise SettingError(f"{name}={shown} is not right: expected {setting.kind.expected}") from error


def _build(values: Mapping[str, Any]) -> Settings:
    settings = Settings()
    for section in fields(Settings):
        prefix = f"{section.name}."
        named = {key.removeprefix(prefix): value for key, value in values.items() if key.startswith(prefix)}
        changed = replace(getattr(settings, section.name), **named)
        settings = replace(settings, **{section.name: changed})
    return settings


def _check_together(settings: Settings) -> None:
    scoring = settings.scoring
    weights = [getattr(scoring, item.name) for item in fields(scoring) if item.name.endswith("_weight")]
    if abs(sum(weights) - 1.0) > 1e-6:
        raise SettingError(f"the HYBRID_WEIGHT_* settings sum to {sum(weights):.3f}; they must sum to 1")
    if settings.learning.auto_finetune:
        raise SettingError("AUTO_FINETUNE_ENABLED='true' cannot be honoured: training is not part of this release")
    if settings.server.api_keys and not settings.server.api_key:
        raise SettingError("HYBRID_API_KEYS lets others in by key; set HYBRID_API_KEY too, which is the owner's")
    if not is_loopback(settings.server.host) and not settings.server.api_key:
        raise SettingError(
            f"HYBRID_HOST={settings.server.host!r} listens beyond this machine; set HYBRID_API_KEY so that not everybody "
            "can read what is known here"
        )
    if not settings.routing.hybrid_mode:
        _refuse_far_servers(settings)


def _refuse_far_servers(settings: Settings) -> None:
    for setting in TABLE:
        section, name = setting.key.split(".")
        value = getattr(getattr(settings, section), name)
        is_server = setting.kind in (URL, REDIS) and section != "remote"
        host = urlsplit(value).hostname if is_server else value if setting.env == "POSTGRES_HOST" else None
        if host and not is_loopback(host):
            raise SettingError(
                f"{setting.env}={value!r} is not on this machine, and HYBRID_MODE_ENABLED=false lets nothing leave it; "
                "use a server on localhost or leave it out"
            )


def is_loopback(host: str) -> bool:
    """Whether a host is this machine, as far as its name tells."""
    if host == "localhost" or host.startswith("/"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def show(value: Any) -> str:
    """A value as a person may see it: keys are stars."""
    if isinstance(value, Secret):
        return "********" if value else ""
    if isinstance(value, Mapping):
        return ",".join(f"{name}={show(item)}" for name, item in value.items())
    return str(value).lower() if isinstance(value, bool) else str(value)


def current_value(settings: Settings, setting: Setting) -> Any:
    """What a setting is in this tree."""
    section, name = setting.key.split(".")
    return getattr(getattr(settings, section), name)


def settings_markdown() -> str:
    """docs/settings.md, whole."""
    rows = "\n".join(
        f"| `{setting.env}` | `{setting.key}` | {f'`{show(setting.default)}`' if show(setting.default) else ''} "
        f"| {setting.kind.expected} | {setting.help} |"
        for setting in TABLE
    )
    return (
        "# Settings\n\n"
        "Made from the table in `hybrid_coordinator/settings.py` by `hybrid-coordinator settings --markdown`.\n\n"
        f"Each is an environment variable, or a key of the TOML file that `{CONFIG_VARIABLE}` names (otherwise "
        "`config.toml` in the data folder): `routing.hybrid_mode` is `hybrid_mode` under `[routing]`. The environment "
        "wins over the file. An unknown `HYBRID_*` variable or TOML key, or a value that is not right, stops the start. "
        f"`{DEPLOYMENT_VARIABLE}`, the root of a deployment, moves the default data folder to `hybrid-coordinator` in it.\n\n"
        "| variable | key | default | expected | meaning |\n| --- | --- | --- | --- | --- |\n" + rows + "\n"
    )
