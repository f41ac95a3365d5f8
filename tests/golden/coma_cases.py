"""COMA: the critic by itself, and an update: the critic's steps backwards in time, then the policies' step."""

import dataclasses
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from qohort.algorithms.coma import COMA, COMALearner
from qohort.algorithms.joint import per_row, pick
from qohort.estimators.exploration import LinearSchedule
from qohort.interop.pymarl import agent_from_pymarl, to_pymarl
from qohort.interop.pymarl_coma import critic_from_pymarl, critic_to_pymarl
from qohort.networks.counterfactual import CounterfactualValues
from qohort.networks.recurrent import Recurrent
from qohort.spec import EnvSpec
from tests.golden.cases import Golden
from tests.golden.comparison import Comparison
from tests.golden.learner_cases import optimiser_of
from tests.golden.mixer_cases import add_gradient
from tests.golden.worlds import batch_spec, window_of

AT_FRAMES = ("target_q_values", "target_q_taken")


def compare_coma_critic(golden: Golden, _: str, comparison: Comparison) -> None:
    spec = batch_spec(golden)
    critic = critic_from_pymarl(golden.under("param/"), spec)
    window, actions = window_of(golden, spec), acted(golden)
    prefix = "f64/" if comparison.x64 else ""

    @eqx.filter_jit
    def values(critic: CounterfactualValues) -> jax.Array:
        return jnp.swapaxes(per_row(critic, window.observations, window.last_action, actions), 0, 1)

    found = np.asarray(values(critic))
    for name, wanted in golden.under(f"{prefix}out/").items():
        if name == "q":
            comparison.add("value", "out/q", found, wanted)
        elif name.startswith("q_t"):
            at = int(name.removeprefix("q_t"))
            comparison.add("value", f"out/{name}", found[:, at : at + 1], wanted)
        else:
            comparison.left_out.append(f"out/{name}")
    weights = jnp.array(golden.arrays["grad/weights/q"], float)
    loss, gradient = eqx.filter_value_and_grad(lambda critic: jnp.sum(weights * values(critic)))(critic)
    comparison.add("value", "grad/loss", loss, golden.arrays[f"{prefix}grad/loss"])
    compare_gradient(comparison, "grad/param/", critic_to_pymarl(gradient), golden.under(f"{prefix}grad/param/"))


def compare_coma_learner(golden: Golden, variant: str, comparison: Comparison) -> None:
    spec = batch_spec(golden)
    config = config_of(golden)
    learner = learner_of(golden, config, spec)
    window = window_of(golden, spec)
    window = dataclasses.replace(window, exploration=jnp.full(window.valid.shape, config.epsilon.start))
    actions = acted(golden)
    stored = golden.under(f"f64/{variant}/" if comparison.x64 else f"{variant}/")

    learn = eqx.filter_jit(config.learn)
    after, looked = learn(learner, window, actions)
    gradient = jax.grad(config.actor_loss, has_aux=True)(learner.params.team, window, looked["values"])[0]
    comparison.add("value", "loss", looked["policy_loss"], stored["loss"])
    comparison.add("gradient", "grad_norm", looked["grad_norm"], stored["grad_norm"])
    compare_gradient(comparison, "grad/agent.", to_pymarl(gradient), part(stored, "grad/agent."))
    looked["features"] = learner.params.team(window.memory(learner.params.team), window.view, window.first)[0].features
    compare_middle(golden, comparison, looked, actions=actions, stored=stored)
    compare_critic_steps(golden, comparison, (config, learner), looked=looked, stored=stored)

    for name, moved, before in (
        *named("agent.", to_pymarl(after.params.team), to_pymarl(learner.params.team)),
        *named("critic.", critic_to_pymarl(after.params.critic), critic_to_pymarl(learner.params.critic)),
    ):
        if (wanted := stored.get(f"step1/{name}")) is not None:
            start = np.asarray(golden.arrays[f"param/{name}"], float)
            comparison.add("step", f"step1/{name}", moved - before, np.asarray(wanted, float) - start)
    if "step2_loss" in stored:
        comparison.add("value", "step2_loss", learn(after, window, actions)[1]["policy_loss"], stored["step2_loss"])


def config_of(golden: Golden) -> COMA:
    """The published settings."""
    setting = golden.setting
    ends = {
        "start": float(setting("epsilon_start", default=0.5)),
        "end": float(setting("epsilon_finish", default=0.01)),
    }
    return COMA(
        gamma=float(setting("gamma", default=0.99)),
        td_lambda=float(setting("td_lambda", default=0.8)),
        mask_before_softmax=setting("mask_before_softmax", default=True),
        entropy=float(setting("entropy", default=0.0)),
        optimiser=optimiser_of(golden, "lr"),
        critic_optimiser=optimiser_of(golden, "critic_lr"),
        epsilon=LinearSchedule(**ends, steps=int(setting("epsilon_anneal_time", default=100_000))),
        target_interval=int(setting("target_update_interval", default=200)),
    )


