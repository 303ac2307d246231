"""One table behind the code, the help and the documentation."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from hybrid_coordinator.errors import SettingError
from hybrid_coordinator.faces.cli.serving import serve
from hybrid_coordinator.settings import TABLE, Settings, current_value, load_settings, settings_markdown

ROOT = Path(__file__).parents[2]

DOCUMENTED_DEFAULTS = {
    "HYBRID_MODE_ENABLED": True,
    "LOCAL_CONFIDENCE_THRESHOLD": 0.7,
    "HIGH_VALUE_THRESHOLD": 0.7,
    "PATTERN_EXTRACTION_ENABLED": True,
    "AUTO_FINETUNE_ENABLED": False,
    "FINETUNE_DATA_PATH": Path("~/.local/share/nixos-ai-stack/fine-tuning/dataset.jsonl"),
}

NAMED_BY_THE_USERS = {
    *DOCUMENTED_DEFAULTS,
    "QDRANT_URL", "QDRANT_API_KEY", "LLAMA_CPP_BASE_URL", "LEMONADE_BASE_URL", "OLLAMA_BASE_URL", "REDIS_URL",
    "AIDB_URL", "HYBRID_API_KEY", "POSTGRES_SSLMODE", "POSTGRES_SSLROOTCERT", "POSTGRES_SSLCERT", "POSTGRES_SSLKEY",
}  # fmt: skip


def load(tmp_path: Path, **environment: str) -> Settings:
    return load_settings({"HYBRID_DATA_DIR": str(tmp_path)} | environment)


def test_every_name_of_the_users_documents_is_a_setting() -> None:
    assert {setting.env for setting in TABLE} >= NAMED_BY_THE_USERS


@pytest.mark.parametrize(("name", "value"), DOCUMENTED_DEFAULTS.items())
def test_defaults_are_those_of_the_users_documents(name: str, value: object) -> None:
    setting = next(setting for setting in TABLE if setting.env == name)

    assert current_value(load_settings({}), setting) == value


def test_the_documentation_is_made_from_the_table() -> None:
    assert (ROOT / "docs" / "settings.md").read_text(encoding="utf-8") == settings_markdown()


def test_the_help_names_every_setting() -> None:
    shown = CliRunner().invoke(serve, ["--help"]).output

    assert [setting.env for setting in TABLE if setting.env not in shown] == []


def test_every_field_of_the_tree_has_a_row() -> None:
    import dataclasses

    tree = Settings()
    fields = {
        f"{section.name}.{item.name}"
        for section in dataclasses.fields(tree)
        for item in dataclasses.fields(getattr(tree, section.name))
    }

    assert fields == {setting.key for setting in TABLE}


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("LOCAL_CONFIDENCE_THRESHOLD", "high", "expected a number from 0 to 1"),
        ("LOCAL_CONFIDENCE_THRESHOLD", "1.5", "expected a number from 0 to 1"),
        ("LOCAL_CONFIDENCE_THRESHOLD", "nan", "expected a number from 0 to 1"),
        ("HYBRID_MODE_ENABLED", "maybe", "expected true or false"),
        ("HYBRID_PORT", "99999", "expected a port number"),
        ("QDRANT_URL", "qdrant:6333", "expected an http"),
        ("REDIS_URL", "http://localhost", "expected a redis"),
        ("POSTGRES_SSLMODE", "sometimes", "expected one of disable"),
        ("HYBRID_MODE_ENABELD", "true", "did you mean HYBRID_MODE_ENABLED"),
        ("HYBRID_WEIGHT_NOVELTY", "0.5", "must sum to 1"),
        ("AUTO_FINETUNE_SCHEDULE", "whenever", "no schedule of cron"),
        ("AUTO_FINETUNE_MODEL_BACKEND", "claude", "Anthropic offers no training"),
        ("HYBRID_HOST", "0.0.0.0", "set HYBRID_API_KEY"),
        ("HYBRID_API_KEY", "schlüssel", "a key of ASCII"),
    ],
)
def test_a_wrong_setting_fails_with_its_name_and_what_would_be_right(
    tmp_path: Path, name: str, value: str, said: str
) -> None:
    with pytest.raises(SettingError, match=said) as caught:
        load(tmp_path, **{name: value})

    assert name in str(caught.value) or "HYBRID_WEIGHT_" in str(caught.value)


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("[routing]\nlocal_confidence_threshold = 0.5\nhybrid_mode = false\n")

    settings = load(tmp_path, LOCAL_CONFIDENCE_THRESHOLD="0.9")

    assert settings.routing.local_confidence_threshold == 0.9
    assert settings.routing.hybrid_mode is False


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[routing]\nlocal_threshold = 1\n", "unknown setting 'routing.local_threshold'"),
        ("[server]\nport = 'many'\n", "expected a port number"),
        ("[server\n", "not valid TOML"),
    ],
)
def test_a_wrong_file_fails_with_its_name(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "config.toml").write_text(text)

    with pytest.raises(SettingError, match=said) as caught:
        load(tmp_path)

    assert "config.toml" in str(caught.value)


def test_a_named_file_that_is_missing_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="cannot read"):
        load(tmp_path, HYBRID_CONFIG=str(tmp_path / "nowhere.toml"))


def test_keys_never_show(tmp_path: Path) -> None:
    settings = load(tmp_path, HYBRID_API_KEY="hunter2", ANTHROPIC_API_KEY="hunter3")

    assert "hunter" not in repr(settings)
    assert settings.server.api_key.reveal == "hunter2"


@pytest.mark.parametrize(
    ("name", "value"),
    [("QDRANT_URL", "http://qdrant:6333"), ("POSTGRES_HOST", "db.example"), ("REDIS_URL", "rediss://10.0.0.1:6379")],
)
def test_local_only_mode_refuses_servers_elsewhere(tmp_path: Path, name: str, value: str) -> None:
    with pytest.raises(SettingError, match="not on this machine"):
        load(tmp_path, HYBRID_MODE_ENABLED="false", **{name: value})


def test_local_only_mode_takes_servers_here(tmp_path: Path) -> None:
    settings = load(tmp_path, HYBRID_MODE_ENABLED="false", QDRANT_URL="http://127.0.0.1:6333/")

    assert settings.storage.qdrant_url == "http://127.0.0.1:6333"


def test_the_deployments_root_moves_the_data_folder(tmp_path: Path) -> None:
    assert load_settings({"AI_STACK_DATA": str(tmp_path)}).data_dir == tmp_path / "hybrid-coordinator"
