"""Who may come in, and where to."""

import pytest
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient

from hybrid_coordinator.faces.gateway import refuse
from hybrid_coordinator.faces.guard import Guard
from hybrid_coordinator.settings import Secret, ServerSettings

KEYS = ServerSettings(api_key=Secret("owner-key"), api_keys={"alice": Secret("alice-key")})


def status(path: str, key: str) -> int:
    guard = Guard(PlainTextResponse("in"), server=KEYS, refuse=refuse)
    client = TestClient(guard, base_url="http://127.0.0.1")
    return client.get(path, headers={"Authorization": f"Bearer {key}"}).status_code


@pytest.mark.parametrize(
    ("path", "key", "expected"),
    [
        ("/v1/models", "alice-key", 200),
        ("/v1/models", "owner-key", 200),
        ("/api/report", "owner-key", 200),
        ("/api/report", "alice-key", 403),
        ("/mcp", "alice-key", 403),
        ("/health", "alice-key", 200),
        ("/health", "nobody", 200),
        ("/v1/models", "nobody", 401),
    ],
)
def test_others_keys_open_the_gateway_and_nothing_else(path: str, key: str, expected: int) -> None:
    assert status(path, key) == expected
