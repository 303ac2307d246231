"""Variants are compared by the tags of what was answered."""

from collections.abc import AsyncGenerator
from datetime import timedelta
from pathlib import Path

import pytest

from hybrid_coordinator.errors import BadInput
from hybrid_coordinator.flows.experiments import VariantComparer
from hybrid_coordinator.logic.experiment_verdicts import ExperimentPolicy
from teaching import FAILURE, NOON, Classroom, answered, open_classroom


@pytest.fixture
async def classroom(tmp_path: Path) -> AsyncGenerator[Classroom]:
    async with open_classroom(tmp_path) as opened:
        yield opened


async def test_answers_are_compared_by_their_variant(classroom: Classroom) -> None:
    for number in range(40):
        await classroom.record(
            answered(number, session=f"s{number}", tags=("variant:a", "x")),
            answered(100 + number, session=f"t{number}", tags=("variant:b",), outcome=FAILURE, value=0.2),
            answered(200 + number, session=f"u{number}", tags=("variant:ab",), outcome=FAILURE, value=0.2),
        )
    comparer = VariantComparer(classroom.ledger, ExperimentPolicy())

    made = await comparer.compare("a", "b")
    late = await comparer.compare("a", "b", since=NOON + timedelta(minutes=90))

    assert (made.success.a.answers, made.success.b.answers, made.verdict) == (40, 40, "a is better")
    assert (late.success.a.answers, late.success.b.answers) == (0, 40)


async def test_a_variant_that_nobody_met_has_no_answers(classroom: Classroom) -> None:
    made = await VariantComparer(classroom.ledger, ExperimentPolicy()).compare("a", "b")

    assert made.success.difference is None
    assert made.verdict.startswith("no difference shown yet")


@pytest.mark.parametrize("names", [("a", "a"), ("", "b"), ("a", "b c"), ("a", "x" * 65)])
async def test_names_that_name_no_two_variants_are_refused(classroom: Classroom, names: tuple[str, str]) -> None:
    with pytest.raises(BadInput):
        await VariantComparer(classroom.ledger, ExperimentPolicy()).compare(*names)
