"""What every test may ask for."""

import pytest


@pytest.fixture
def anyio_backend() -> str:
    """One event loop: asyncio, the one the product runs on."""
    return "asyncio"
