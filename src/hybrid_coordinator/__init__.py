"""A coordinator between those who ask and the models that answer."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hybrid_coordinator.faces.library import HybridWorkflow as HybridWorkflow

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """`HybridWorkflow` is imported when it is asked for: the stdio bridge must not pay for it."""
    if name == "HybridWorkflow":
        from hybrid_coordinator.faces.library import HybridWorkflow

        return HybridWorkflow
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
