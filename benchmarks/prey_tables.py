"""What VDN, QMIX and QPLEX learn in `pursuit/qtran-prey` when nothing but their form of the joint value limits them.

    python benchmarks/prey_tables.py [--seeds 5] [--punishment 1.5]

There are no networks that read states, and no samples. Each of the 13,800 states has numbers of its own: the utilities
of both predators and what the mixer needs (QMIX: its mixing network; QPLEX: λ of every joint action). In a round the
greedy joint value is looked ahead by one step, exactly, and updates of Adam draw the numbers to it, every joint action
counting the same, as under full exploration. What the greedy team is worth over 100 steps is computed exactly again.

QPLEX comes twice, since its utilities and λ learn at rates of their own: the same, and λ five times as fast.
"""

import dataclasses
import json
import pathlib
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import tyro
from jaxtyping import Array, Float, Int, PRNGKeyArray

import qohort
from benchmarks.prey_optimum import MOVES, Rules
from qohort import QMIX
from qohort.envs.grids.qtran_prey import QtranPrey

RESULTS = pathlib.Path(__file__).parent / "results" / "prey-tables.json"
AGENTS, GAMMA, SPREAD = 2, 0.99, 0.1
EMBED = 8
"""Hidden units of each state's mixing network of QMIX."""

Joint = Float[Array, "S A A"]
Utilities = Float[Array, "S N A"]


@dataclasses.dataclass(frozen=True)
class Flags:
    seeds: int = 5
    """Starting points: 0, 1, 2 and so on."""
    punishment: float = 1.5
    """P: what a lone predator beside the prey costs."""
    rounds: int = 100
    """How often the joint value is looked ahead."""
    updates: int = 100
    """Updates in a round."""
    learning_rate: float = 1e-3
    """The step size of the utilities."""
    judge_every: int = 5
    """Rounds between two looks at what the greedy team is worth."""
    out: pathlib.Path = RESULTS
    """Where the numbers go, as JSON."""


@dataclasses.dataclass(frozen=True)
class Method:
    """A form of the joint value, state by state."""

    start: Callable[[PRNGKeyArray, int], Any]
    """The mixer's numbers for so many states."""
    mix: Callable[[Any, Utilities], Joint]
    """The joint value of every joint action."""
    rate: float = 1.0
    """The mixer's step size for one of the utilities."""


def summed(utilities: Utilities) -> Joint:
    """Q_1 + Q_2 of every joint action."""
    return utilities[:, 0, :, None] + utilities[:, 1, None, :]


def qmix_start(key: PRNGKeyArray, states: int) -> Any:
    """A mixing network for each state, as the library has it for a world without states."""
    spec = qohort.make("pursuit/qtran-prey").spec
    return eqx.filter_vmap(lambda key: QMIX(state=False, embed=EMBED).build(spec, key))(jax.random.split(key, states))


def qmix_mix(mixer: Any, utilities: Utilities) -> Joint:
    """The monotone network of each state."""
    env = qohort.make("pursuit/qtran-prey")
    unread = env.observe(env.snapshot(env.reset(jax.random.key(0))))
    first, second = (jnp.asarray(place) for place in np.divmod(np.arange(MOVES**2), MOVES))

    def of_state(mixer: Any, utilities: Float[Array, "N A"]) -> Float[Array, " AA"]:
        def of(chosen: Float[Array, " N"]) -> Float[Array, ""]:
            return mixer(chosen, chosen, unread, jnp.zeros(AGENTS, int)).q_tot[0]

        return jax.vmap(of)(jnp.stack([utilities[0, first], utilities[1, second]], axis=1))

    return eqx.filter_vmap(of_state)(mixer, utilities).reshape(-1, MOVES, MOVES)


def qplex_start(key: PRNGKeyArray, states: int) -> Float[Array, "S N A A"]:
    """log λ of each agent for every joint action: λ is 1 at first."""
    return jnp.zeros((states, AGENTS, MOVES, MOVES))


def qplex_mix(log_importance: Float[Array, "S N A A"], utilities: Utilities) -> Joint:
    """Σ Q_i + Σ (λ_i − 1) sg[A_i]."""
    advantages = jax.lax.stop_gradient(utilities - utilities.max(axis=2, keepdims=True))
    extra = jnp.exp(log_importance) - 1
    return summed(utilities) + extra[:, 0] * advantages[:, 0, :, None] + extra[:, 1] * advantages[:, 1, None, :]


