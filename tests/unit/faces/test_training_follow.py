"""What the command line waits for when it follows a run."""

from collections.abc import AsyncGenerator
from typing import Any

import click
import pytest

from hybrid_coordinator.faces.cli.training import _follow

RUN = {
    "event": "run",
    "id": "run-1",
    "state": "running",
    "error": "",
    "rows": 1_250,
    "pairs": 8,
    "stage": "train",
    "done": 1,
    "total": 2,
    "seconds_left": 9.0,
}
MEASURED = {
    "event": "version",
    "doing": "73 questions left",
    "is_waiting": False,
    "name": "v1",
    "stage": "candidate",
    "decision": None,
}


async def telling(*events: dict[str, Any]) -> AsyncGenerator[dict[str, Any], None]:
    for event in events:
        yield event


@pytest.mark.parametrize("end", [{"stage": "held", "decision": "hold"}, {"stage": "candidate", "decision": "promote"}])
async def test_a_version_that_is_still_measured_is_not_the_end(end: dict[str, Any]) -> None:
    told = await _follow(telling(RUN, MEASURED, MEASURED, MEASURED | end))

    assert told == {"name": "v1"} | end


async def test_an_end_without_a_decision_is_an_error() -> None:
    with pytest.raises(click.ClickException, match="train --status run-1"):
        await _follow(telling(RUN, MEASURED))


async def test_a_log_gets_a_line_as_each_stage_begins(capsys: pytest.CaptureFixture[str]) -> None:
    loading = RUN | {"stage": "load", "seconds_left": None}
    left = [MEASURED | {"doing": f"{number} questions left"} for number in (73, 72)]
    waits = MEASURED | {"doing": "the model is away", "is_waiting": True}

    await _follow(
        telling(loading, loading, RUN, RUN | {"done": 2}, *left, waits, waits, MEASURED | {"decision": "hold"})
    )

    assert capsys.readouterr().err.splitlines() == [
        "run run-1: 1,250 rows, 8 pairs",
        "loading the base",
        "training, about 9 s left",
        "measuring: 73 questions left",
        "waiting: the model is away",
    ]
