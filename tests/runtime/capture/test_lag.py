from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digits_runtime.capture.lag import _DRIFT, Lag


@given(st.floats(-1e4, 1e4), st.lists(st.floats(0, 1), min_size=1, max_size=50))
def test_a_frame_is_as_far_behind_as_it_waited_longer_than_the_quickest(
    epoch: float, waits: list[float]
) -> None:
    lag = Lag()
    for number, wait in enumerate(waits):
        taken = number / 30
        expected = wait - min(waits[: number + 1])
        behind = lag.behind(taken + epoch, 50 + taken + wait)
        passed = taken + max(waits)
        assert expected - _DRIFT * passed - 1e-6 <= behind <= expected + 1e-6
        assert behind >= 0


def test_a_way_that_stays_longer_counts_as_the_usual_one_in_time() -> None:
    lag = Lag()
    lag.behind(0, 0)
    lag.behind(1, 1.1)
    assert lag.behind(20, 20.1) == 0
    assert lag.interval == 19


def test_a_clock_that_is_set_forward_is_followed_at_once() -> None:
    lag = Lag()
    lag.behind(0, 0)
    assert lag.behind(100, 1) == 0
    assert lag.behind(101, 2) == pytest.approx(0)


def test_a_pause_of_ours_and_what_waited_meanwhile_are_no_drift() -> None:
    lag = Lag()
    for number in range(30):
        lag.behind(number / 30, number / 30)
    waited = [lag.behind(1 + passed / 30, 3 + passed / 3e3) for passed in range(60)]
    assert waited[0] == pytest.approx(2, abs=1e-3)
    assert waited[-1] == pytest.approx(2 + 59 / 3e3 - 59 / 30, abs=2e-3)
