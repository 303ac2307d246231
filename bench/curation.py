"""What curation takes out of service among real questions with their right answers, where hardly anything should go.

Each question of a retrieval set is learned with the text that is relevant to it, by the product's own curator over its
own embedder and store. Two that rest on the same text may be merged; a merge or a supersession across texts is wrong.
"""

import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.metrics import bootstrap_interval
from bench.retrieval import DATA
from bench.retrieval_sets import RetrievalSet, read_set, set_folders
from hybrid_coordinator.backends.embedders.minilm import MiniLmEmbedder
from hybrid_coordinator.backends.keepsake import FileKeepsake
from hybrid_coordinator.backends.knowledge.edge import EdgeKnowledge
from hybrid_coordinator.domain.knowledge import Collection, Draft
from hybrid_coordinator.domain.learning import Change, Learned, Stage
from hybrid_coordinator.domain.trust import Origin
from hybrid_coordinator.flows.ageing import Ageing
from hybrid_coordinator.flows.comparing import Comparer
from hybrid_coordinator.flows.curating import Curator
from hybrid_coordinator.flows.publishing import Publisher
from hybrid_coordinator.logic.curation import CurationPolicy
from hybrid_coordinator.logic.decay import DecayPolicy
from hybrid_coordinator.logic.merging import MergePolicy
from hybrid_coordinator.logic.staleness import StalenessPolicy
from hybrid_coordinator.logic.supersession import SupersessionPolicy
from hybrid_coordinator.ports import Embedder
from hybrid_coordinator.testing import ManualClock, MemoryCatalog, MemoryLedger

Figures = dict[str, Any]


async def measure_curation(data: Path = DATA) -> Figures:
    """By set: how many were learned, and how many of them were merged or superseded, rightly and wrongly."""
    embedder = MiniLmEmbedder()
    try:
        return {folder.name: await _measure_set(read_set(folder), embedder) for folder in set_folders(data)}
    finally:
        await embedder.aclose()


async def _measure_set(measured: RetrievalSet, embedder: Embedder) -> Figures:
    texts = {name: max(gains, key=lambda text: gains[text]) for name, gains in measured.gains.items()}
    learned = [_learned(name, measured.queries[name], measured.corpus[text]) for name, text in texts.items()]
    curated = await _curate(learned, embedder)
    fates: Counter[str] = Counter()
    wrong = []
    for item in curated:
        astray = item.replaced_by is not None and texts[item.id] != texts[item.replaced_by]
        wrong.append(float(astray))
        if not item.served:
            fates[f"{item.stage.value} {'wrongly' if astray else 'rightly'}"] += 1
    return {"learned": len(curated), **fates, "wrong": sum(wrong) / len(wrong), "interval": bootstrap_interval(wrong)}


async def _curate(learned: Sequence[Learned], embedder: Embedder) -> list[Learned]:
    """What became of these, learned one after the other and curated until nothing is left to do."""
    catalog, clock = MemoryCatalog(), ManualClock()
    for item in learned:
        await catalog.apply([Change(item.id, "learn", None, item, "bench")], clock.now())
    with tempfile.TemporaryDirectory(prefix="curation-") as folder:
        knowledge = await EdgeKnowledge.open(Path(folder) / "knowledge", embedder.identity)
        ledger = MemoryLedger()
        curator = Curator(
            catalog,
            Publisher(catalog, knowledge, embedder),
            Comparer(catalog, knowledge, embedder, ledger, clock, MergePolicy(), SupersessionPolicy()),
            Ageing(catalog, knowledge, ledger, clock, DecayPolicy(), StalenessPolicy()),
            FileKeepsake(Path(folder) / "bookmark"),
            clock,
            CurationPolicy(),
        )
        while (await curator.work()).more:
            pass
        await knowledge.aclose()
    return await catalog.browse(None, limit=len(learned))


def _learned(name: str, question: str, answer: str) -> Learned:
    at = ManualClock().now()
    draft = Draft(name, Collection.SKILLS, question, f"{question}\n\n{answer}")
    return Learned(name, Stage.CANDIDATE, draft, Origin.MODEL_INFERENCE, (name,), "bench", at, at)
