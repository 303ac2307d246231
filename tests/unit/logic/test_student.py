"""Student's distribution agrees with its tables."""

import pytest

from hybrid_coordinator.logic.student import reach_of, within


@pytest.mark.parametrize(
    ("freedom", "reach"),
    [(1, 12.706), (2, 4.303), (5, 2.571), (10, 2.228), (30, 2.042), (120, 1.980), (100_000, 1.960)],
)
def test_95_percent_lie_within_the_tabled_reach(freedom: float, reach: float) -> None:
    assert reach_of(0.95, freedom) == pytest.approx(reach, abs=1e-3)
    assert within(reach, freedom) == pytest.approx(0.95, abs=1e-4)


def test_nothing_lies_within_nothing_and_everything_within_everything() -> None:
    assert within(0.0, 3) == 0.0
    assert within(1e6, 3) == pytest.approx(1.0)


def test_the_side_is_nothing() -> None:
    assert within(-2.0, 7) == within(2.0, 7)
