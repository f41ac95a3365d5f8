"""Every registered world keeps the contract."""

import jax
import pytest

from qohort.envs import check_env, make, names
from qohort.envs.battle import Battle

EVERY_SORT = {f"battle/{name}" for name in ("3m", "MMM", "1c3s5z", "so_many_baneling", "2c_vs_64zg", "terran_5_vs_5")}
"""Battles that have all mechanics and all sorts of starts among them."""
ALIKE = {
    "games/gaussian-squeeze",
    *(f"pursuit/{name}" for name in ("qtran-prey-7x7", "qtran-prey-300", "stag-hunt-100", "stag-hunt-300")),
    *(f"foraging/{name}" for name in ("8x8-2p-2f-coop", "10x10-3p-3f", "10x10-3p-3f-2s")),
    *(f"foraging/{name}" for name in ("15x15-3p-5f", "15x15-4p-3f", "15x15-4p-5f")),
}
"""Worlds that differ from another one in numbers only."""
NEEDS_OPTIONS = "battle/custom"


def quick(name: str) -> bool:
    return name in EVERY_SORT or not (name.startswith("battle/") or name in ALIKE)


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=() if quick(name) else pytest.mark.slow) for name in names() if name != NEEDS_OPTIONS],
)
def test_world_keeps_the_contract(name):
    env = make(name)
    assert env.spec.name == name
    check_env(env)


@pytest.mark.parametrize("name", sorted(EVERY_SORT | {"battle/27m_vs_30m"}))
def test_a_moment_of_a_battle_takes_at_most_32_bytes_per_unit(name):
    env = make(name, conic_fov=name == "battle/terran_5_vs_5", prob_obs_enemy=0.5)
    assert isinstance(env, Battle)
    snapshot = jax.eval_shape(lambda key: env.snapshot(env.reset(key)), jax.random.key(0))
    units = env.face.n_allies + env.face.n_enemies
    assert sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(snapshot)) <= 32 * units
