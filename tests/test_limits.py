"""Limits of settings."""

import subprocess
import sys
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


MISSPELT = """
import dataclasses
import typing

from qohort.errors import QohortError
from qohort.mixers import VDN
from qohort.training.known import CONFIG_CLASSES

tried = 0
for kind in CONFIG_CLASSES.values():
    needed = {"mixer": VDN()} if "mixer" in {f.name for f in dataclasses.fields(kind)} else {}
    for name, hint in typing.get_type_hints(kind).items():
        if typing.get_origin(hint) is typing.Literal and name in {f.name for f in dataclasses.fields(kind)}:
            tried += 1
            try:
                kind(**needed, **{name: "no such thing"})
            except QohortError as error:
                assert f"{name} is 'no such thing'; choose one of " in str(error), error
            else:
                raise SystemExit(f"{kind.__name__}.{name} may be anything")
print(tried)
"""


KINDS = """
import numpy as np
import qohort

for make, said in (
    (lambda: qohort.ValueDecomposition(mixer="qmix"), "mixer is 'qmix'; it must be Independent or VDN or QMIX"),
    (lambda: qohort.ValueDecomposition(mixer=qohort.Qatten), "mixer is the class Qatten, not made yet: Qatten();"),
    (lambda: qohort.Run(steps="100"), "run.steps is '100'; it must be a whole number."),
    (lambda: qohort.Run(steps=100.5), "run.steps is 100.5; it must be a whole number."),
    (lambda: qohort.train("qmix", "games/and"), "The algorithm is 'qmix'; it must be settings"),
    (lambda: qohort.train(qohort.ValueDecomposition(mixer=qohort.VDN()), "games/and", 5), "The run is 5; it must be"),
):
    try:
        make()
    except qohort.QohortError as error:
        assert said in str(error), error
    else:
        raise SystemExit(f"not refused: {said}")
qohort.ValueDecomposition(mixer=qohort.VDN(), gamma=np.float32(0.5), environments=np.int64(2))
"""


def test_a_setting_of_another_kind_is_refused():
    done = subprocess.run([sys.executable, "-c", KINDS], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_misspelt_choice_is_refused_wherever_there_is_one():
    """In a process of its own: here types are checked before a setting sees its values."""
    done = subprocess.run([sys.executable, "-c", MISSPELT], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 20
