"""The gateway: OpenAI's and Anthropic's own clients, unchanged, under /v1."""

from hybrid_coordinator.faces.gateway.app import Gateway
from hybrid_coordinator.faces.gateway.refusals import refuse

__all__ = ["Gateway", "refuse"]
