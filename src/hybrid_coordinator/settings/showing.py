"""Settings as a person sees them."""

from collections.abc import Mapping
from typing import Any

from hybrid_coordinator.settings.loading import CONFIG_VARIABLE, DEPLOYMENT_VARIABLE
from hybrid_coordinator.settings.row import Setting
from hybrid_coordinator.settings.table import TABLE
from hybrid_coordinator.settings.tree import Secret, Settings


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
        "Made from the table in `hybrid_coordinator/settings` by `hybrid-coordinator settings --markdown`.\n\n"
        f"Each is an environment variable, or a key of the TOML file that `{CONFIG_VARIABLE}` names (otherwise "
        "`config.toml` in the data folder): `routing.hybrid_mode` is `hybrid_mode` under `[routing]`. The environment "
        "wins over the file. An unknown `HYBRID_*` variable or TOML key, or a value that is not right, stops the "
        f"start. `{DEPLOYMENT_VARIABLE}`, the root of a deployment, moves the default data folder to "
        "`hybrid-coordinator` in it.\n\n"
        "| variable | key | default | expected | meaning |\n| --- | --- | --- | --- | --- |\n" + rows + "\n"
    )
