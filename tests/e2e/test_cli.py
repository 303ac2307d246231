"""The command line on a real data folder: mostly beside a running server, and in one test without."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from running import json_cli, run_cli, serving

SOURCE = '''"""A puller of images."""


def rotate_credentials(registry: str, *, now: bool = False) -> None:
    """Rotate the credentials of a registry; with `now` the old ones stop working at once."""
    print(registry, now)
'''


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Path]]:
    """The data folder of a running server, with something indexed, and the repository it came from."""
    folder = tmp_path_factory.mktemp("cli")
    repository = folder / "repository"
    repository.mkdir()
    (repository / "puller.py").write_text(SOURCE)
    (repository / "picture.png").write_bytes(b"\x89PNG\x00\x01")
    data = folder / "data"
    with serving(data):
        json_cli(data, "index", str(repository))
        yield data, repository


def test_index_says_what_it_took_and_what_it_passed_over(folders: tuple[Path, Path]) -> None:
    data, repository = folders

    again = json_cli(data, "index", str(repository))

    assert again["indexed"] == 0
    assert again["unchanged"] == 1
    assert again["skipped"]["binary"]["count"] == 1


def test_search_finds_code_by_what_it_does(folders: tuple[Path, Path]) -> None:
    found = json_cli(folders[0], "search", "rotate the registry's credentials")

    assert found["results"][0]["payload"]["file_path"] == "puller.py"
    assert "rotate_credentials" in found["results"][0]["text"]


def test_without_a_server_a_question_is_asked_settled_and_reported(tmp_path: Path) -> None:
    data, file = tmp_path / "data", tmp_path / "puller.py"
    file.write_text(SOURCE)
    answers = tmp_path / "answers.jsonl"
    answers.write_text('{"question": "what colour is the bike shed?", "answer": "It is green."}\n')
    json_cli(data, "index", str(file))
    answer = json_cli(data, "ask", "how to rotate the credentials of a registry?", "--max-tokens", "30")
    settled = json_cli(data, "outcome", answer["interaction_id"], "success", "--feedback", "1")

    report = json_cli(data, "report")
    history = json_cli(data, "browse", "interaction-history")
    found = run_cli(data, "search", "rotate the registry's credentials").stdout
    imported = json_cli(data, "import", str(answers))
    unknown = run_cli(data, "outcome", "nope", "success", "--json")

    assert answer["agent_type"] == "local"
    assert answer["route"]["reason"]
    assert settled["value_score"] > 0.6
    assert "puller.py" in found
    assert imported["added"] == 1
    assert (unknown.returncode, json.loads(unknown.stderr)["error"]["type"]) == (3, "not_found")
    assert report["outcomes"] == {"success": 1}
    assert history["passages"][0]["payload"]["outcome"] == "success"


def test_ask_streams_for_a_person(folders: tuple[Path, Path]) -> None:
    done = run_cli(folders[0], "ask", "what is a registry?", "--max-tokens", "10")

    assert done.returncode == 0, done.stderr
    assert "no remote key is set" in done.stdout
    assert "interaction" in done.stdout


def test_the_question_and_material_may_come_from_stdin(folders: tuple[Path, Path]) -> None:
    asked = run_cli(folders[0], "ask", "-", "--json", "--max-tokens", "5", stdin="what is a puller?")
    logged = run_cli(
        folders[0], "ask", "what is this?", "-f", "-", "-q", "--max-tokens", "5", stdin=b"\x1b[31mlog\xff\x00"
    )

    assert json.loads(asked.stdout)["query"] == "what is a puller?"
    assert logged.returncode == 0, logged.stderr


def test_a_correction_is_found_at_once(folders: tuple[Path, Path]) -> None:
    data, _ = folders
    json_cli(data, "correct", "who owns the puller?", "The platform team owns it.")

    found = json_cli(data, "search", "who owns the puller?")

    assert "platform team" in found["results"][0]["text"]


def test_answers_are_imported_from_a_file(folders: tuple[Path, Path], tmp_path: Path) -> None:
    file = tmp_path / "answers.jsonl"
    file.write_text('{"question": "what colour is the bike shed?", "answer": "It is green."}\nnot json\n')

    summary = json_cli(folders[0], "import", str(file))
    found = json_cli(folders[0], "search", "what colour is the bike shed?")

    assert summary["added"] == 1
    assert summary["malformed"][0]["line"] == 2
    assert "green" in found["results"][0]["text"]


def test_sql_is_a_search_mode(folders: tuple[Path, Path]) -> None:
    done = run_cli(folders[0], "search", "-m", "sql", "SELECT COUNT(*) AS n FROM interactions WHERE value_score >= 0.5")

    assert done.stdout.splitlines()[0] == "n"


def test_text_that_is_not_utf8_is_refused_without_a_server_too(tmp_path: Path) -> None:
    done = run_cli(tmp_path, "ask", b"caf\xe9")  # type: ignore[arg-type]

    assert done.returncode == 2
    assert "UTF-8" in done.stderr


def test_terminal_escapes_from_outside_are_not_obeyed(folders: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "notes.md").write_text("# Sirens\n\nThe siren says \x1b[2J and clears your screen.\n")
    json_cli(folders[0], "index", str(tmp_path / "notes.md"))

    shown = run_cli(folders[0], "search", "what does the siren say?").stdout

    assert "siren" in shown
    assert "\x1b[2J" not in shown


def test_the_errors_in_a_file_are_searched_for(folders: tuple[Path, Path]) -> None:
    data, _ = folders
    json_cli(data, "correct", "OSError: [Errno 30] Read-only file system: '/nix/store'", "Write to /var/lib.")
    log = "building\nOSError: [Errno 30] Read-only file system: '/nix/store'\n"

    done = run_cli(data, "ask", "what went wrong here?", "-f", "-", "--max-tokens", "5", stdin=log)

    assert "Read-only file system" in done.stdout.split("local because")[0]


def test_doctor_and_models_and_settings_say_how_things_are(folders: tuple[Path, Path]) -> None:
    doctor = json_cli(folders[0], "doctor")
    models = json_cli(folders[0], "models")
    settings = json_cli(folders[0], "settings", LOCAL_CONFIDENCE_THRESHOLD="0.8")

    assert {item["name"] for item in doctor["findings"]} >= {"settings", "disk", "knowledge", "ledger", "model local"}
    assert models["models"][0]["ok"] is True
    assert {row["variable"]: row["value"] for row in settings}["LOCAL_CONFIDENCE_THRESHOLD"] == "0.8"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["ask", ""], 2, "empty"),
        (["ask", "x" * 101_000], 2, "101,000 characters"),
        (["ask", b"caf\xe9 \xff"], 2, "UTF-8"),
        (["outcome", "nope", "success"], 3, "nope"),
        (["search", "x", "--limit", "0"], 2, "limit"),
        (["search", "-m", "sql", "DELETE FROM interactions"], 2, "interactions"),
        (["index", "/no/such/place"], 3, "/no/such/place"),
        (["index", ""], 2, "a path is empty"),
        (["import", "/no/such/file"], 3, "/no/such/file"),
        (["ask", "hi", "--prefer", "remote"], 5, "ANTHROPIC_API_KEY"),
    ],
)
def test_bad_input_gets_its_exit_code_and_says_what_is_wrong(
    folders: tuple[Path, Path], arguments: list[str], code: int, said: str
) -> None:
    done = run_cli(folders[0], *arguments)

    assert done.returncode == code, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_an_error_is_json_with_json(folders: tuple[Path, Path]) -> None:
    done = run_cli(folders[0], "outcome", "nope", "success", "--json")

    assert json.loads(done.stderr)["error"]["type"] == "not_found"


def test_a_wrong_setting_stops_every_command(folders: tuple[Path, Path]) -> None:
    done = run_cli(folders[0], "report", HYBRID_PORT="many")

    assert done.returncode == 2
    assert "HYBRID_PORT='many'" in done.stderr


def test_every_command_explains_itself(folders: tuple[Path, Path]) -> None:
    listed = run_cli(folders[0], "--help").stdout

    for command in (
        "ask",
        "demo",
        "doctor",
        "index",
        "mcp",
        "models",
        "outcome",
        "reindex",
        "report",
        "search",
        "serve",
    ):
        assert f"  {command} " in listed
        assert "Usage:" in run_cli(folders[0], command, "--help").stdout
