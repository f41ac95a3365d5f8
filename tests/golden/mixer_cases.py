"""A mixer file: outputs, and the gradient of every loss that is stored."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from qohort.interop.pymarl import Dialect, dialect_of, to_pymarl
from qohort.mixers import AbstractMixer
from qohort.networks.joint_critic import JointCritic
from qohort.spec import Observation
from tests.golden.cases import Golden
from tests.golden.comparison import Comparison
from tests.golden.worlds import joint_critic_of, mixer_of, unit_size, units_of
from tests.references.moments import spec_of

Outputs = Callable[[Any, dict[str, jax.Array]], dict[str, jax.Array]]
"""From a module and what it reads to what comes out, under its names in the file."""


def compare_mixer(golden: Golden, _: str, comparison: Comparison) -> None:
    stored = golden.under("in/")
    inputs = {name: jnp.array(stored[name], float) for name in ("agent_qs", "states")}
    rows, agents, size = inputs["agent_qs"].shape[:2], inputs["agent_qs"].shape[2], inputs["states"].shape[-1]
    choices = (
        stored["actions_onehot"].shape[-1] if "actions_onehot" in stored else golden.setting("n_actions", default=2)
    )
    if "max_q_i" in stored:
        inputs["max_q_i"] = jnp.array(stored["max_q_i"], float)
    spec = spec_of(agents, choices, 1, size, unit_size(golden, agents, size))
    mixer = mixer_of(golden, golden.under("param/"), spec)
    actions = actions_of(stored, (*rows, agents))

    @eqx.filter_jit
    def outputs(mixer: AbstractMixer, inputs: dict[str, jax.Array]) -> dict[str, jax.Array]:
        qs, states = inputs["agent_qs"].reshape(*rows, agents), inputs["states"]
        best = inputs.get("max_q_i", qs)
        moments = Observation(
            obs=jnp.zeros((*rows, agents, 1)),
            state=states,
            units=seen_units(golden, units_of(states, agents, spec.unit_size)),
            avail=jnp.ones((*rows, agents, choices), bool),
            alive=jnp.ones((*rows, agents), bool),
        )
        out = jax.vmap(jax.vmap(mixer))(qs, best, moments, actions)
        named = {"q_tot": out.q_tot, "attend_mag_reg": jnp.mean(out.regulariser)}
        named |= {name: out.aux[name][..., None] for name in ("v_tot", "adv_tot") if name in out.aux}
        alone = (("lambda_weights", "importance"), ("w_final", "weights"), ("v_per_agent", "state_values"))
        for name, ours in alone if transforms(golden) else alone[:1]:
            if ours in out.aux:
                named[name] = out.aux[ours]
        if "attention" in out.aux:
            named |= {
                "head_entropies": jnp.mean(out.aux["entropies"], axis=(0, 1)),
                "attention": jnp.moveaxis(out.aux["attention"], 2, 0),
                "attention_logits_unscaled": jnp.moveaxis(out.aux["logits"], 2, 0),
                "head_qs": jnp.moveaxis(out.aux["head_values"], 2, 0),
            }
        return named

    compare_outputs(golden, comparison, outputs, mixer, inputs)


def compare_joint_critic(golden: Golden, _: str, comparison: Comparison) -> None:
    """QTRAN's critic, with the actions taken and with others."""
    inputs = {name: jnp.array(golden.arrays[f"in/{name}"], float) for name in ("hidden_states", "states")}
    rows, agents = inputs["hidden_states"].shape[:2], inputs["hidden_states"].shape[2]
    taken, others = (golden.arrays[f"in/{name}"] for name in ("actions_onehot", "other_actions_onehot"))
    spec = spec_of(agents, taken.shape[-1], 1, inputs["states"].shape[-1], 1)
    critic = joint_critic_of(golden, golden.under("param/"), spec)

    @eqx.filter_jit
    def outputs(critic: JointCritic, inputs: dict[str, jax.Array]) -> dict[str, jax.Array]:
        moment = inputs["hidden_states"], inputs["states"]
        named = {"v": jax.vmap(jax.vmap(critic.value))(*moment)[..., None]}
        for name, chosen in (("q_taken", taken), ("q_other", others)):
            actions = jnp.array(np.where(chosen.any(axis=-1), chosen.argmax(axis=-1), -1).reshape(*rows, agents))
            named[name] = jax.vmap(jax.vmap(critic))(*moment, actions)[..., None]
        return named

    compare_outputs(golden, comparison, outputs, critic, inputs)


