"""How learning goes: the measures of the users' "Continuous Learning System" document, with what they are made of."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from hybrid_coordinator.domain.interaction import AgentType
from hybrid_coordinator.domain.knowledge import Collection
from hybrid_coordinator.domain.measures import Day, Lap, Served, Stored
from hybrid_coordinator.flows.stopwatch import Stopwatch
from hybrid_coordinator.logic import measures
from hybrid_coordinator.logic.collection_measures import Crossing, Shelf, by_collection, credit_of_documents, crossing
from hybrid_coordinator.logic.measures import VALUE_EDGES, WEEK, Band, Goal, Trend
from hybrid_coordinator.ports import Catalog, Clock, Ledger

MEASURED_DAYS = 30
"""So many days are measured when nobody says how many."""


@dataclass(frozen=True, slots=True)
class Measures:
    """Of the last `span` days (UTC), `today` included. `days` has those on which there was anything, earliest first.

    `trend` is that of the last two weeks, and `stored` what there is now, whatever the span.
    """

    span: int
    today: date
    days: tuple[Day, ...]
    trend: Trend | None
    bands: tuple[Band, ...]
    stored: tuple[Stored, ...]
    served: tuple[Served, ...]
    laps: tuple[Lap, ...]

    @property
    def patterns_a_day(self) -> Goal:
        return measures.patterns_a_day(self.days, self.today)

    @property
    def examples_a_week(self) -> Goal:
        return measures.examples_a_week(self.days, self.today)

    @property
    def weekly_examples(self) -> Mapping[date, int]:
        """By Monday; the first and the last week may be cut."""
        return measures.weekly_examples(self.days)

    @property
    def reuse_rate(self) -> Goal:
        return measures.reuse_rate(self.days)

    @property
    def learned_reuse_rate(self) -> Goal:
        return measures.learned_reuse_rate(self.days)

    @property
    def added_latency(self) -> Goal:
        return measures.added_latency([lap.p99_ms for lap in self.laps])

    @property
    def bytes_per_pattern(self) -> Goal:
        return measures.bytes_per_pattern(sum(kind.bytes for kind in self.stored), self.learned)

    @property
    def learned(self) -> int:
        """Learned things at any stage."""
        return sum(kind.items for kind in self.stored)

    @property
    def spread_verdict(self) -> str:
        return measures.judge_spread(self.bands)

    @property
    def crossings(self) -> tuple[Crossing, ...]:
        """What those away taught those at home, and the other way round."""
        ways = ((AgentType.REMOTE, AgentType.LOCAL), (AgentType.LOCAL, AgentType.REMOTE))
        return tuple(crossing(self.stored, self.served, teacher, pupil) for teacher, pupil in ways)

    @property
    def credit_of_documents(self) -> float | None:
        """The mean credit of passages that were not learned."""
        return credit_of_documents(self.served)

    def shelves(self, passages: Mapping[Collection, int]) -> tuple[Shelf, ...]:
        """By collection, of which `passages` tells how much each holds."""
        return by_collection(passages, self.stored, self.served)


class Measurer:
    """Measures learning. What the stopwatch says is of this process only."""

    def __init__(
        self, ledger: Ledger, catalog: Catalog, clock: Clock, stopwatch: Stopwatch, *, high_value: float, dimension: int
    ) -> None:
        """`dimension` is that of the vectors in the collections."""
        self._ledger = ledger
        self._catalog = catalog
        self._clock = clock
        self._stopwatch = stopwatch
        self._high_value = high_value
        self._dimension = dimension

    async def measure(self, span: int) -> Measures:
        """The last so many days, today included."""
        today = self._clock.now().astimezone(UTC).date()
        since = _first_moment(today, span)
        fortnight = _first_moment(today, 2 * WEEK.days)
        days = await self._ledger.daily(min(since, fortnight), high_value=self._high_value)
        return Measures(
            span,
            today,
            tuple(day for day in days if day.day >= since.date()),
            measures.trend(days, today),
            measures.spread(await self._ledger.spread(VALUE_EDGES, since)),
            tuple(await self._catalog.stored(self._dimension)),
            tuple(await self._ledger.served(since)),
            self._stopwatch.laps,
        )


def _first_moment(today: date, span: int) -> datetime:
    """Of so many days that end with today."""
    return datetime.combine(today - timedelta(days=span - 1), time(), UTC)
