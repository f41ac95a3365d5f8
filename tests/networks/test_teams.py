"""Teams: what they read, who shares weights, and that time may be cut anywhere."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from qohort.errors import QohortError
from qohort.networks import FeedForward, Recurrent
from qohort.networks.agent import Rows
from qohort.networks.base import View
from qohort.networks.feedforward import FeedForwardAgent
from qohort.networks.recurrent import RecurrentAgent
from qohort.spec import EnvSpec

T, B, N, A, O = 5, 4, 3, 4, 6  # noqa: E741  (the axis glossary)
CONFIGS = (Recurrent, FeedForward)


def names(prefix, count):
    return tuple(f"{prefix}{i}" for i in range(count))


SPEC = EnvSpec(
    name="test/three",
    agents=names("agent", N),
    actions=names("action", A),
    obs_features=names("o", O),
    state_features=names("s", 7),
    unit_features=names("u", 2),
    limit=9,
    groups=("marine", "medivac", "marine"),
)


def make_view(seed=0):
    rng = np.random.default_rng(seed)
    view = View(
        obs=jnp.asarray(rng.normal(size=(T, B, N, O)), jnp.float32),
        avail=jnp.ones((T, B, N, A), bool),
        alive=jnp.ones((T, B, N), bool),
        last_action=jnp.asarray(rng.integers(-1, A, size=(T, B, N))),
    )
    first = np.zeros((T, B), bool)
    first[0] = first[2, 1] = True
    return view, jnp.asarray(first)


def built(config, spec=SPEC, seed=0):
    return config.build(spec, jax.random.key(seed))


def read(team, view, first):
    return team(team.initial(B), view, first)[0]


@pytest.mark.parametrize("sharing", ["all", "none", "groups"])
@pytest.mark.parametrize("config", CONFIGS)
def test_shapes(config, sharing):
    view, first = make_view()
    team = built(config(hidden=8, sharing=sharing))
    carry = team.initial(B)
    assert all(leaf.shape[:2] == (B, N) for leaf in jax.tree.leaves(carry))
    output, after = team(carry, view, first)
    assert output.values.shape == (T, B, N, A)
    assert output.features.shape == (T, B, N, 8)
    assert jax.tree.map(jnp.shape, after) == jax.tree.map(jnp.shape, carry)


@pytest.mark.parametrize("sharing", ["all", "none"])
@pytest.mark.parametrize("config", CONFIGS)
def test_steps_one_by_one_are_the_stretch(config, sharing):
    view, first = make_view()
    team = built(config(hidden=8, sharing=sharing))
    whole = read(team, view, first)
    carry, values = team.initial(B), []
    for t in range(T):
        output, carry = team(carry, jax.tree.map(lambda leaf, t=t: leaf[t : t + 1], view), first[t : t + 1])
        values.append(output.values[0])
    np.testing.assert_allclose(whole.values, jnp.stack(values), rtol=1e-5, atol=1e-6)
    if config is Recurrent:
        np.testing.assert_array_equal(whole.features[-1], read(team, view, first).features[-1])
        np.testing.assert_allclose(whole.features[-1], carry, rtol=1e-5, atol=1e-6)


def test_reset_in_the_middle_is_two_unrolls():
    view, _ = make_view()
    first = jnp.zeros((T, B), bool).at[0].set(True).at[3].set(True)
    team = built(Recurrent(hidden=8))
    whole = read(team, view, first).values
    cut = [read(team, jax.tree.map(lambda leaf, s=s: leaf[s], view), first[s]) for s in (slice(0, 3), slice(3, T))]
    np.testing.assert_allclose(whole, jnp.concatenate([part.values for part in cut]), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("config", CONFIGS)
def test_separate_networks_with_equal_weights_are_the_shared_one(config):
    view, first = make_view()
    shared, separate = built(config(hidden=8)), built(config(hidden=8, sharing="none"))
    copied = jax.tree.map(lambda leaf: jnp.stack([leaf] * N), shared.agent)
    separate = dataclasses.replace(separate, agent=copied)
    np.testing.assert_allclose(
        read(shared, view, first).values, read(separate, view, first).values, rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize("sharing", ["all", "groups", "none"])
def test_who_shares_weights(sharing):
    """With equal sights and no id, agents differ exactly if their weights do."""
    view, first = make_view()
    same = View(
        obs=jnp.broadcast_to(view.obs[:, :, :1], view.obs.shape),
        avail=view.avail,
        alive=view.alive,
        last_action=jnp.broadcast_to(view.last_action[:, :, :1], view.last_action.shape),
    )
    team = built(Recurrent(hidden=8, agent_id=False, sharing=sharing))
    values = np.asarray(read(team, same, first).values)
    alike = {(i, j) for i in range(N) for j in range(i) if np.allclose(values[:, :, i], values[:, :, j], atol=1e-6)}
    assert alike == {"all": {(1, 0), (2, 0), (2, 1)}, "groups": {(2, 0)}, "none": set()}[sharing]


def test_gradient_of_shared_weights_is_the_sum_over_agents():
    view, first = make_view()
    shared = built(Recurrent(hidden=8))
    separate = dataclasses.replace(
        built(Recurrent(hidden=8, sharing="none")), agent=jax.tree.map(lambda leaf: jnp.stack([leaf] * N), shared.agent)
    )

    @jax.jit
    def gradient(team):
        return jax.grad(lambda team: jnp.sum(read(team, view, first).values ** 2))(team)

    jax.tree.map(
        lambda one, many: np.testing.assert_allclose(one, many.sum(0), rtol=1e-4, atol=1e-4),
        gradient(shared).agent,
        gradient(separate).agent,
    )


def test_input_layer_is_the_concatenated_input():
    view, first = make_view()
    team = built(FeedForward(hidden=8, layers=1))
    action = jax.nn.one_hot(view.last_action, A)
    who = jnp.broadcast_to(jnp.eye(N)[None, None], (T, B, N, N))
    assert isinstance(team.agent, FeedForwardAgent)
    layer, last = team.agent.first, team.agent.last
    assert layer.weight.shape == (8, O + A + N)
    inputs = np.asarray(jnp.concatenate([view.obs, action, who], axis=-1))
    hidden = np.maximum(inputs @ np.asarray(layer.weight).T + np.asarray(layer.bias), 0)
    wanted = hidden @ np.asarray(last.weight).T + np.asarray(last.bias)
    output = read(team, view, first)
    np.testing.assert_allclose(output.values, wanted, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(output.features, hidden, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("config", CONFIGS)
@pytest.mark.parametrize(("last_action", "agent_id"), [(False, True), (True, False), (False, False)])
def test_inputs_that_are_switched_off(config, last_action, agent_id):
    view, first = make_view()
    team = built(config(hidden=8, last_action=last_action, agent_id=agent_id))
    values = read(team, view, first).values
    other = dataclasses.replace(view, last_action=(view.last_action + 2) % A)
    assert bool(jnp.array_equal(read(team, other, first).values, values)) != last_action
    turned = jax.tree.map(lambda leaf: jnp.roll(leaf, 1, axis=2), view)
    moved = np.allclose(read(team, turned, first).values, jnp.roll(values, 1, axis=2), atol=1e-6)
    assert moved != agent_id


def test_an_agent_sees_only_itself():
    view, first = make_view()
    team = built(Recurrent(hidden=8))
    values = read(team, view, first).values
    other = dataclasses.replace(view, obs=view.obs.at[:, :, 1].add(1.0))
    changed = read(team, other, first).values
    np.testing.assert_array_equal(values[:, :, (0, 2)], changed[:, :, (0, 2)])
    assert not np.allclose(values[:, :, 1], changed[:, :, 1])


@pytest.mark.parametrize("sharing", ["all", "none"])
@pytest.mark.parametrize("config", CONFIGS)
def test_normalised_units_do_not_know_how_large_their_layer_is(config, sharing):
    """A hundred times the first layer's weights and biases are the same values; without normalisation they are not."""
    view, first = make_view()

    for norm in (True, False):
        team = built(config(hidden=8, sharing=sharing, norm=norm))
        name = "fc1" if config is Recurrent else "first"
        enlarged = jax.tree.map(lambda leaf: 100 * leaf, getattr(team.agent, name))
        agent = dataclasses.replace(team.agent, **{name: enlarged})
        larger = read(dataclasses.replace(team, agent=agent), view, first).values
        assert np.allclose(read(team, view, first).values, larger, atol=2e-3) == norm


