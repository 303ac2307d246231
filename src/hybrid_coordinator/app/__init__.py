"""The only place that knows which backend stands behind which port."""

from hybrid_coordinator.app.folder import SERVER_FILE, own_folder
from hybrid_coordinator.app.house import Backends, House
from hybrid_coordinator.app.learning import LearningBackends
from hybrid_coordinator.app.models import default_model_path, pull_model
from hybrid_coordinator.app.opening import open_embedder, open_house, rebuild_knowledge
from hybrid_coordinator.app.training import Examined

__all__ = [
    "SERVER_FILE",
    "Backends",
    "Examined",
    "House",
    "LearningBackends",
    "default_model_path",
    "open_embedder",
    "open_house",
    "own_folder",
    "pull_model",
    "rebuild_knowledge",
]
