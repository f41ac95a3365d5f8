"""The recurrence: its equations, its resets, and a gradient that is written by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from qohort.networks.gru import GRU

T, R, H = 7, 5, 6
INPUTS = 4
GATES = ("r", "z", "n")


def make(key=0, dtype="float64"):
    """A cell, a state to begin with, inputs, and resets: at step 0 of row 0, mid-window in rows 1 and 2."""
    gru = jax.tree.map(lambda w: w.astype(dtype), GRU.draw(INPUTS, H, jax.random.key(key)))
    rng = np.random.default_rng(key)
    h = rng.normal(size=(R, H)).astype(dtype)
    x = rng.normal(size=(T, R, INPUTS)).astype(dtype)
    first = np.zeros((T, R), bool)
    first[0, 0] = first[3, 1] = first[2, 2] = first[3, 2] = True
    return gru, jnp.asarray(h), jnp.asarray(x), jnp.asarray(first)


def by_hand(gru, h, x, first):
    """The equations, step by step, in NumPy."""
    w = {name: np.asarray(value) for name, value in vars(gru).items()}

    def sigmoid(v):
        return 1 / (1 + np.exp(-v))

    h, states = np.asarray(h), []
    for now, reset in zip(np.asarray(x), np.asarray(first), strict=True):
        h = np.where(reset[:, None], 0, h)
        ir, iz, i_n = (now @ w[f"weight_i{g}"].T + w[f"bias_i{g}"] for g in GATES)
        hr, hz, hn = (h @ w[f"weight_h{g}"].T + w[f"bias_h{g}"] for g in GATES)
        r, z = sigmoid(ir + hr), sigmoid(iz + hz)
        n = np.tanh(i_n + r * hn)
        h = (1 - z) * n + z * h
        states.append(h)
    return np.stack(states)


def plain(gru, h, x, first):
    """The same as a scan that JAX differentiates by itself."""
    w = gru

    def step(h, now):
        x, reset = now
        h = jnp.where(reset[:, None], 0, h)
        r = jax.nn.sigmoid(x @ w.weight_ir.T + w.bias_ir[None] + h @ w.weight_hr.T + w.bias_hr[None])
        z = jax.nn.sigmoid(x @ w.weight_iz.T + w.bias_iz[None] + h @ w.weight_hz.T + w.bias_hz[None])
        n = jnp.tanh(x @ w.weight_in.T + w.bias_in[None] + r * (h @ w.weight_hn.T + w.bias_hn[None]))
        h = (1 - z) * n + z * h
        return h, h

    return jax.lax.scan(step, h, (x, first))[1]


def gradients(run, gru, h, x, first):
    """Of a loss to which every state contributes with its own weight."""
    weigh = jnp.asarray(np.random.default_rng(9).normal(size=(T, R, H)), x.dtype)
    return jax.jit(jax.grad(lambda gru, h, x: jnp.sum(weigh * run(gru, h, x, first)), argnums=(0, 1, 2)))(gru, h, x)


def close(got, wanted, tolerance):
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance), got, wanted)


def test_states_are_those_of_the_equations():
    gru, h, x, first = make(dtype="float32")
    np.testing.assert_allclose(gru(h, x, first), by_hand(gru, h, x, first), rtol=1e-5, atol=1e-6)


def test_states_in_double_precision():
    with jax.enable_x64(True):
        gru, h, x, first = make()
        states = gru(h, x, first)
        assert states.dtype == jnp.float64
        np.testing.assert_allclose(states, by_hand(gru, h, x, first), rtol=1e-12, atol=1e-12)


def test_initial_weights_are_within_pytorchs_limit_and_differ():
    gru = GRU.draw(INPUTS, 64, jax.random.key(0))
    leaves = jax.tree.leaves(gru)
    assert len({float(leaf.ravel()[0]) for leaf in leaves}) == 12
    for leaf in leaves:
        assert 0.1 < jnp.max(jnp.abs(leaf)) <= 0.125


def test_a_reset_begins_anew():
    gru, h, x, first = make(dtype="float32")
    first = jnp.zeros_like(first).at[3].set(True)
    whole = gru(h, x, first)
    begun, none = jnp.zeros_like(h), jnp.zeros_like(first)
    np.testing.assert_allclose(whole[:3], gru(h, x[:3], none[:3]), rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(whole[3:], gru(begun, x[3:], none[3:]), rtol=1e-6, atol=1e-6)


def test_states_and_gradients_are_pytorchs():
    torch = pytest.importorskip("torch")
    with jax.enable_x64(True):
        gru, h, x, _ = make()
        first = jnp.zeros((T, R), bool)
        weigh = np.random.default_rng(9).normal(size=(T, R, H))
        grad_gru, grad_h, grad_x = gradients(GRU.__call__, gru, h, x, first)
        states = np.asarray(gru(h, x, first))

    cell = torch.nn.GRUCell(INPUTS, H).double()
    for kind in ("weight", "bias"):
        for side in ("i", "h"):
            whole = np.concatenate([np.asarray(getattr(gru, f"{kind}_{side}{gate}")) for gate in GATES])
            getattr(cell, f"{kind}_{side}h").data = torch.tensor(whole)
    at = start = torch.tensor(np.asarray(h), requires_grad=True)
    inputs = torch.tensor(np.asarray(x), requires_grad=True)
    loss = torch.zeros((), dtype=torch.float64)
    for t in range(T):
        at = cell(inputs[t], at)
        np.testing.assert_allclose(states[t], at.detach().numpy(), rtol=1e-12, atol=1e-12)
        loss = loss + (torch.tensor(weigh[t]) * at).sum()
    loss.backward()
    np.testing.assert_allclose(grad_h, start.grad.numpy(), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(grad_x, inputs.grad.numpy(), rtol=1e-9, atol=1e-12)
    for kind in ("weight", "bias"):
        for side in ("i", "h"):
            whole = np.concatenate([np.asarray(getattr(grad_gru, f"{kind}_{side}{gate}")) for gate in GATES])
            np.testing.assert_allclose(whole, getattr(cell, f"{kind}_{side}h").grad.numpy(), rtol=1e-9, atol=1e-12)


def test_gradients_are_those_of_the_plain_scan():
    with jax.enable_x64(True):
        arguments = make()
        close(gradients(GRU.__call__, *arguments), gradients(plain, *arguments), 1e-10)
    arguments = make(dtype="float32")
    close(gradients(GRU.__call__, *arguments), gradients(plain, *arguments), 1e-5)


def test_gradients_are_finite_differences():
    with jax.enable_x64(True):
        gru, h, x, first = make()

        @jax.jit
        def run(gru, h, x):
            return gru(h, x, first)

        check_grads(run, (gru, h, x), 1, modes=["rev"])


def test_gradients_under_vmap_over_two_sets_of_weights():
    with jax.enable_x64(True):
        sets = [make(0), make(1)]
        both = jax.tree.map(lambda a, b: jnp.stack([a, b]), *sets)
        together = jax.vmap(lambda *arguments: gradients(GRU.__call__, *arguments))(*both)
        for i, alone in enumerate(sets):
            close(jax.tree.map(lambda leaf, i=i: leaf[i], together), gradients(plain, *alone), 1e-10)


def test_nothing_flows_back_through_a_reset():
    gru, h, x, first = make(dtype="float32")
    _, grad_h, _ = gradients(GRU.__call__, gru, h, x, first)
    assert not np.any(grad_h[0])
    assert np.all(np.any(np.asarray(grad_h[1:]) != 0, axis=-1))
