"""The rule of drivers who know everything, and a team that is silenced."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from benchmarks.junction_rule import give_way, played
from benchmarks.silence import silenced
from qohort import Recurrent, Talking, ValueDecomposition
from qohort.envs.traffic import TrafficJunction, TrafficState
from qohort.errors import QohortError
from qohort.networks.base import View
from qohort.networks.talking import TalkingTeam
from qohort.training.load import LoadedTeam

QUIET = TrafficJunction(cars=4, add_rate=0.0)
WAIT, GAS, BRAKE = range(3)


def traffic(*cars: tuple[int, int]) -> TrafficState:
    """Cars by route and place; routes of the easy junction lead down (0) and to the right (1), and meet at place 3."""
    route, place = jnp.array([*cars, *[(-1, 0)] * (4 - len(cars))], jnp.int32).T
    zero = jnp.int32(0)
    none = jnp.zeros(4, jnp.int32)
    return TrafficState(route, place, none, none.astype(bool), zero, zero, zero, jnp.float32(0))


@pytest.mark.parametrize(
    ("cars", "actions"),
    [
        (((0, 2), (1, 2)), [GAS, BRAKE, WAIT, WAIT]),  # of equals the first
        (((0, 2), (1, 3)), [GAS, GAS, WAIT, WAIT]),
        (((0, 2), (1, 2), (1, 1), (1, 0)), [GAS, BRAKE, BRAKE, BRAKE]),  # who stays is not driven into
        (((0, 6), (1, 6)), [GAS, GAS, WAIT, WAIT]),  # both leave
    ],
)
def test_nobody_drives_where_somebody_will_be(cars: tuple, actions: list[int]) -> None:
    assert give_way(QUIET, traffic(*cars)).tolist() == actions


def test_who_knows_everything_meets_nobody_but_those_who_arrive() -> None:
    env = TrafficJunction(difficulty="hard")
    assert played(env, "give way", 50)["collisions"].mean() < 0.1
    assert played(env, "drive on", 50)["collisions"].mean() > 10


def test_a_silenced_team_hears_nothing_and_is_otherwise_the_same() -> None:
    spec, key = QUIET.spec, jax.random.key(0)
    network = Talking(rounds=2, hidden=8).build(spec, key)
    team = silenced(LoadedTeam(ValueDecomposition(), network, spec, step=0))
    rng = np.random.default_rng(0)
    seen = View(
        obs=jnp.array(rng.normal(size=(1, 1, 4, spec.obs_size)), jnp.float32),
        avail=jnp.ones((1, 1, 4, 3), bool),
        alive=jnp.ones((1, 1, 4), bool),
        last_action=jnp.zeros((1, 1, 4), jnp.int32),
    )
    _, heard = network(network.initial(1), seen, jnp.ones((1, 1), bool))
    _, mute = team.network(team.network.initial(1), seen, jnp.ones((1, 1), bool))
    assert np.abs(np.asarray(heard.heard)).max() > 0
    assert not np.asarray(mute.heard).any()

    def other(talking: TalkingTeam) -> list:
        return [talking.fc1, talking.gru, talking.fc2, talking.merge, talking.channel and talking.channel.query]

    assert isinstance(team.network, TalkingTeam)
    assert eqx.tree_equal(other(team.network), other(network))


def test_who_does_not_talk_is_not_silenced() -> None:
    network = Recurrent(hidden=8).build(QUIET.spec, jax.random.key(0))
    with pytest.raises(QohortError, match="does not talk"):
        silenced(LoadedTeam(ValueDecomposition(), network, QUIET.spec, step=0))