def test_hidden_units_are_normalised_in_front_of_the_relu():
    view, first = make_view()
    plain, normed = (built(FeedForward(hidden=8, layers=1, norm=norm)) for norm in (False, True))
    assert isinstance(plain.agent, FeedForwardAgent)
    before = np.asarray(plain.agent.first(_rows(view, first)))
    centred = before - before.mean(-1, keepdims=True)
    hidden = np.maximum(centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5), 0).reshape(T, B, N, 8)
    np.testing.assert_allclose(read(normed, view, first).features, hidden, rtol=1e-4, atol=1e-5)


def _rows(view, first):
    return Rows(
        obs=view.obs.reshape(T, B * N, O),
        last_action=view.last_action.reshape(T, B * N),
        first=jnp.repeat(first, N, axis=1),
        agent=jnp.tile(jnp.arange(N), B),
    )


@pytest.mark.parametrize("config", CONFIGS)
def test_double_precision(config):
    with jax.enable_x64(True):
        view, first = make_view()
        team = built(config(hidden=8, norm=True))
        output, carry = team(team.initial(B), view, first)
        assert {leaf.dtype for leaf in jax.tree.leaves((team, output, carry))} == {jnp.dtype("float64")}


@pytest.mark.parametrize("config", CONFIGS)
def test_two_sets_of_weights_at_once(config):
    view, first = make_view()
    teams = [built(config(hidden=8), seed=seed) for seed in (0, 1)]
    both = jax.vmap(lambda team: read(team, view, first).values)(jax.tree.map(lambda *w: jnp.stack(w), *teams))
    for team, values in zip(teams, both, strict=True):
        np.testing.assert_allclose(values, read(team, view, first).values, rtol=1e-5, atol=1e-6)


def test_initial_weights_are_pytorchs():
    agent = built(Recurrent()).agent
    assert isinstance(agent, RecurrentAgent)
    inputs = O + A + N
    for layer, fan_in in ((agent.fc1, inputs), (agent.fc2, 64)):
        assert layer.bias is not None
        for leaf in (layer.weight, layer.bias):
            greatest = float(jnp.max(jnp.abs(leaf)))
            assert 0.3 * fan_in**-0.5 < greatest <= fan_in**-0.5
        assert float(jnp.max(jnp.abs(layer.weight))) > 0.9 * fan_in**-0.5


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Recurrent(hidden=0), "Recurrent.hidden is 0; it must be at least 1"),
        (lambda: FeedForward(hidden=-1), "FeedForward.hidden is -1"),
        (lambda: FeedForward(layers=0), "FeedForward.layers is 0; it must be at least 1"),
        (lambda: built(Recurrent(sharing="groups"), dataclasses.replace(SPEC, groups=())), "names no `groups`"),
    ],
)
def test_what_cannot_be_is_refused_with_a_sentence(make, words):
    with pytest.raises(QohortError, match=words):
        make()
