"""The closed loop on real weights, in its quick version: the benchmark that the figures come from, run as a program."""

import json
import sys
from pathlib import Path

import anyio

from bench.gateway_product import plain_environment
from bench.training import BARS

LONGEST_S = 1_500.0


async def test_facts_go_in_as_interactions_and_a_measured_version_comes_out(tmp_path: Path) -> None:
    figures = tmp_path / "figures.json"
    house = tmp_path / "house"
    parts = ["--quick", "--only", "loop", "--keep", str(house), "--json", str(figures)]
    command = [sys.executable, "-m", "bench", "training", *parts]

    with anyio.fail_after(LONGEST_S):
        done = await anyio.run_process(command, env=plain_environment(), check=False)

    assert done.returncode == 0, done.stderr.decode()
    told = json.loads(figures.read_text())
    assert told["base_accuracy"] <= 0.2
    assert told["tuned_accuracy"] >= 0.5
    assert told["regression_delta"] <= BARS["regression_delta"]
    assert told["document_delta"] <= BARS["document_delta"]
    assert told["stage"] == "serving", told["why"]
    assert told["answered_by"].endswith("+v1")
    assert {name.partition("+")[2] for name in told["answered_on_trial"]} == {"", "v1"}
    assert told["failed_requests"] == 0
    [manifest] = (house / "loop" / "runs").glob("*/manifest.json")
    made = json.loads(manifest.read_bytes())
    assert 0.85 < made["checks"]["gguf"]["reproduced"] < 1.15
    assert made["metrics"]["document_nll_before"] > 0
