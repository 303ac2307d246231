"""The doors to what happened: the ledger, whole or page by page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from hybrid_coordinator.domain.interaction import (
    Correction,
    Interaction,
    Outcome,
    PreferencePair,
    Spending,
    Totals,
    ValueScore,
)
from hybrid_coordinator.domain.knowledge import (
    Source,
)
from hybrid_coordinator.domain.learning import Injection, Uses
from hybrid_coordinator.domain.measures import Day, Fared, Served
from hybrid_coordinator.logic.auditing import ArmSums


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of a read-only SQL statement. `truncated` says that there were more than were asked for."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    truncated: bool = False


@dataclass(frozen=True, slots=True)
class PassageRecord:
    """How a passage fared as context: uses with a known outcome, and the credit they earned (0..1 each)."""

    uses: int
    credit: float


@dataclass(frozen=True, slots=True)
class EvidenceRecord:
    """What was known of a question before it was routed, as the flow wrote it down, and what came of it."""

    interaction: Interaction
    features: bytes


class Ledger(Protocol):
    """The record of interactions and outcomes. Everything that returned survives a kill."""

    async def append(self, interaction: Interaction, *, patient: bool = False) -> None:
        """Record one interaction. Appending the same id twice keeps the first.

        A patient caller may be kept waiting some milliseconds for company, which costs the processor less.
        """

    async def get(self, interaction_id: str) -> Interaction:
        """One interaction; an unknown id raises NotFound."""

    async def settle(self, interaction_id: str, outcome: Outcome, value: ValueScore, at: datetime) -> Interaction:
        """Attach an outcome and its value. Settling twice keeps the last; an unknown id raises NotFound."""

    async def credit(self, interaction_id: str, credits: Mapping[str, float]) -> Mapping[str, PassageRecord]:
        """Say how passages fared in one interaction (replacing what it said before); the new records come back."""

    async def credited(self, interaction_ids: Sequence[str]) -> Mapping[str, Mapping[str, float]]:
        """The credit that each passage earned in these interactions, by interaction; those without any are missing."""

    async def correct(self, correction: Correction) -> None:
        """Keep a correction."""

    async def recent(
        self,
        *,
        limit: int,
        session_id: str | None = None,
        since: datetime | None = None,
        min_value: float | None = None,
        outcome: str | None = None,
    ) -> list[Interaction]:
        """Interactions that fit, newest first."""

    async def corrections(self, *, limit: int) -> list[Correction]:
        """Corrections, newest first."""

    async def unfiled(self, *, limit: int) -> list[Interaction]:
        """Interactions not yet copied into `interaction-history`, oldest first."""

    async def mark_filed(self, interactions: Sequence[Interaction]) -> None:
        """Say that these were copied as they are here; one that was settled again since stays unfiled."""

    async def forget_copies(self) -> None:
        """Say that the collections hold nothing from here: no interaction was copied, and no file indexed."""

    async def totals(self, since: datetime | None, *, high_value: float) -> Totals:
        """Sums since then (None: ever). `high_value` is the threshold from which an interaction counts as such."""

    async def daily(self, since: datetime | None, *, high_value: float) -> list[Day]:
        """Every day (UTC) since then (None: ever) on which something was recorded or learned, the earliest first."""

    async def spread(self, edges: Sequence[float], since: datetime | None) -> list[int]:
        """How many values lie below the first of these ascending edges, between each two, and above the last; one on an
        edge lies above it."""

    async def served(self, since: datetime | None) -> list[Served]:
        """How passages fared in settled interactions recorded since then (None: ever), by kind, in no order."""

    async def prefer(self, pair: PreferencePair) -> None:
        """Keep a pair. Keeping the same id twice keeps the first."""

    async def preferences(self, *, limit: int) -> list[PreferencePair]:
        """Pairs, newest first."""

    async def keep_evidence(self, interaction_id: str, features: bytes) -> None:
        """Keep what was known before an interaction was routed, as it is. Keeping it twice keeps the last; an unknown
        id raises NotFound."""

    async def evidence(self, *, limit: int) -> list[EvidenceRecord]:
        """Interactions whose evidence was kept, newest first."""

    async def spent(self, since: datetime) -> Mapping[str, Spending]:
        """What each asker spent since then: the money of everything, the tokens of remote answers."""

    async def audited(self, since: datetime | None) -> Mapping[bool, ArmSums]:
        """Sums since then (None: ever) of what was routed, by whether it was held out. An arm nobody was in may be
        missing.

        Sessions are the clusters; a question without one is its own. What an interaction with a parent cost belongs to
        its parent's question. What has no route, or was handed out for others to answer, is in neither arm.
        """

    async def fared(self, models: Sequence[str], since: datetime) -> Mapping[str, Fared]:
        """How the answers of these models (by `model_used`) recorded since then fared; those that gave none come back
        empty.

        Left out are what was asked for practice (synthetic) or remembered from before, what others report of a model
        (tracked, telemetry), and what is kept out of learning.
        """

    async def get_all(self, ids: Sequence[str]) -> list[Interaction]:
        """The interactions of these ids that exist, in the order asked."""

    async def unscored(self, *, limit: int) -> list[Interaction]:
        """Interactions with an outcome and no value, oldest first."""

    async def score(self, values: Mapping[str, ValueScore]) -> None:
        """Attach values in one transaction, and say that these are not learned from yet; unknown ids are skipped."""

    async def kin(self, keys: Sequence[int]) -> Mapping[int, int]:
        """How many interactions hold a question of each key (`question_key`); keys that nobody asked may be missing."""

    async def unlearned(self, *, limit: int) -> list[Interaction]:
        """Interactions with an outcome and a value from which nothing was learned since they got them, oldest first."""

    async def mark_learned(self, interactions: Sequence[Interaction]) -> None:
        """Say that these were learned from as they are here; one that was settled again since stays unlearned."""

    async def withhold(self, interaction_id: str, credits: Mapping[str, float]) -> None:
        """Say how an interaction fared that went without these passages (replacing what it said before)."""

    async def uses(self, passage_ids: Sequence[str]) -> Mapping[str, Uses]:
        """How passages fared with and without; those of which nothing is known come back empty."""

    async def injections(self, *, limit: int) -> list[Injection]:
        """Passages that were put before questions since settled, and whose similarity is known, newest first."""

    async def tagged(self, tag: str, *, since: datetime | None, limit: int) -> list[Interaction]:
        """Interactions that carry a tag, newest first."""

    async def troubled(self, *, limit: int, low_value: float, since: datetime | None = None) -> list[Interaction]:
        """Interactions that failed, were thought bad, are worth less than `low_value`, or replaced a rejected local
        answer, newest first."""

    async def exclude(self, interaction_id: str, why: str, at: datetime) -> None:
        """Keep an interaction out of everything that is learned. Excluding twice keeps the first; an unknown id raises
        NotFound."""

    async def excluded(self) -> Mapping[str, str]:
        """Interactions that are kept out, and why."""

    async def source(self, root: str, path: str) -> Source | None:
        """What was indexed from this file, or None."""

    async def sources(self, root: str) -> list[Source]:
        """Everything indexed under a root."""

    async def roots(self) -> list[str]:
        """Every root that something is indexed under."""

    async def put_source(self, source: Source) -> None:
        """Record a file as indexed, replacing what was recorded before."""

    async def remove_source(self, root: str, path: str) -> None:
        """Forget a file; forgetting twice is fine."""

    async def read(self, statement: str, *, limit: int, timeout_s: float) -> Table:
        """Run one read-only statement over the documented views.

        Raises RefusedStatement for anything else, and for one that outlasts `timeout_s`.
        """

    async def aclose(self) -> None:
        """Flush and let go. Idempotent."""


class Annals(Protocol):
    """The ledger page by page, for those who read much of it. A place is where a record stands in its order."""

    async def successes(
        self, *, min_value: float, before: int | None = None, limit: int
    ) -> list[tuple[int, Interaction]]:
        """Whole answers that were successes of at least that value, newest first, from before a place (None: from the
        end); each with its place."""

    async def corrected(self, *, before: int | None = None, limit: int) -> list[tuple[int, Correction]]:
        """Corrections, newest first, from before a place; each with its place."""

    async def preferred(self, *, before: int | None = None, limit: int) -> list[tuple[int, PreferencePair]]:
        """Pairs, newest first, from before a place; each with its place."""

    async def settled(self, *, since: datetime, after: str = "", limit: int) -> list[Interaction]:
        """Interactions with an outcome in the order in which it was attached (equal times by id), those attached at
        `since` only when their id comes behind `after`."""

    async def asked(self, key: int, *, limit: int) -> list[Interaction]:
        """Interactions that hold a question of this key (`question_key`), newest first."""
