"""Settings for the whole suite: types are executed, silent broadcasting raises, programs are cached."""

import gc
import os
import pathlib
from collections.abc import Iterator

os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(pathlib.Path(__file__).parent.parent / ".cache" / "jax-tests"))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.3")

import jax  # the variables above must be set first
import pytest

jax.config.update("jax_numpy_rank_promotion", "raise")

MAPPINGS = pathlib.Path("/proc/self/maps")
MANY_MAPPINGS = 15_000
"""Compiled programs take several each; Linux kills a process that wants more than 65,530."""


@pytest.fixture(autouse=True, scope="module")
def _programs_are_let_go() -> Iterator[None]:
    """Forget compiled programs when there are very many; they are in the cache on disk."""
    yield
    if MAPPINGS.exists() and MAPPINGS.read_bytes().count(b"\n") > MANY_MAPPINGS:
        jax.clear_caches()
        gc.collect()
