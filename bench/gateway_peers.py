"""Other gateways, each in an environment of its own, set up to pass everything on to the upstream and log nothing."""

import json
import secrets
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from subprocess import PIPE

import anyio

from bench.gateway_processes import Launch
from bench.gateway_product import plain_environment
from hybrid_coordinator.errors import Unavailable

INSTALLED = "installed"
"""Written last into an environment: it names what is in it."""


@dataclass(frozen=True, slots=True)
class Site:
    """Where a peer runs: its environment's programs, a folder for its files, the upstream, and the key it takes."""

    programs: Path
    folder: Path
    upstream: str
    key: str


@dataclass(frozen=True, slots=True)
class Peer:
    """A gateway from PyPI: what is installed, what it calls the upstream's model, and how it is set up and started."""

    requirement: str
    model: str
    launch: Callable[[Site], Launch]


async def install(peer: Peer, environment: Path) -> Path:
    """Make the environment unless it is whole; the folder of its programs. Raises Unavailable when pip cannot."""
    programs = environment / "bin"
    mark = environment / INSTALLED
    if not mark.exists() or mark.read_text() != peer.requirement:
        await _run(sys.executable, "-m", "venv", "--clear", str(environment))
        pip = (str(programs / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
        await _run(*pip, peer.requirement)
        mark.write_text(peer.requirement)
    return programs


async def _run(*command: str) -> None:
    done = await anyio.run_process(command, stderr=PIPE, check=False)
    if done.returncode:
        raise Unavailable(f"{' '.join(command)!r} failed: {done.stderr.decode(errors='replace')[-2_000:]}")


def make_key() -> str:
    """A key that peers which judge keys find strong enough."""
    return f"sk-{secrets.token_hex(16)}"


_TENSORZERO_CONFIG = """
[gateway]
observability.enabled = false
[models.mock]
routing = ["openai"]
[models.mock.providers.openai]
type = "openai"
model_name = "gpt-4o"
api_base = "{upstream}/v1/"
api_key_location = "none"
"""

_TENSORZERO_PROGRAM = """
import sys, threading
from tensorzero import _start_http_gateway
gateway = _start_http_gateway(
    config_file=sys.argv[1], clickhouse_url=None, postgres_url=None, valkey_url=None, async_setup=False
)
print("listening on", gateway.base_url.rstrip("/").removesuffix("/v1"), flush=True)
threading.Event().wait()
"""


def _launch_tensorzero(site: Site) -> Launch:
    config = site.folder / "tensorzero.toml"
    config.write_text(_TENSORZERO_CONFIG.format(upstream=site.upstream))
    command = (str(site.programs / "python"), "-c", _TENSORZERO_PROGRAM, str(config))
    return Launch(command, plain_environment())


def _launch_litellm(site: Site) -> Launch:
    config = site.folder / "litellm.yaml"
    passed_on = {"model": "openai/gpt-4o", "api_base": f"{site.upstream}/v1", "api_key": "upstream"}
    settings = {
        "model_list": [{"model_name": "mock", "litellm_params": passed_on}],
        "litellm_settings": {"callbacks": [], "num_retries": 0, "request_timeout": 30},
        "general_settings": {"master_key": site.key},
    }
    config.write_text(json.dumps(settings))  # JSON is YAML
    port = str(_free_port())
    where = ("--host", "127.0.0.1", "--port", port)
    command = (str(site.programs / "litellm"), "--config", str(config), *where, "--run_granian")
    return Launch(command, plain_environment(), r"Listening at: (http://\S+)")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


PEERS = {
    "tensorzero": Peer("tensorzero==2026.6.0", "tensorzero::model_name::mock", _launch_tensorzero),
    "litellm": Peer("litellm[proxy]==1.106.2", "mock", _launch_litellm),
}
