"""Every setting: a tree of policies, a table of rows, and how they are read."""

from hybrid_coordinator.settings.loading import is_loopback, load_settings
from hybrid_coordinator.settings.row import Setting
from hybrid_coordinator.settings.showing import current_value, settings_markdown, show
from hybrid_coordinator.settings.table import TABLE
from hybrid_coordinator.settings.tree import (
    DEFAULT_DATA_DIR,
    EmbedderSettings,
    GatewaySettings,
    LearningSettings,
    LocalSettings,
    PatienceSettings,
    RemoteSettings,
    Secret,
    ServerSettings,
    Settings,
    StorageSettings,
)

__all__ = [
    "DEFAULT_DATA_DIR",
    "TABLE",
    "EmbedderSettings",
    "GatewaySettings",
    "LearningSettings",
    "LocalSettings",
    "PatienceSettings",
    "RemoteSettings",
    "Secret",
    "ServerSettings",
    "Setting",
    "Settings",
    "StorageSettings",
    "current_value",
    "is_loopback",
    "load_settings",
    "settings_markdown",
    "show",
]
