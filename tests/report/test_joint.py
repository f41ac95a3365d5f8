"""What a mixer made of an episode's utilities, against numbers worked out by hand."""

import jax
import jax.numpy as jnp
import numpy as np

from qohort.algorithms.joint import blank
from qohort.envs.games import Relay
from qohort.mixers import QMIX, VDN, Independent, Qatten
from qohort.mixers.base import AbstractMixerConfig
from qohort.report.episode import discounted
from qohort.report.joint import Joint, joint

SPEC = Relay(runners=2, leg=2, slack=2).spec
CHOSEN = np.array([[1.0, -2.0], [0.5, 4.0]], np.float32)


def made(config: AbstractMixerConfig) -> Joint:
    mixer = config.build(SPEC, jax.random.key(3))
    moments = jax.tree.map(
        lambda leaf: jnp.stack([leaf, leaf + 1]) if leaf.dtype != bool else jnp.stack([leaf] * 2), blank(SPEC)
    )
    return joint(mixer, jnp.asarray(CHOSEN), moments, jnp.zeros((2, 2), jnp.int32))


def rest_of(told: Joint) -> np.ndarray:
    rest = told.rest(CHOSEN)
    assert rest is not None
    return rest


def slopes_of(told: Joint) -> np.ndarray:
    assert told.slopes is not None
    return told.slopes


def test_a_sum_counts_everyone_once():
    told = made(VDN())
    np.testing.assert_allclose(told.q_tot, [[-1.0], [4.5]])
    np.testing.assert_array_equal(slopes_of(told), np.ones((2, 2)))
    np.testing.assert_allclose(rest_of(told), [0, 0], atol=1e-6)


def test_the_weight_of_an_agent_is_what_all_heads_give_it():
    told = made(Qatten(heads=3, embed=4, weighted_head=True))
    weights = np.einsum("th,thn->tn", told.aux["head_weights"], told.aux["attention"])
    np.testing.assert_allclose(slopes_of(told), weights, rtol=1e-5)
    np.testing.assert_allclose(rest_of(told), told.aux["state_value"], atol=1e-5)


def test_where_utilities_bend_the_value_the_weight_is_its_slope():
    config = QMIX(embed=4)
    told, mixer = made(config), config.build(SPEC, jax.random.key(3))

    def value(chosen: jax.Array) -> float:
        return float(mixer(chosen, chosen, blank(SPEC), jnp.zeros(2, jnp.int32)).q_tot[0])

    step = 1e-2
    for agent in range(2):
        more, less = (jnp.asarray(CHOSEN[0]).at[agent].add(by) for by in (step, -step))
        np.testing.assert_allclose(slopes_of(told)[0, agent], (value(more) - value(less)) / (2 * step), atol=1e-3)


def test_where_nothing_is_mixed_nobody_has_a_weight():
    told = made(Independent())
    np.testing.assert_array_equal(told.q_tot, CHOSEN)
    assert told.slopes is None
    assert told.rest(CHOSEN) is None


def test_what_follows_is_discounted():
    rewards = np.array([[1.0, 0.0], [0.0, 4.0], [2.0, -8.0]])
    np.testing.assert_allclose(discounted(rewards, 0.5), [[1.5, 0.0], [1.0, 0.0], [2.0, -8.0]])
