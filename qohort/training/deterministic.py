"""Equal bits on a GPU."""

import os

import jax

from qohort.errors import QohortError

FLAG = "--xla_gpu_deterministic_ops=true"


def be_deterministic() -> None:
    """Only deterministic operations on a GPU; XLA reads this once, when JAX is first used. A CPU needs nothing."""
    flags = os.environ.get("XLA_FLAGS", "").split()
    if FLAG in flags:
        return
    from jax._src import xla_bridge  # JAX says nowhere else whether it is in use; only who asks for this depends on it

    if not xla_bridge.backends_are_initialized():
        os.environ["XLA_FLAGS"] = " ".join([*flags, FLAG])
    elif jax.default_backend() != "cpu":
        raise QohortError(
            f"`deterministic` is asked for, and JAX is in use already without {FLAG}, which it reads once. Train "
            f"before anything else is computed in this process, or start it with XLA_FLAGS={FLAG}."
        )
