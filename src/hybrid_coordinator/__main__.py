"""`python -m hybrid_coordinator` and the `hybrid-coordinator` command."""

from hybrid_coordinator.faces.cli import main

if __name__ == "__main__":
    main()
