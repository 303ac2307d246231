"""The measures of learning as metrics. A figure that there is none of yet is left out."""

from collections.abc import Iterator, Mapping

from prometheus_client.metrics_core import GaugeMetricFamily, Metric

from hybrid_coordinator.domain.knowledge import Collection
from hybrid_coordinator.flows.measures import Measures
from hybrid_coordinator.logic.collection_measures import Shelf
from hybrid_coordinator.logic.measures import learning_rate, local_share, success_rate


def measure_metrics(measures: Measures, passages: Mapping[Collection, int]) -> Iterator[Metric]:
    """Gauges, since a span that moves on may take some away."""
    shelves = measures.shelves(passages)
    yield from _rates(measures)
    yield _values(measures)
    yield _learned(shelves)
    yield _fared(shelves)
    yield _taught(measures)
    yield _added(measures)


def _rates(measures: Measures) -> Iterator[Metric]:
    span = f"over the last {measures.span} days"
    for name, help_text, value in (
        ("local_share", f"Whole answers given at home {span}", local_share(measures.days)),
        ("success_rate", f"The mean credit of what was settled {span}", success_rate(measures.days)),
        ("learning_rate", f"Interactions of high value {span}", learning_rate(measures.days)),
        ("reuse_rate", f"Whole answers with a passage for context {span}", measures.reuse_rate.value),
        ("learned_reuse_rate", f"Judged answers with something learned {span}", measures.learned_reuse_rate.value),
        ("patterns_a_day", f"Things learned a day {span}", measures.patterns_a_day.value),
        ("examples_a_week", f"Successes of high value a week {span}", measures.examples_a_week.value),
        ("bytes_per_pattern", "Bytes that a learned thing takes", measures.bytes_per_pattern.value),
        ("success_trend", "Success this week over the last", measures.trend.difference if measures.trend else None),
    ):
        if value is not None:
            yield GaugeMetricFamily(f"coordinator_{name}", help_text, value=value)


def _values(measures: Measures) -> Metric:
    help_text = f"Value scores by band over the last {measures.span} days"
    family = GaugeMetricFamily("coordinator_value_scores", help_text, labels=["band"])
    for band in measures.bands:
        family.add_metric([band.name], band.count)
    return family


def _learned(shelves: tuple[Shelf, ...]) -> Metric:
    family = GaugeMetricFamily("coordinator_learned_items", "What was learned", labels=["collection", "stage"])
    for shelf in shelves:
        for stage, count in shelf.stages.items():
            family.add_metric([shelf.collection, stage], count)
    return family


def _fared(shelves: tuple[Shelf, ...]) -> Metric:
    help_text = "The mean credit of what was learned"
    family = GaugeMetricFamily("coordinator_learned_mean_credit", help_text, labels=["collection"])
    for shelf in shelves:
        if shelf.mean_credit is not None:
            family.add_metric([shelf.collection], shelf.mean_credit)
    return family


def _taught(measures: Measures) -> Metric:
    help_text = f"Uses of what one agent taught the other over the last {measures.span} days"
    family = GaugeMetricFamily("coordinator_taught_uses", help_text, labels=["taught_by", "answered_by"])
    for crossing in measures.crossings:
        family.add_metric([crossing.taught_by, crossing.answered_by], crossing.uses)
    return family


def _added(measures: Measures) -> Metric:
    help_text = "What learning adds to an answer, 99th percentile of late"
    family = GaugeMetricFamily("coordinator_learning_added_seconds", help_text, labels=["part"])
    for lap in measures.laps:
        family.add_metric([lap.name], lap.p99_ms / 1_000)
    return family
