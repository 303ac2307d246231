"""The tree of settings: one section a part of the house. Most sections are the policies that the logic takes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from hybrid_coordinator.flows.caching import CachePolicy
from hybrid_coordinator.logic.budgets import BudgetPolicy
from hybrid_coordinator.logic.canary import CanaryPolicy
from hybrid_coordinator.logic.corroboration import CorroborationPolicy
from hybrid_coordinator.logic.dataset_card import DatasetPolicy
from hybrid_coordinator.logic.decay import DecayPolicy
from hybrid_coordinator.logic.exam_items import ExamPolicy
from hybrid_coordinator.logic.extraction_policy import ExtractionPolicy
from hybrid_coordinator.logic.finetune_policy import FinetunePolicy
from hybrid_coordinator.logic.grounding import GroundingPolicy
from hybrid_coordinator.logic.held_out import HeldOutPolicy
from hybrid_coordinator.logic.learning_pace import LearningPace
from hybrid_coordinator.logic.merging import MergePolicy
from hybrid_coordinator.logic.promotion import PromotionPolicy
from hybrid_coordinator.logic.provenance import ProvenancePolicy
from hybrid_coordinator.logic.retention import RetentionPolicy
from hybrid_coordinator.logic.router_trust import LearningPolicy
from hybrid_coordinator.logic.routing import RoutingPolicy
from hybrid_coordinator.logic.scoring import ScoringPolicy
from hybrid_coordinator.logic.silence import SilencePolicy
from hybrid_coordinator.logic.telemetry_places import TailingPolicy
from hybrid_coordinator.logic.uplift import UpliftPolicy
from hybrid_coordinator.logic.validation import ValidationPolicy
from hybrid_coordinator.logic.withholding import WithholdingPolicy

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
    variants: str = ""
    finetune_data_path: Path = Path("~/.local/share/nixos-ai-stack/fine-tuning/dataset.jsonl")


@dataclass(frozen=True, slots=True)
class TrainingSettings:
    """How models are trained and put to use. `recipe` is a TOML file, `base` weights (a GGUF file or a Hugging Face
    folder) where the server's own are not to be found, `deploy_hook` a command, `judge` the name of a model."""

    recipe: str = ""
    base: str = ""
    threads: int = 0
    deploy_hook: str = ""
    judge: str = ""
    retriever: bool = True


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
    pace: LearningPace = field(default_factory=LearningPace)
    telemetry: TailingPolicy = field(default_factory=TailingPolicy)
    retention: RetentionPolicy = field(default_factory=RetentionPolicy)
    provenance: ProvenancePolicy = field(default_factory=ProvenancePolicy)
    extraction: ExtractionPolicy = field(default_factory=ExtractionPolicy)
    merging: MergePolicy = field(default_factory=MergePolicy)
    decay: DecayPolicy = field(default_factory=DecayPolicy)
    withholding: WithholdingPolicy = field(default_factory=WithholdingPolicy)
    uplift: UpliftPolicy = field(default_factory=UpliftPolicy)
    corroboration: CorroborationPolicy = field(default_factory=CorroborationPolicy)
    silence: SilencePolicy = field(default_factory=SilencePolicy)
    dataset: DatasetPolicy = field(default_factory=DatasetPolicy)
    finetune: FinetunePolicy = field(default_factory=FinetunePolicy)
    training: TrainingSettings = field(default_factory=TrainingSettings)
    held_out: HeldOutPolicy = field(default_factory=HeldOutPolicy)
    exam: ExamPolicy = field(default_factory=ExamPolicy)
    promotion: PromotionPolicy = field(default_factory=PromotionPolicy)
    canary: CanaryPolicy = field(default_factory=CanaryPolicy)
    storage: StorageSettings = field(default_factory=StorageSettings)
    embedder: EmbedderSettings = field(default_factory=EmbedderSettings)
    local: LocalSettings = field(default_factory=LocalSettings)
    remote: RemoteSettings = field(default_factory=RemoteSettings)
    patience: PatienceSettings = field(default_factory=PatienceSettings)

    @property
    def data_dir(self) -> Path:
        """The data folder, with `~` resolved."""
        return self.storage.data_dir.expanduser()
