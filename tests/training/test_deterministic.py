"""`Run(deterministic=True)`, however a run is started."""

import os
import subprocess
import sys

import jax
import pytest

from qohort.errors import QohortError
from qohort.training.deterministic import FLAG, be_deterministic

SCRIPT = """
import os, sys
import jax
import qohort
from qohort import Run, ValueDecomposition, train
if sys.argv[1] == "late":
    jax.numpy.zeros(1)
try:
    train(ValueDecomposition(), "no/world", Run(deterministic=True))
except qohort.errors.QohortError as error:
    print(error)
print(os.environ["XLA_FLAGS"])
"""


@pytest.mark.parametrize(("when", "flags"), [("early", f"--xla_dump_to=x {FLAG}"), ("late", "--xla_dump_to=x")])
def test_a_run_from_python_sets_the_flag_while_it_counts(when, flags, tmp_path):
    """Before the world is made; late on a CPU, it needs nothing."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, when],
        env={**os.environ, "XLA_FLAGS": "--xla_dump_to=x", "JAX_PLATFORMS": "cpu"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    refusal, said = done.stdout.splitlines()
    assert "no world called 'no/world'" in refusal
    assert said == flags


def test_too_late_is_a_sentence(monkeypatch):
    jax.devices()
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    monkeypatch.setenv("XLA_FLAGS", "--xla_dump_to=x")
    with pytest.raises(QohortError, match=f"JAX is in use already without {FLAG}, which it reads once"):
        be_deterministic()
    monkeypatch.setenv("XLA_FLAGS", f"--xla_dump_to=x {FLAG}")
    be_deterministic()
