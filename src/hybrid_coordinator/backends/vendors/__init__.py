"""Vendors' APIs, spoken to in their own wire formats."""