def learner_of(golden: Golden, config: COMA, spec: EnvSpec) -> COMALearner:
    agent = golden.under("param/agent.")
    seen = Recurrent(
        hidden=agent["fc1.weight"].shape[0],
        last_action=golden.setting("obs_last_action", default=True),
        agent_id=golden.setting("obs_agent_id", default=True),
    )
    team = agent_from_pymarl(agent, spec, seen)
    critic, target = (critic_from_pymarl(golden.under(f"{net}/critic."), spec) for net in ("param", "target"))
    fresh = jax.eval_shape(lambda key: config.init(spec, key), jax.random.key(0))
    return dataclasses.replace(
        fresh,
        params=dataclasses.replace(fresh.params, team=team, critic=critic),
        target=target,
        opt_state=(config.optimiser.init(team), config.critic_optimiser.init(critic)),
        learning_rate=jnp.asarray(config.optimiser.learning_rate),
        updates=jnp.zeros((), jnp.int32),
        since_copy=jnp.zeros((), jnp.int32),
    )


def acted(golden: Golden) -> jax.Array:
    """The actions of every frame, time first; -1 in padding, whose one-hot rows are zero."""
    taken = np.swapaxes(golden.arrays["batch/actions_onehot"], 0, 1)
    return jnp.array(np.where(taken.any(axis=-1), taken.argmax(axis=-1), -1), jnp.int32)


def compare_middle(
    golden: Golden,
    comparison: Comparison,
    looked: dict[str, jax.Array],
    *,
    actions: jax.Array,
    stored: dict[str, np.ndarray],
) -> None:
    """Values where they count: at filled frames, or at valid steps."""
    filled = golden.arrays["batch/filled"][..., 0] > 0
    ended = golden.arrays["batch/terminated"][..., 0] > 0
    mask = filled[:, :-1].copy()
    mask[:, 1:] &= ~ended[:, :-2]
    found = {
        "q_values": looked["values"],
        "policy": looked["policy"],
        "baseline": pick(looked["values"], actions[:-1]) - looked["advantages"],
        "advantages": looked["advantages"],
        "log_pi_taken": looked["log_pi_taken"],
        "critic_targets": looked["goals"],
        "target_q_values": looked["target_values"],
        "target_q_taken": pick(looked["target_values"], actions),
        "hidden": looked["features"][:-1],
        "mask": jnp.broadcast_to(mask.T[..., None], looked["advantages"].shape),
    }
    for path, wanted in part(stored, "mid/").items():
        if path in found:
            ours = np.swapaxes(np.asarray(found[path]), 0, 1)
            comparison.add("value", f"mid/{path}", ours, wanted, filled if path in AT_FRAMES else mask)
        else:
            comparison.left_out.append(f"mid/{path}")


def compare_critic_steps(
    golden: Golden,
    comparison: Comparison,
    start: tuple[COMA, COMALearner],
    *,
    looked: dict[str, jax.Array],
    stored: dict[str, np.ndarray],
) -> None:
    """Which indices of time were stepped at, with what loss, and the first gradient of all."""
    if "critic/loss" not in stored:
        return
    indices = np.flatnonzero(np.asarray(looked["stepped"]))[::-1]
    variants = [name for name in golden.arrays if name.endswith("critic/time_index")]
    np.testing.assert_array_equal(indices, golden.arrays[variants[0]])
    comparison.add("value", "critic/loss", np.asarray(looked["losses"])[indices], stored["critic/loss"])
    comparison.add("gradient", "critic/grad_norm", np.asarray(looked["norms"])[indices], stored["critic/grad_norm"])

    config, learner = start
    window = window_of(golden, batch_spec(golden))
    at = slice(int(indices[0]), int(indices[0]) + 1)
    seen = jax.tree.map(lambda leaf: leaf[at], window.observations)
    moment = (seen, window.last_action[at], window.actions[at])
    gradient = jax.grad(config.critic_loss, has_aux=True)(
        learner.params.critic, moment, looked["goals"][at], window.valid[at]
    )[0]
    first = part(stored, "critic/first_grad/critic.")
    compare_gradient(comparison, "critic/first_grad/", critic_to_pymarl(gradient), first)


def compare_gradient(
    comparison: Comparison, label: str, found: dict[str, np.ndarray], stored: dict[str, np.ndarray]
) -> None:
    largest = max(np.abs(array).max(initial=0.0) for array in found.values())
    for name, array in found.items():
        add_gradient(comparison, f"{label}{name}", array, wanted=stored.get(name), largest=largest)


def named(prefix: str, *arrays: dict[str, np.ndarray]) -> list[tuple[Any, ...]]:
    """Rows of a name, in the file, and the arrays that have it."""
    return [(f"{prefix}{name}", *(np.asarray(some[name], float) for some in arrays)) for name in arrays[0]]


def part(arrays: dict[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
