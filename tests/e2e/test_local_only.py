"""Local-only mode, watched from outside: the kernel tells of every connection that any of our processes opens."""

import json
import os
import re
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from running import COMMAND, environment, json_cli

ADDRESS = re.compile(r'sin6?_port=htons\((\d+)\).*?(?:inet_addr\("([^"]+)"\)|inet_pton\(AF_INET6, "([^"]+)")')


@dataclass
class FakeVendor:
    """Stands where the remote API would: counts who comes, and says nothing."""

    listener: socket.socket
    visits: list[bytes] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.listener.getsockname()[1]}"

    def receive(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection:
                self.visits.append(connection.recv(65_536))


@pytest.fixture
def vendor() -> Iterator[FakeVendor]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        vendor = FakeVendor(listener)
        thread = threading.Thread(target=vendor.receive, daemon=True)
        thread.start()
        yield vendor
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(5)


def watched(data_dir: Path, trace: Path, *arguments: str, **changes: str) -> tuple[str, set[tuple[str, int]]]:
    """Run a command under strace; what it printed, and every address that it or a child connected or sent to."""
    done = subprocess.run(
        ["strace", "-f", "-qq", "-e", "trace=connect,sendto,sendmsg,sendmmsg", "-o", str(trace), *COMMAND, *arguments],
        env=environment(data_dir, **changes),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    found = ADDRESS.findall(trace.read_text())
    return done.stdout, {(v4 or v6, int(port)) for port, v4, v6 in found}


@pytest.fixture(autouse=True)
def _needs_strace() -> None:
    if shutil.which("strace") is None:
        assert "CI" not in os.environ, "strace is missing"
        pytest.skip("strace is not installed")


def settings_for(vendor: FakeVendor) -> dict[str, str]:
    return {
        "ANTHROPIC_API_KEY": "a-key", "HYBRID_ANTHROPIC_URL": vendor.url, "HYBRID_RETRIES": "0",
        "OPENAI_API_KEY": "a-key", "HYBRID_OPENAI_URL": vendor.url,
    }  # fmt: skip


def test_in_local_only_mode_nothing_leaves_the_machine(tmp_path: Path, vendor: FakeVendor) -> None:
    local_only = settings_for(vendor) | {"HYBRID_MODE_ENABLED": "false"}
    (tmp_path / "notes.md").write_text("# Notes\n\nThe sky is green today.\n")
    json_cli(tmp_path / "data", "index", str(tmp_path / "notes.md"), **local_only)

    said, reached = watched(
        tmp_path / "data", tmp_path / "trace", "ask", "design a sky", "--json", "--max-tokens", "10", **local_only
    )

    assert json.loads(said)["agent_type"] == "local"
    assert vendor.visits == []
    assert reached, "the watch saw nothing at all, not even our own engine"
    assert {host for host, _ in reached} <= {"127.0.0.1", "::1"}
    assert vendor.listener.getsockname()[1] not in {port for _, port in reached}


def test_the_watch_does_see_a_question_that_leaves(tmp_path: Path, vendor: FakeVendor) -> None:
    said, reached = watched(
        tmp_path / "data",
        tmp_path / "trace",
        "ask",
        "design a sky",
        "--json",
        "--max-tokens",
        "10",
        **settings_for(vendor),
    )

    assert vendor.visits[0].startswith(b"POST /v1/")
    assert ("127.0.0.1", vendor.listener.getsockname()[1]) in reached
    assert json.loads(said)["agent_type"] == "local"
