import math

import pytest

from qohort.envs.options import at_least, one_of, within
from qohort.errors import QohortError


def test_what_is_allowed_passes():
    at_least("mine", 1, cars=1, roads=7)
    within("mine", 0.0, 1.0, rate=0.0, chance=1.0)
    within("mine", 0.0, math.inf, price=1e9)
    one_of("mine", ("a", "b"), letter="b")


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: at_least("mine", 1, cars=2, roads=0), "mine: `roads` is 0, but it must be a whole number of at"),
        (lambda: at_least("mine", 0, cars=True), "`cars` is True"),
        (lambda: within("mine", 0.0, 1.0, rate=1.5), r"`rate` is 1\.5, but it must be finite and between 0 and 1\."),
        (lambda: within("mine", 0.0, math.inf, price=-1.0), r"must be finite and at least 0\."),
        (lambda: within("mine", -math.inf, 0.0, cost=2.0), r"must be finite and at most 0\."),
        (lambda: within("mine", 0.0, math.inf, price=math.inf), "`price` is inf"),
        (lambda: within("mine", 0.0, 1.0, price=math.nan), "`price` is nan"),
        (lambda: one_of("mine", ("a", "b"), letter="c"), r"mine: `letter` is 'c', but it must be one of 'a', 'b'\."),
    ],
)
def test_what_is_not_allowed_is_told(call, sentence):
    with pytest.raises(QohortError, match=sentence):
        call()
