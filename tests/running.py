"""Real processes of the product, started for a test and stopped by their own process id."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

COMMAND = [sys.executable, "-m", "hybrid_coordinator"]
DEADLINE_S = 60.0


def environment(data_dir: Path, **changes: str) -> dict[str, str]:
    """This environment without any setting of its own, with a data folder and a free port."""
    ours = ("HYBRID_", "ANTHROPIC_", "OPENAI_", "QDRANT_", "LLAMA_", "OLLAMA_", "POSTGRES_", "EMBEDDING_", "REDIS_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    dataset = data_dir / "fine-tuning" / "dataset.jsonl"
    named = {"HYBRID_DATA_DIR": str(data_dir), "HYBRID_PORT": "0", "FINETUNE_DATA_PATH": str(dataset)}
    return kept | named | changes


def run_cli(
    data_dir: Path, *arguments: str, stdin: str | bytes = "", **changes: str
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return run_within(DEADLINE_S, data_dir, *arguments, stdin=stdin, **changes)


def run_within(
    limit_s: float, data_dir: Path, *arguments: str, stdin: str | bytes = "", **changes: str
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, which may take so long."""
    given = stdin.encode() if isinstance(stdin, str) else stdin
    done = subprocess.run(
        [*COMMAND, *arguments],
        env=environment(data_dir, **changes),
        input=given,
        capture_output=True,
        timeout=limit_s,
    )
    return subprocess.CompletedProcess(
        done.args, done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace")
    )


def json_cli(data_dir: Path, *arguments: str, **changes: str) -> Any:
    """Run a command that must succeed, with --json, and read what it prints."""
    done = run_cli(data_dir, *arguments, "--json", **changes)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@dataclass
class RunningServer:
    """A server of the product."""

    data_dir: Path
    process: subprocess.Popen[bytes]
    url: str
    log: Path
    changes: Mapping[str, str] = field(default_factory=dict)

    def kill(self) -> None:
        """As a crash would."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(DEADLINE_S)

    def stop(self) -> int:
        """As a supervisor would; the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(DEADLINE_S)


@contextmanager
def serving(data_dir: Path, **changes: str) -> Iterator[RunningServer]:
    """A running server; it is stopped at the end unless the test stopped it."""
    data_dir.mkdir(parents=True, exist_ok=True)
    log = data_dir / "server.log"
    with log.open("wb") as sink:
        process = subprocess.Popen(
            [*COMMAND, "serve"],
            env=environment(data_dir, **changes),
            stdout=sink,
            stderr=sink,
            stdin=subprocess.DEVNULL,
        )
    try:
        yield RunningServer(data_dir, process, _wait_for_url(data_dir, process, log), log, changes)
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(DEADLINE_S)


def _wait_for_url(data_dir: Path, process: subprocess.Popen[bytes], log: Path) -> str:
    def announced() -> str | None:
        assert process.poll() is None, log.read_text()
        try:
            told = json.loads((data_dir / "server.json").read_text())
        except (OSError, ValueError):
            return None
        return str(told["url"]) if told["pid"] == process.pid else None

    url = wait_until(announced)
    assert isinstance(url, str)
    return url


def wait_until(probe: Any, deadline_s: float = DEADLINE_S) -> Any:
    """What the probe gives once that is true; AssertionError when it never is."""
    end = time.monotonic() + deadline_s
    while time.monotonic() < end:
        found = probe()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError(f"{probe} was not true within {deadline_s} s")
