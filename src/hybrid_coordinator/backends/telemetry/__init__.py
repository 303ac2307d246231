"""Telemetry files: read on, written, packed and thrown away."""
