"""What every test may ask for."""

import pytest

from room import Room


@pytest.fixture
def anyio_backend() -> str:
    """One event loop: asyncio, the one the product runs on."""
    return "asyncio"


@pytest.fixture
def room() -> Room:
    """A house of fakes."""
    return Room()
