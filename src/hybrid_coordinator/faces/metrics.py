"""The house's figures in the Prometheus text format."""

from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from hybrid_coordinator.daemon import LearningStatus
from hybrid_coordinator.faces.measure_metrics import measure_metrics
from hybrid_coordinator.flows.health import Health
from hybrid_coordinator.flows.reports import Report

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class _Figures(Collector):
    """One report, one health check and how learning stands, as metrics. The counters live in the ledger, so a restart
    keeps them."""

    def __init__(self, report: Report, health: Health, learning: LearningStatus) -> None:
        self._report = report
        self._health = health
        self._learning = learning

    def collect(self) -> Iterator[Metric]:
        totals = self._report.totals
        yield _labelled(
            "coordinator_interactions",
            "Interactions by who answered",
            {"local": totals.local, "remote": totals.remote, "context_only": totals.context_only},
        )
        yield _labelled("coordinator_outcomes", "Settled interactions by outcome", dict(totals.settled))
        for name, help_text, value in (
            ("coordinator_failed_answers", "Answers that were cut short", totals.failed),
            ("coordinator_high_value_interactions", "Interactions worth learning from", totals.high_value),
            ("coordinator_input_tokens", "Tokens read by models", totals.input_tokens),
            ("coordinator_output_tokens", "Tokens written by models", totals.output_tokens),
            ("coordinator_remote_tokens", "Tokens that left this machine", totals.remote_tokens),
            ("coordinator_saved_tokens", "Tokens that did not leave this machine", totals.tokens_saved),
            ("coordinator_cost_usd", "Spent on remote models", totals.cost / 1_000_000),
            (
                "coordinator_saved_usd",
                "Not spent on remote models, at the reference price",
                totals.cost_saved / 1_000_000,
            ),
            ("coordinator_corrections", "Corrections taught", totals.corrections),
            ("coordinator_rejected_answers", "Local answers that were not trusted", totals.escalations),
            ("coordinator_prompt_cache_read_tokens", "Tokens vendors' prompt caches gave", totals.cache_read_tokens),
            ("coordinator_prompt_cache_write_tokens", "Tokens vendors' prompt caches took", totals.cache_write_tokens),
        ):
            yield CounterMetricFamily(name, help_text, value=value)
        yield _labelled("coordinator_cache_hits", "Answers from the cache by kind", dict(totals.recalled))
        yield _gauges("coordinator_passages", "Passages by collection", "collection", self._report.passages.items())
        parts = ((part.name, float(part.ok)) for part in self._health.parts)
        yield _gauges("coordinator_part_up", "Whether a part is up", "part", parts)
        yield from _steps(self._learning)
        yield from measure_metrics(self._report.measures, self._report.passages)


def _steps(learning: LearningStatus) -> Iterator[Metric]:
    done = CounterMetricFamily("coordinator_learning_done", "What each step of learning finished", labels=["step"])
    for state in learning.steps:
        done.add_metric([state.step], state.done)
    yield done
    well = ((state.step, float(not state.error)) for state in learning.steps)
    yield _gauges("coordinator_learning_step_ok", "Whether a step of learning ended well", "step", well)
    ran = [(state.step, state.ran_at.timestamp()) for state in learning.steps if state.ran_at is not None]
    yield _gauges("coordinator_learning_ran_seconds", "When a step ran last, in Unix time", "step", ran)


def _labelled(name: str, help_text: str, counts: dict[str, int]) -> CounterMetricFamily:
    family = CounterMetricFamily(name, help_text, labels=["kind"])
    for kind, count in counts.items():
        family.add_metric([kind], count)
    return family


def _gauges(name: str, help_text: str, label: str, values: Iterable[tuple[str, float]]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, help_text, labels=[label])
    for value, figure in values:
        family.add_metric([value], figure)
    return family


def render_metrics(report: Report, health: Health, learning: LearningStatus) -> bytes:
    """The page that Prometheus scrapes."""
    registry = CollectorRegistry()
    registry.register(_Figures(report, health, learning))
    return generate_latest(registry)
