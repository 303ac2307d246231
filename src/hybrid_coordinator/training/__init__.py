"""The torch room: `python -m hybrid_coordinator.training RUN_FOLDER`, a child process that nobody imports."""
