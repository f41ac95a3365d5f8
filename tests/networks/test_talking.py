"""Agents that talk: attention by hand, gradients by finite differences, and who hears whom."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from qohort.algorithms.value_decomposition import ValueDecomposition
from qohort.errors import QohortError
from qohort.networks import Recurrent, Talking
from qohort.networks.base import View
from qohort.networks.talking import Channel, TalkingTeam
from qohort.spec import EnvSpec
from qohort.training.load import LoadedTeam

T, B, N, A, O = 2, 2, 3, 2, 4  # noqa: E741  (the axis glossary)
SMALL = Talking(hidden=5, signature=3, message=4)


def names(prefix, count):
    return tuple(f"{prefix}{i}" for i in range(count))


SPEC = EnvSpec(
    name="test/talk",
    agents=names("agent", N),
    actions=names("action", A),
    obs_features=names("o", O),
    state_features=names("s", 2),
    unit_features=names("u", 2),
    limit=9,
)


def built(config: Talking) -> TalkingTeam:
    return config.build(SPEC, jax.random.key(0))


def make_view(steps: int = T) -> View:
    rng = np.random.default_rng(0)
    return View(
        obs=jnp.asarray(rng.normal(size=(steps, B, N, O)), float),
        avail=jnp.ones((steps, B, N, A), bool),
        alive=jnp.ones((steps, B, N), bool),
        last_action=jnp.asarray(rng.integers(-1, A, size=(steps, B, N)), jnp.int32),
    )


def begins(steps: int = T) -> jax.Array:
    return jnp.zeros((steps, B), bool).at[0].set(True)


@eqx.filter_jit
def read(team: TalkingTeam, view: View, first: jax.Array) -> jax.Array:
    return team(team.initial(B), view, first)[0].values


def with_obs(view: View, *, agent: int, step: int, by: float = 1.0) -> View:
    return dataclasses.replace(view, obs=view.obs.at[step, :, agent].add(by))


def test_attention_worked_out_by_hand():
    """Queries 2 and 0 score signatures 0 and log(3)/2 with 0, log 3 and with 0, 0; the third agent is dead."""
    channel = Channel(Talking(hidden=3, signature=1, message=1), jax.random.key(0))

    def layer(*row: float) -> eqx.nn.Linear:
        return eqx.tree_at(lambda held: held.weight, channel.signature, jnp.asarray([row]))

    log3 = float(np.log(3.0))
    channel = eqx.tree_at(
        lambda held: (held.query, held.signature, held.message),
        channel,
        (layer(1.0, 0.0, 0.0), layer(0.0, 1.0, 0.0), layer(0.0, 0.0, 1.0)),
    )
    hidden = jnp.asarray([[[2.0, 0.0, 10.0], [0.0, log3 / 2, 20.0], [9.0, 9.0, 1e6]]])
    heard, weights = channel(hidden, jnp.asarray([[True, True, False]]))
    np.testing.assert_allclose(weights[0, 0], [0.25, 0.75, 0.0], rtol=1e-6)
    np.testing.assert_allclose(weights[0, 1], [0.5, 0.5, 0.0], rtol=1e-6)
    np.testing.assert_allclose(heard[0, :2, 0], [17.5, 15.0], rtol=1e-6)
    silence, nobody = channel(hidden, jnp.zeros((1, N), bool))
    assert not np.any(silence)
    assert not np.any(nobody)


def test_gradients_go_through_messages_and_time():
    """In double precision, against finite differences: through two steps and two rounds, for weights and for sights."""
    with jax.enable_x64(True):
        view, first = make_view(), begins()
        team = built(dataclasses.replace(SMALL, rounds=2))

        @eqx.filter_jit
        def loss(team: TalkingTeam, obs: jax.Array) -> jax.Array:
            out = team(team.initial(B), dataclasses.replace(view, obs=obs), first)[0]
            return jnp.sum(jnp.sin(out.values[-1, :, 0]))

        gradient = eqx.filter_jit(jax.grad(loss, argnums=(0, 1)))(team, view.obs)
        rng = np.random.default_rng(1)
        leaves, tree = jax.tree.flatten((team, view.obs))
        for index, (leaf, slope) in enumerate(zip(leaves, jax.tree.leaves(gradient), strict=True)):
            direction = jnp.asarray(rng.normal(size=leaf.shape))
            ahead, behind = (
                loss(*jax.tree.unflatten(tree, [*leaves[:index], leaf + h * direction, *leaves[index + 1 :]]))
                for h in (1e-6, -1e-6)
            )
            assert float((ahead - behind) / 2e-6) == pytest.approx(
                float(jnp.sum(slope * direction)), rel=1e-5, abs=1e-9
            )
        first_sights_of_others = gradient[1][0, :, 1:]
        assert float(jnp.min(jnp.abs(first_sights_of_others))) > 1e-9


@pytest.mark.parametrize("rounds", [1, 2])
def test_cut_messages_carry_no_gradient(rounds):
    view, first = make_view(), begins()
    team = built(dataclasses.replace(SMALL, rounds=rounds, through_messages=False))

    @jax.grad
    def slope(obs: jax.Array) -> jax.Array:
        return jnp.sum(read(team, dataclasses.replace(view, obs=obs), first)[-1, :, 0])

    of_others = slope(view.obs)[:, :, 1:]
    assert not np.any(of_others)
    told = read(team, with_obs(view, agent=1, step=0), first)[-1, :, 0]
    assert not np.allclose(told, read(team, view, first)[-1, :, 0], atol=1e-6)


@pytest.mark.parametrize("rounds", [1, 2])
def test_who_hears_itself_alone_learns_nothing_from_others(rounds):
    view, first = make_view(), begins()
    team = built(dataclasses.replace(SMALL, rounds=rounds, hears="itself"))
    before = read(team, view, first)[:, :, 0]
    assert np.array_equal(before, read(team, with_obs(view, agent=1, step=0), first)[:, :, 0])
    assert not np.array_equal(before, read(team, with_obs(view, agent=0, step=0), first)[:, :, 0])
    weights = team(team.initial(B), view, first)[0].aux["heard"]
    assert np.array_equal(weights, np.broadcast_to(np.eye(N), weights.shape))
    spoken = built(dataclasses.replace(SMALL, rounds=rounds))
    assert [leaf.shape for leaf in jax.tree.leaves(spoken)] == [leaf.shape for leaf in jax.tree.leaves(team)]


@pytest.mark.parametrize("rounds", [0, 1, 2])
def test_when_a_message_is_heard(rounds):
    """One round: in the next step. Two: at once. None: never."""
    view, first = make_view(), begins()
    team = built(dataclasses.replace(SMALL, rounds=rounds))
    before, after = (read(team, v, first)[:, :, 0] for v in (view, with_obs(view, agent=1, step=0)))
    changed = [not np.array_equal(before[t], after[t]) for t in range(T)]
    assert changed == {0: [False, False], 1: [False, True], 2: [True, True]}[rounds]
    assert team.talks == (rounds > 0)


def test_nobody_hears_the_dead():
    view, first = make_view(), begins()
    view = dataclasses.replace(view, alive=view.alive.at[0, :, 1].set(False))
    team = built(dataclasses.replace(SMALL, rounds=2))
    others = np.array([0, 2])
    before, after = (read(team, v, first)[0][:, others] for v in (view, with_obs(view, agent=1, step=0)))
    np.testing.assert_array_equal(before, after)
    heard = read(team, with_obs(view, agent=2, step=0), first)[0][:, 0]
    assert not np.array_equal(heard, before[:, 0])


def test_agents_may_change_places():
    view, first = make_view(), begins()
    view = dataclasses.replace(view, alive=view.alive.at[1, 0, 2].set(False))
    team = built(dataclasses.replace(SMALL, rounds=2, agent_id=False))
    order = np.array([2, 0, 1])
    turned = jax.tree.map(lambda leaf: leaf[:, :, order], view)
    np.testing.assert_allclose(read(team, turned, first), read(team, view, first)[:, :, order], rtol=1e-5, atol=1e-6)


def test_an_episode_begins_in_silence():
    """What was said before the beginning is not heard after it; and steps one by one are the stretch."""
    view, team = make_view(4), built(SMALL)
    first = begins(4).at[2, 0].set(True)
    whole = read(team, view, first)
    later = jax.tree.map(lambda leaf: leaf[2:], view)
    np.testing.assert_allclose(whole[2:, 0], read(team, later, begins(2))[:, 0], rtol=1e-5, atol=1e-6)
    carry, values = team.initial(B), []
    for t in range(4):
        out, carry = team(carry, jax.tree.map(lambda leaf, t=t: leaf[t : t + 1], view), first[t : t + 1])
        values.append(out.values[0])
    np.testing.assert_allclose(whole, jnp.stack(values), rtol=1e-5, atol=1e-6)
    assert all(leaf.shape[:2] == (B, N) for leaf in jax.tree.leaves(carry))


def test_without_rounds_it_is_the_recurrent_team():
    view, first = make_view(), begins()
    silent = built(dataclasses.replace(SMALL, rounds=0))
    recurrent = Recurrent(hidden=5).build(SPEC, jax.random.key(1))
    agent = eqx.tree_at(lambda a: (a.fc1, a.gru, a.fc2), recurrent.agent, (silent.fc1, silent.gru, silent.fc2))
    wanted = dataclasses.replace(recurrent, agent=agent)
    values = wanted(wanted.initial(B), view, first)[0].values
    np.testing.assert_allclose(read(silent, view, first), values, rtol=1e-5, atol=1e-6)


def test_no_agent_acts_without_the_others():
    for rounds in (0, 1):
        loaded = LoadedTeam(ValueDecomposition(), built(dataclasses.replace(SMALL, rounds=rounds)), SPEC, step=0)
        if rounds:
            with pytest.raises(QohortError, match="send each other messages"):
                loaded.agent("agent1")
        else:
            loaded.agent("agent1")


@pytest.mark.parametrize(("field", "value"), [("rounds", -1), ("signature", 0), ("message", 0), ("hidden", 0)])
def test_sizes_that_cannot_be(field, value):
    with pytest.raises(QohortError, match=f"Talking.{field} is {value}"):
        dataclasses.replace(SMALL, **{field: value})
