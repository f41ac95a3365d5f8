"""Limits of settings."""

from typing import Literal

import pytest

from qohort.errors import QohortError
from qohort.limits import above, at_least, one_of, share

NAN = float("nan")


def test_what_is_within_the_limits_passes_and_so_does_none():
    at_least(1, heads=1, width=None)
    above(0, rate=1e-9, clip=None)
    share(low=0, high=1.0, unset=None)
    one_of(Literal[1, 2], layers=2)


@pytest.mark.parametrize(
    ("refuse", "said"),
    [
        (lambda: at_least(1, heads=2, width=0), "^width is 0; it must be at least 1.$"),
        (lambda: at_least(0, penalty=NAN), "^penalty is nan; it must be at least 0.$"),
        (lambda: at_least(1, of="feed", batch=0), "^feed.batch is 0; it must be at least 1.$"),
        (lambda: above(0, rate=0.0), "^rate is 0.0; it must be greater than 0.$"),
        (lambda: above(0, rate=NAN), "^rate is nan; it must be greater than 0.$"),
        (lambda: share(gamma=1.01), "^gamma is 1.01; it must lie between 0 and 1.$"),
        (lambda: share(gamma=NAN), "^gamma is nan; it must lie between 0 and 1.$"),
        (lambda: one_of(Literal[1, 2], of="QMIX", layers=3), "^QMIX.layers is 3; choose one of 1, 2.$"),
    ],
)
def test_a_refusal_names_the_setting_its_value_and_the_limit(refuse, said):
    with pytest.raises(QohortError, match=said):
        refuse()
