"""Commands that stay: serve, mcp."""

import logging
import sys

import click

from hybrid_coordinator.faces.bridge import run_bridge
from hybrid_coordinator.faces.cli.session import unwrap
from hybrid_coordinator.quick_imports import quick_imports
from hybrid_coordinator.settings import TABLE, load_settings, show


def _epilog() -> str:
    lines = (
        f"{setting.env}{f' ({show(setting.default)})' if show(setting.default) else ''}: {setting.help}"
        for setting in TABLE
    )
    return "\b\nSettings, from the environment or the TOML file:\n" + "\n".join(lines)


@click.command(epilog=_epilog())
def serve() -> None:
    """Run the coordinator: HTTP on 127.0.0.1:8092 with /mcp, /api, /health and /metrics."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    for chatty in ("httpx2", "mcp"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    with quick_imports():
        from hybrid_coordinator.faces.server import serve as serve_settings  # takes a second

    settings = load_settings()
    unwrap(lambda: serve_settings(settings), fast=True)


@click.command()
def mcp() -> None:
    """Speak MCP on stdin and stdout for a host, through the running server; one is started when there is none."""
    sys.exit(run_bridge())
