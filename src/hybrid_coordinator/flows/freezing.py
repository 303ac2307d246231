"""What a run works on: the exported dataset, divided into what is trained on and what is held back to measure with."""

from collections.abc import Sequence
from dataclasses import dataclass

import anyio.to_thread

from hybrid_coordinator.domain.knowledge import Payload
from hybrid_coordinator.errors import BadInput
from hybrid_coordinator.flows.datasets import PREFERENCES
from hybrid_coordinator.logic.dataset_splits import SPLITS
from hybrid_coordinator.logic.held_out import HeldOutPolicy, divide
from hybrid_coordinator.logic.material_checks import malformed, malformed_pairs, shortcomings
from hybrid_coordinator.logic.taught_rows import sources_of
from hybrid_coordinator.ports import Datasets, Ledger, Material


@dataclass(frozen=True, slots=True)
class GeneralTexts:
    """What a model is to go on knowing: questions to replay, others to measure forgetting on, plain texts, and
    conversations to stay what it is on."""

    replay: Sequence[str] = ()
    regression: Sequence[str] = ()
    documents: Sequence[str] = ()
    keep: Sequence[Payload] = ()


@dataclass(frozen=True, slots=True)
class Prepared:
    """Material for a run, and the hash of the dataset that it is from."""

    material: Material
    dataset_hash: str


class Preparer:
    """Makes material of the dataset that is there. Nothing that was excluded since it was exported gets in."""

    def __init__(self, datasets: Datasets, ledger: Ledger, general: GeneralTexts, policy: HeldOutPolicy) -> None:
        self._datasets = datasets
        self._ledger = ledger
        self._general = general
        self._policy = policy

    async def prepare(self, least_rows: int) -> Prepared:
        """Raises BadInput with everything that is missing, NotFound without a dataset, Damaged for a spoilt one, and
        Conflict while one is written."""
        card = await self._datasets.card() or {}
        parts = {name: await self._datasets.rows(name) for name in (*SPLITS, PREFERENCES)}
        _refuse([*_malformed(parts), *malformed_pairs(parts[PREFERENCES])])
        excluded = await self._ledger.excluded()
        clean = {
            name: [row for row in rows if excluded.keys().isdisjoint(sources_of([row]))] for name, rows in parts.items()
        }
        material = await anyio.to_thread.run_sync(self._divide, clean)
        _refuse(shortcomings(material.train, least_rows))
        return Prepared(material, str(card.get("content_hash", "")))

    def _divide(self, parts: dict[str, list[Payload]]) -> Material:
        train, validation, test = (parts[name] for name in SPLITS)
        division = divide(train, validation, test, parts[PREFERENCES], self._policy)
        return Material(
            train=division.train,
            validation=division.validation,
            held_out=division.held_out,
            pairs=division.pairs,
            keep=self._general.keep,
            replay=self._general.replay,
            regression=self._general.regression,
            documents=self._general.documents,
        )


def _malformed(parts: dict[str, list[Payload]]) -> list[str]:
    return [reason for name in SPLITS for reason in malformed(parts[name], name)]


def _refuse(reasons: Sequence[str]) -> None:
    if reasons:
        raise BadInput(f"nothing can be trained on this dataset: {'; '.join(reasons)}")
