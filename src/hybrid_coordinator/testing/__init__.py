"""The fakes that ship: whole, simple stand-ins for the ports, for tests here and in code built on this package."""

from hybrid_coordinator.testing.agenda import MemoryAgenda
from hybrid_coordinator.testing.annals import MemoryAnnals
from hybrid_coordinator.testing.catalog import MemoryCatalog
from hybrid_coordinator.testing.clock import ManualClock
from hybrid_coordinator.testing.embedder import HashEmbedder
from hybrid_coordinator.testing.event_log import MemoryEventLog
from hybrid_coordinator.testing.host import ScriptedHost
from hybrid_coordinator.testing.knowledge import MemoryKnowledge
from hybrid_coordinator.testing.ledger import MemoryLedger
from hybrid_coordinator.testing.model import Script, ScriptedModel
from hybrid_coordinator.testing.runs import MemoryRuns
from hybrid_coordinator.testing.training import InstantTrainer, MemoryWorkshop

__all__ = [
    "HashEmbedder",
    "InstantTrainer",
    "ManualClock",
    "MemoryAgenda",
    "MemoryAnnals",
    "MemoryCatalog",
    "MemoryEventLog",
    "MemoryKnowledge",
    "MemoryLedger",
    "MemoryRuns",
    "MemoryWorkshop",
    "Script",
    "ScriptedHost",
    "ScriptedModel",
]
