"""Reading the settings; only here is the environment read. It wins over the TOML file, and that over the default."""

import difflib
import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import fields, replace
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from hybrid_coordinator.domain.training import Teaching
from hybrid_coordinator.errors import BadInput, SettingError
from hybrid_coordinator.logic.experiments import parse_variants
from hybrid_coordinator.logic.finetune_schedule import check_schedule
from hybrid_coordinator.logic.teaching_backends import read_model_backend
from hybrid_coordinator.logic.telemetry_places import read_places
from hybrid_coordinator.settings.kinds import NAMED_SECRETS, REDIS, SECRET, URL
from hybrid_coordinator.settings.row import Setting
from hybrid_coordinator.settings.table import TABLE
from hybrid_coordinator.settings.tree import DEFAULT_DATA_DIR, Settings

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
    _check_finetuning(settings)
    if settings.server.api_keys and not settings.server.api_key:
        raise SettingError("HYBRID_API_KEYS lets others in by key; set HYBRID_API_KEY too, which is the owner's")
    if not is_loopback(settings.server.host) and not settings.server.api_key:
        raise SettingError(
            f"HYBRID_HOST={settings.server.host!r} listens beyond this machine; set HYBRID_API_KEY so that not "
            "everybody can read what is known here"
        )
    read_places(settings.telemetry.paths)
    parse_variants(settings.learning.variants, settings.grounding)
    if not settings.routing.hybrid_mode:
        _refuse_far_servers(settings)


def _check_finetuning(settings: Settings) -> None:
    try:
        check_schedule(settings.finetune.schedule)
    except SettingError as error:
        raise SettingError(f"AUTO_FINETUNE_SCHEDULE: {error}") from error
    try:
        teaching = read_model_backend(settings.finetune.model_backend)
    except BadInput as error:
        raise SettingError(f"AUTO_FINETUNE_MODEL_BACKEND: {error}") from error
    if teaching is not Teaching.OPENAI or not settings.finetune.enabled:
        return
    if not settings.routing.hybrid_mode:
        raise SettingError("AUTO_FINETUNE_MODEL_BACKEND=openai sends rows away; HYBRID_MODE_ENABLED=false forbids it")
    if not settings.remote.openai_api_key:
        raise SettingError("AUTO_FINETUNE_MODEL_BACKEND=openai needs OPENAI_API_KEY; set it, or let llama-cpp train")


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