METHODS = {
    "VDN": Method(lambda key, states: (), lambda mixer, utilities: summed(utilities)),
    "QMIX": Method(qmix_start, qmix_mix),
    "QPLEX": Method(qplex_start, qplex_mix),
    "QPLEX, λ five times as fast": Method(qplex_start, qplex_mix, rate=5.0),
}


def main(flags: Flags) -> None:
    """Print and write a row for each method and starting point."""
    env = qohort.make("pursuit/qtran-prey")
    assert isinstance(env, QtranPrey)
    rules = Rules(env)
    best = float(rules.values(flags.punishment, steps=env.spec.limit, best=True).mean())
    settings = {name: value for name, value in dataclasses.asdict(flags).items() if name != "out"}
    rows = []
    for seed in range(flags.seeds):
        for name, method in METHODS.items():
            worth, errors = learned(method, rules, flags, seed=seed, steps=env.spec.limit)
            rows.append({"method": name, "seed": seed, "worth": worth, "squared_error": errors})
            print(f"{name}, seed {seed}: {', '.join(f'{value:.1f}' for value in worth)} of {best:.2f}", flush=True)
            flags.out.write_text(json.dumps({"settings": settings, "best": best, "rows": rows}, indent=1) + "\n")
    print(flags.out)


def learned(method: Method, rules: Rules, flags: Flags, *, seed: int, steps: int) -> tuple[list[float], list[float]]:
    """What the greedy team is worth, and the mean squared error, every so many rounds."""
    keys = jax.random.split(jax.random.key(seed))
    states = len(rules.states)
    utilities = SPREAD * jax.random.normal(keys[0], (states, AGENTS, MOVES))
    drawn, still = eqx.partition((utilities, method.start(keys[1], states)), eqx.is_inexact_array)
    rates = {"agents": flags.learning_rate, "mixer": flags.learning_rate * method.rate}
    adam = optax.multi_transform({part: optax.adam(rate) for part, rate in rates.items()}, ("agents", "mixer"))

    def loss(numbers: Any, wanted: Joint) -> tuple[Float[Array, ""], Float[Array, ""]]:
        utilities, mixer = eqx.combine(numbers, still)
        error = (method.mix(mixer, utilities) - wanted) ** 2
        return jnp.sum(error), jnp.mean(error)  # a sum: what a state learns does not hang on how many there are

    @jax.jit
    def drawn_nearer(numbers: Any, memory: Any, wanted: Joint) -> tuple[Any, Any, Float[Array, ""]]:
        def update(carried: Any, _: None) -> tuple[Any, Float[Array, ""]]:
            numbers, memory = carried
            gradient, error = jax.grad(loss, has_aux=True)(numbers, wanted)
            way, memory = adam.update(gradient, memory)
            return (optax.apply_updates(numbers, way), memory), error

        (numbers, memory), errors = jax.lax.scan(update, (numbers, memory), length=flags.updates)
        return numbers, memory, errors[-1]

    value_of = jax.jit(lambda numbers: greedy_of(method, *eqx.combine(numbers, still)))
    memory = adam.init(drawn)
    worth, errors = [], []
    for round_ in range(1, flags.rounds + 1):
        value, _ = value_of(drawn)
        wanted = rules.looked_ahead(np.asarray(value), flags.punishment, gamma=GAMMA)
        drawn, memory, error = drawn_nearer(drawn, memory, jnp.asarray(wanted).reshape(states, MOVES, MOVES))
        if round_ % flags.judge_every == 0 or round_ == flags.rounds:
            _, moves = value_of(drawn)
            worth.append(rules.worth(np.asarray(moves), flags.punishment, steps=steps))
            errors.append(float(error))
    return worth, errors


def greedy_of(method: Method, utilities: Utilities, mixer: Any) -> tuple[Float[Array, " S"], Int[Array, " S"]]:
    """The joint value of the joint action of each one's best utility, and which one that is."""
    first, second = jnp.argmax(utilities, axis=2).T
    moves = first * MOVES + second
    joint = method.mix(mixer, utilities).reshape(len(moves), MOVES**2)
    return jnp.take_along_axis(joint, moves[:, None], axis=1)[:, 0], moves


if __name__ == "__main__":
    main(tyro.cli(Flags))
