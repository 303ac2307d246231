"""From what was seen to what is reported. Everything here is a sum over what it is given."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.gateway_load import Run
from bench.gateway_streams import FirstWords
from bench.metrics import RESAMPLES

LATENCY_AT = 1
"""Added latency is told for this many connections: with more, what is measured is mostly waiting in line."""

THROUGHPUT_AT = 16
"""Requests a second, and processor time a request, are told for this many connections."""

Figures = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Round:
    """The same load straight to the upstream and through the gateway, and the processor time that took the gateway."""

    direct: Run
    through: Run
    cpu_s: float


@dataclass(frozen=True, slots=True)
class Soak:
    """Runs of many requests: how many of them reached the upstream, and resident memory before, between and after."""

    requests: int
    asked_upstream: int
    rss_mb: Sequence[float]


def load_figures(rounds: Sequence[Round]) -> Figures:
    """Medians over the rounds of one number of connections, and between which values the rounds lay.

    What is added is told by the differences within rounds.
    """
    by_round = [_round_figures(one) for one in rounds]
    medians = {key: _rounded(median(figures[key] for figures in by_round)) for key in by_round[0]}
    ranges = {key: _range([figures[key] for figures in by_round]) for key in by_round[0]}
    return {**medians, "requests": sum(one.through.requests for one in rounds), "ranges": ranges}


def _round_figures(one: Round) -> dict[str, float]:
    direct, through = one.direct, one.through
    return {
        "direct_p50_ms": direct.p50_ms,
        "p50_ms": through.p50_ms,
        "p99_ms": through.p99_ms,
        "added_p50_ms": through.p50_ms - direct.p50_ms,
        "added_p99_ms": through.p99_ms - direct.p99_ms,
        "requests_per_s": through.per_s,
        "cpu_ms_per_request": 1_000 * one.cpu_s / max(1, through.requests),
    }


def stream_figures(direct: FirstWords, through: FirstWords) -> Figures:
    """What the first word of a stream waits longer, with an interval; nothing when no stream came whole."""
    if not direct.times_ms or not through.times_ms:
        return {}
    added_p50, added_p99 = np.percentile(through.times_ms, [50, 99]) - np.percentile(direct.times_ms, [50, 99])
    return {
        "added_first_token_ms": _rounded(added_p50),
        "added_first_token_interval": _median_interval(direct.times_ms, through.times_ms),
        "added_first_token_p99_ms": _rounded(added_p99),
    }


def _median_interval(before: Sequence[float], after: Sequence[float]) -> tuple[float, float]:
    """Where 95 % of resamples put the difference of the medians; the same times give the same interval."""
    dice = np.random.default_rng(0)
    first, second = (np.median(dice.choice(times, (RESAMPLES, len(times))), axis=1) for times in (before, after))
    return _range(np.quantile(second - first, [0.025, 0.975]))


def _range(values: Sequence[float] | NDArray[np.float64]) -> tuple[float, float]:
    return _rounded(min(values)), _rounded(max(values))


def soak_figures(soak: Soak) -> Figures:
    """Memory at the end, and how much more that is than before, in percent."""
    first, last = soak.rss_mb[0], soak.rss_mb[-1]
    return {
        "rss_start_mb": round(first, 1),
        "rss_mb": round(last, 1),
        "rss_growth_percent": round(100 * (last / first - 1), 1),
        "soaked_requests": soak.requests,
        "upstream_per_request": round(soak.asked_upstream / max(1, soak.requests), 3),
    }


def headline(by_connections: Mapping[str, Figures]) -> Figures:
    """The figures that the bars are set for; a number of connections that was not measured is left out."""
    latency = by_connections.get(str(LATENCY_AT), {})
    throughput = by_connections.get(str(THROUGHPUT_AT), {})
    chosen = {key: latency.get(key) for key in ("added_p50_ms", "added_p99_ms")}
    chosen |= {key: throughput.get(key) for key in ("cpu_ms_per_request", "requests_per_s")}
    return {key: value for key, value in chosen.items() if value is not None}


def ratios(ours: Figures, theirs: Figures) -> Figures:
    """Ours divided by theirs, of every figure that both have and theirs is above zero."""
    keys = ("added_p50_ms", "added_p99_ms", "cpu_ms_per_request", "requests_per_s", "added_first_token_ms", "rss_mb")
    return {key: round(ours[key] / theirs[key], 3) for key in keys if key in ours and theirs.get(key, 0) > 0}


def find_failures(measured: Mapping[str, Figures]) -> dict[str, str]:
    """Why a gateway's figures cannot stand, by its name."""
    reasons = {name: _find_failure(figures) for name, figures in measured.items()}
    return {name: reason for name, reason in reasons.items() if reason}


def _find_failure(figures: Figures) -> str:
    if "unavailable" in figures:
        return str(figures["unavailable"])
    if figures["errors"]:
        return f"{figures['errors']:,} of {figures['requests']:,} requests failed"
    lost = max(_lost(figures, "requests", "recorded"), _lost(figures, "streams", "streams_recorded"))
    return f"{lost:,} of {figures['requests']:,} requests are not in the ledger" if lost else ""


def _lost(figures: Figures, asked: str, recorded: str) -> int:
    """How many fewer were recorded than asked; of a gateway without a ledger, none.

    wrk ends in the middle of requests it does not count, which may hide a loss. No stream is cut off.
    """
    return max(0, figures[asked] - figures[recorded]) if recorded in figures else 0


def _rounded(value: float) -> float:
    return round(float(value), 3)
