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
    "stage": "train",
    "done": 1,
    "total": 2,
    "seconds_left": 9.0,
}
MEASURED = {"event": "version", "name": "v1", "stage": "candidate", "decision": None, "why": "73 questions left"}


async def telling(*events: dict[str, Any]) -> AsyncGenerator[dict[str, Any], None]:
    for event in events:
        yield event


@pytest.mark.parametrize("end", [{"stage": "held", "decision": "hold"}, {"stage": "candidate", "decision": "promote"}])
async def test_a_version_that_is_still_measured_is_not_the_end(end: dict[str, Any]) -> None:
    told = await _follow(telling(RUN, MEASURED, MEASURED, MEASURED | end))

    assert (told["stage"], told["decision"]) == (end["stage"], end["decision"])


async def test_an_end_without_a_decision_is_an_error() -> None:
    with pytest.raises(click.ClickException, match="train --status run-1"):
        await _follow(telling(RUN, MEASURED))


async def test_a_log_gets_a_line_as_each_stage_begins(capsys: pytest.CaptureFixture[str]) -> None:
    loading = RUN | {"stage": "load", "seconds_left": None}
    left = [MEASURED | {"why": f"{number} questions left"} for number in (73, 72)]

    await _follow(telling(loading, loading, RUN, RUN | {"done": 2}, *left, MEASURED | {"decision": "hold"}))

    assert capsys.readouterr().err.splitlines() == [
        "loading the base",
        "training, about 9 s left",
        "measuring, 73 questions left",
    ]
