"""Who can train a model: the users' words for it."""

from collections.abc import Mapping
from hashlib import sha256

from hybrid_coordinator.domain.training import BaseWeights, Teaching
from hybrid_coordinator.errors import BadInput

BACKENDS: Mapping[str, Teaching] = {teaching.value: teaching for teaching in (Teaching.LORA, Teaching.OPENAI)}

_REFUSED: Mapping[str, str] = {"claude": "Anthropic offers no training of its models"}


def read_model_backend(word: str) -> Teaching:
    """Who trains, by the `model_backend` of a setting or a request. Raises BadInput with the choices."""
    name = word.strip().lower()
    if name in BACKENDS:
        return BACKENDS[name]
    reason = _REFUSED.get(name, "nobody of this name trains models here")
    raise BadInput(f"model_backend {word!r} cannot be used: {reason}; choose {' or '.join(map(repr, BACKENDS))}")


def vendor_base(model: str) -> BaseWeights:
    """The base of a model at a vendor, whose weights nobody here has seen: its name is what tells it from others."""
    return BaseWeights(model, sha256(model.encode()).hexdigest())
