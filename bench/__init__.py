"""Benchmarks: `python -m bench NAME --json FILE`. Each module is one, and prints a table."""
