"""How often a run that goes on is evaluated, and what its settings may be."""

import dataclasses

import pytest

from qohort.errors import QohortError
from qohort.training.run import Run, going_on, grid_of

SHORT = Run(steps=3_000)


@pytest.mark.parametrize(
    ("before", "now", "every"),
    [
        (SHORT, Run(steps=6_000), 3_000),  # from the start it would be 6,000
        (SHORT, Run(steps=6_000, eval_every=6_000), 6_000),  # asked for
        (SHORT, Run(steps=3_000), 3_000),
        (SHORT, Run(steps=4_000), 3_000),
        (Run(steps=20_000), Run(steps=40_000), 10_000),
        (Run(steps=20_000), Run(steps=25_000), 10_000),
        (Run(steps=3_000, eval_every=500), Run(steps=6_000), 500),
    ],
)
def test_intervals_of_a_run_that_goes_on(before, now, every):
    run = going_on(now, before, 10)
    assert grid_of(run, 10).eval_every == every
    assert (run == now) == (grid_of(now, 10).eval_every == every)  # what would be the same is not written down


def test_lines_of_metrics_come_as_often_as_before():
    before = dataclasses.replace(SHORT, log_every=1_000)
    assert grid_of(going_on(Run(steps=6_000), before, 10), 10).log_every == 1_000
    assert grid_of(going_on(Run(steps=6_000, log_every=1_500), before, 10), 10).log_every == 1_500


def test_the_intervals_of_another_run_are_nobody_s_business():
    run = Run(steps=6_000)
    assert going_on(run, Run(steps=3_000, eval_every=500), 7) == run
    assert going_on(run, dataclasses.replace(SHORT, chunk=10), 10) == run


@pytest.mark.parametrize("name", ["steps", "eval_every", "log_every", "absolute_factor"])
def test_settings_are_refused_by_the_names_of_their_flags(name):
    with pytest.raises(QohortError, match=f"^--{name.replace('_', '-')} is 0; it must be at least 1"):
        dataclasses.replace(Run(), **{name: 0})