def compare_outputs(
    golden: Golden, comparison: Comparison, outputs: Outputs, module: Any, inputs: dict[str, jax.Array]
) -> None:
    """Every output, and the gradient of every loss that is stored."""
    found = outputs(module, inputs)
    prefix = "f64/" if comparison.x64 else ""
    for name, wanted in golden.under(f"{prefix}out/").items():
        if name in found:
            comparison.add("value", f"out/{name}", found[name], wanted)
        else:
            comparison.left_out.append(f"out/{name}")

    losses = {name.split("/")[0] for name in golden.arrays if "/weights/" in name and not name.startswith("f64/")}
    for loss in sorted(losses):
        factors = {name: jnp.array(array, float) for name, array in golden.under(f"{loss}/weights/").items()}
        assert set(factors) <= set(found), f"{loss} is made of {sorted(factors)}, which are not all computed here"

        def total(point: tuple[Any, dict[str, jax.Array]], factors: dict[str, jax.Array] = factors) -> jax.Array:
            named = outputs(*point)
            return jnp.stack([jnp.sum(factor * named[name]) for name, factor in factors.items()]).sum()

        value, gradient = eqx.filter_value_and_grad(total)((module, inputs))
        stored = golden.under(f"{prefix}{loss}/")
        comparison.add("value", f"{loss}/loss", value, stored["loss"])
        ours = named_gradient(golden, gradient)
        largest = max(np.abs(array).max(initial=0.0) for array in ours.values())
        for name in (*(f"param/{weight}" for weight in golden.under("param/")), *inputs):
            wanted = stored.get(name)
            if wanted is None and name == "states":
                continue
            add_gradient(comparison, f"{loss}/{name}", ours.get(name), wanted=wanted, largest=largest)


def seen_units(golden: Golden, units: jax.Array) -> jax.Array:
    """The agents' own slices of the state; PyMARL2's Qatten takes them out of gradients."""
    return jax.lax.stop_gradient(units) if golden.pymarl2 and golden.is_of("qatten") else units


def transforms(golden: Golden) -> bool:
    """Whether QPLEX's transformation is used; its release computes weights and values of agents in any case."""
    return golden.is_of("dmaq_qatten") or bool(golden.setting("weighted_head", default=True))


def dialect_in(golden: Golden, prefix: str) -> Dialect:
    """Whose names the weights of the mixer under a prefix have; PyMARL2 has mixers of both."""
    arrays = golden.under(prefix)
    return dialect_of(arrays) if arrays and golden.pymarl2 else "pymarl"


def actions_of(inputs: dict[str, np.ndarray], shape: tuple[int, ...]) -> jax.Array:
    """The actions; −1 where the file has an all-zero row, which is padding."""
    if "actions_onehot" in inputs:
        rows = inputs["actions_onehot"]
        return jnp.array(np.where(rows.any(axis=-1), rows.argmax(axis=-1), -1))
    return jnp.array(inputs["actions"][..., 0]) if "actions" in inputs else jnp.ones(shape, int)


def named_gradient(golden: Golden, gradient: Any) -> dict[str, np.ndarray]:
    module, inputs = gradient
    named = {f"param/{name}": array for name, array in to_pymarl(module, dialect_in(golden, "param/")).items()}
    return {**named, **{name: np.asarray(array) for name, array in inputs.items()}}


def add_gradient(
    comparison: Comparison, name: str, found: np.ndarray | None, *, wanted: np.ndarray | None, largest: float
) -> None:
    """Compare a gradient. Absent means zero; where it is zero but for rounding, its size is what counts.

    The key biases of PyMARL2 move all logits of a head alike: what is stored for them is noise, 1e-9 and less of the
    largest gradient in single precision, 1e-17 in double.
    """
    noise = largest * (1e-14 if comparison.x64 else 1e-6)
    sizes = [0.0 if array is None else float(np.abs(array).max(initial=0.0)) for array in (found, wanted)]
    if found is None or wanted is None or sizes[1] <= noise:
        comparison.bound("gradient", name, max(sizes), max(noise, 1e-300))
    else:
        comparison.add("gradient", name, found, wanted)
