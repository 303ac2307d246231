"""Changing the embedder: refused with the command that would do it, and nothing is lost on the way."""

import json
from pathlib import Path

from running import json_cli, run_cli
from servers import embeddings_server

QUESTION, LESSON = "who owns the puller?", "The platform team owns it."


def test_another_embedder_is_refused_until_reindex_and_nothing_is_lost(tmp_path: Path) -> None:
    json_cli(tmp_path, "correct", QUESTION, LESSON)
    with embeddings_server() as url:
        other = {"EMBEDDING_URL": url, "EMBEDDING_MODEL": "another", "EMBEDDING_DIMENSION": "384"}
        refused = run_cli(tmp_path, "search", QUESTION, **other)
        untouched = json_cli(tmp_path, "search", QUESTION)
        made = json_cli(tmp_path, "reindex", **other)
        found = json_cli(tmp_path, "search", QUESTION, **other)
        back = run_cli(tmp_path, "search", QUESTION)

    assert refused.returncode == 4
    assert "hybrid-coordinator reindex" in refused.stderr
    assert made == {"passages": 1}
    assert LESSON in untouched["results"][0]["text"]
    assert LESSON in found["results"][0]["text"]
    assert back.returncode == 4


def test_reindex_without_knowledge_says_what_to_do(tmp_path: Path) -> None:
    done = run_cli(tmp_path, "reindex", "--json")

    assert done.returncode == 3
    assert "index" in json.loads(done.stderr)["error"]["message"]
