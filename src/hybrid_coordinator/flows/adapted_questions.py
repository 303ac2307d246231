"""Questions as what search has learned would ask them: by the version that serves, or, for its share, the one on trial.

Only what is looked for moves. How similar a passage is to the question is told as if nothing had been learned: routing,
silence and the cache read that.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

import numpy as np

from hybrid_coordinator.domain.knowledge import Collection, EmbedderIdentity, Passage, Probe, SearchMode, Vector
from hybrid_coordinator.domain.training import BaseWeights
from hybrid_coordinator.domain.versions import ANSWERING, ModelVersion, VersionStage
from hybrid_coordinator.errors import CoordinatorError, Damaged
from hybrid_coordinator.logic.draws import draw
from hybrid_coordinator.logic.retriever_adapter import Floats, dump_adapters, fingerprint, load_adapters, move
from hybrid_coordinator.logic.version_stages import Arms, arms
from hybrid_coordinator.ports import Clock, Keepsake, Knowledge, Runs

RETRIEVER = "retriever"
"""What versions of search are versions of."""

KEPT = 8
"""So many adapters are kept besides those in use."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Way:
    """How questions are moved; without an adapter not at all. A trial is drawn by its `name`."""

    name: str = ""
    adapter: Floats | None = None

    def adapt(self, vector: Vector) -> Vector:
        """The unit vector to look for passages with."""
        if self.adapter is None:
            return vector
        moved: list[float] = move(np.asarray(vector, np.float32), self.adapter).tolist()
        return moved


class AdaptedQuestions:
    """Follows the records of versions of search. What cannot be read moves nothing."""

    def __init__(
        self, runs: Runs, keepsake: Keepsake, identity: EmbedderIdentity, clock: Clock, *, share: float
    ) -> None:
        """`share` of the sessions go the way that is on trial."""
        self._runs = runs
        self._keepsake = keepsake
        self._identity = identity
        self._clock = clock
        self._share = share
        self.serving = Way()
        self._trial: Way | None = None

    @property
    def base(self) -> BaseWeights:
        """The embedder that adapters are made for."""
        told = f"{self._identity.name} {self._identity.dimension}"
        return BaseWeights(self._identity.name, sha256(told.encode()).hexdigest())

    def adapt(self, vector: Vector, session: str = "") -> Vector:
        """The vector that passages are looked for with; the very same where nothing is to move. A session goes one way
        for as long as a trial lasts; a question without one goes the way that serves."""
        trial = self._trial
        on_trial = trial is not None and bool(session) and goes_on_trial(trial.name, session, self._share)
        return (trial if trial and on_trial else self.serving).adapt(vector)

    async def follow(self) -> list[ModelVersion]:
        """Go the ways that are on record now; the versions that should be gone and cannot. Raises Unavailable."""
        versions = await self._runs.versions(RETRIEVER)
        known = arms(versions, self._clock.now(), self._share)
        trial = known.trial
        wanted = [one for one in (known.serving, trial.version if trial else None) if one is not None]
        adapters = await self._load() if wanted else {}
        lost = [one for one in wanted if not self._fits(one, adapters.get(one.name))]
        usable = {one.name: adapters[one.name] for one in wanted if one not in lost}
        self.serving = _way(known.serving, usable)
        self._trial = replace(_way(trial.version, usable), name=trial_name(known)) if trial else None
        return lost

    async def restore(self) -> None:
        """Follow before the first question, or at a person's word; what fails is tried again by the `deploy` step."""
        try:
            await self.follow()
        except CoordinatorError:
            logger.exception("what search has learned cannot be read; it searches without")

    async def keep(self, name: str, adapter: Floats) -> None:
        """Keep a version's adapter, and of the others those that may still be wanted. Raises Unavailable."""
        versions = [one for one in await self._runs.versions(RETRIEVER) if one.stage is not VersionStage.DROPPED]
        wanted = [one.name for one in versions if one.stage in ANSWERING] + [one.name for one in versions[:KEPT]]
        known = await self._load()
        kept = {one: known[one] for one in dict.fromkeys(wanted) if one in known}
        await self._keepsake.save(dump_adapters(kept | {name: adapter}))

    async def _load(self) -> Mapping[str, Floats]:
        try:
            return load_adapters(await self._keepsake.load())
        except Damaged:
            logger.exception("what search has learned cannot be read; it is learned anew")
            return {}

    def _fits(self, version: ModelVersion, adapter: Floats | None) -> bool:
        return adapter is not None and version.base == self.base and fingerprint(adapter) == version.sha256


def goes_on_trial(trial: str, session: str, share: float) -> bool:
    """Whether a session goes the way that is on trial. The same session always goes the same way."""
    return draw(f"search {trial}", session) < share


def trial_name(known: Arms) -> str:
    """What a trial draws its sessions by: the version tried out, or else, as its control, the one that serves."""
    canary = known.trial.version if known.trial else None
    if canary is not None and canary.stage is VersionStage.CANARY:
        return canary.name
    return f"control of {known.serving.name if known.serving else ''}"


def _way(version: ModelVersion | None, adapters: Mapping[str, Floats]) -> Way:
    return Way(version.name, adapters.get(version.name)) if version else Way()


async def search_adapted(
    knowledge: Knowledge,
    probe: Probe,
    adapted: Vector,
    collections: Sequence[Collection],
    *,
    limit: int,
    mode: SearchMode = SearchMode.HYBRID,
) -> list[Passage]:
    """What is found by the adapted vector, in that order, with the similarities to the question as it was asked."""
    if adapted is probe.vector:
        return await knowledge.search(probe, collections, limit=limit, mode=mode)
    found = await knowledge.search(Probe(probe.text, adapted), collections, limit=limit, mode=mode)
    vectors = await knowledge.vectors([passage.id for passage in found])
    asked = np.asarray(probe.vector, np.float32)
    return [replace(one, similarity=_similarity(asked, vectors.get(one.id), one.similarity)) for one in found]


def _similarity(asked: Floats, vector: Vector | None, otherwise: float) -> float:
    """In [0, 1]; what was found and is gone keeps what it was found with."""
    return otherwise if vector is None else float(np.clip(asked @ np.asarray(vector, np.float32), 0.0, 1.0))
