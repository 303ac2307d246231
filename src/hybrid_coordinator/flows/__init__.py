"""The use cases: each a short story told over the ports."""
