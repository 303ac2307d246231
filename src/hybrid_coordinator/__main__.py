"""`python -m hybrid_coordinator` and the `hybrid-coordinator` command."""

import sys


def main() -> None:
    """Run a command. `mcp` skips the rest of the command line, because a host waits for its first answer."""
    if sys.argv[1:] == ["mcp"]:
        from hybrid_coordinator.faces.bridge import run_bridge

        sys.exit(run_bridge())
    try:
        from hybrid_coordinator.quick_imports import quick_imports

        with quick_imports():
            from hybrid_coordinator.faces.cli import main as run_command

        run_command()
    except KeyboardInterrupt:  # while everything was still being imported
        sys.exit(130)


if __name__ == "__main__":
    main()
