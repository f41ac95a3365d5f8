"""A mixer file: outputs, and the gradient of every loss that is stored."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from qohort.interop.pymarl import to_pymarl
from qohort.mixers import AbstractMixer
from qohort.spec import Observation
from tests.golden.cases import Golden
from tests.golden.comparison import Comparison
from tests.golden.worlds import mixer_of, unit_size, units_of
from tests.references.moments import spec_of


def compare_mixer(golden: Golden, comparison: Comparison) -> None:
    inputs = golden.under("in/")
    qs, states = jnp.array(inputs["agent_qs"], float), jnp.array(inputs["states"], float)
    agents, size = qs.shape[-1], states.shape[-1]
    choices = inputs["actions_onehot"].shape[-1] if "actions_onehot" in inputs else 2
    spec = spec_of(agents, choices, 1, size, unit_size(golden, agents, size))
    weights = golden.under("param/")
    mixer = mixer_of(golden, weights, spec)
    rows = qs.shape[:2]
    actions = actions_of(inputs, qs.shape)
    best = jnp.array(inputs["max_q_i"], float) if "max_q_i" in inputs else None

    @eqx.filter_jit
    def outputs(mixer: AbstractMixer, qs: jax.Array, states: jax.Array) -> dict[str, jax.Array]:
        moments = Observation(
            obs=jnp.zeros((*rows, agents, 1)),
            state=states,
            units=units_of(states, agents, spec.unit_size),
            avail=jnp.ones((*rows, agents, choices), bool),
            alive=jnp.ones((*rows, agents), bool),
        )
        out = jax.vmap(jax.vmap(mixer))(qs, qs if best is None else best, moments, actions)
        named = {"q_tot": out.q_tot, "attend_mag_reg": jnp.mean(out.regulariser)}
        named |= {name: out.aux[name][..., None] for name in ("v_tot", "adv_tot") if name in out.aux}
        for name, ours in (("lambda_weights", "importance"), ("w_final", "weights"), ("v_per_agent", "state_values")):
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

    found = outputs(mixer, qs, states)
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

        def total(point: tuple[Any, jax.Array, jax.Array], factors: dict[str, jax.Array] = factors) -> jax.Array:
            named = outputs(*point)
            return jnp.stack([jnp.sum(factor * named[name]) for name, factor in factors.items()]).sum()

        value, gradient = eqx.filter_value_and_grad(total)((mixer, qs, states))
        stored = golden.under(f"{prefix}{loss}/")
        comparison.add("value", f"{loss}/loss", value, stored["loss"])
        ours = named_gradient(golden, gradient)
        largest = max(np.abs(array).max(initial=0.0) for array in ours.values())
        for name in (*(f"param/{weight}" for weight in weights), "agent_qs", "states"):
            wanted = stored.get(name)
            if wanted is None and name == "states":
                continue
            add_gradient(comparison, f"{loss}/{name}", ours.get(name), wanted=wanted, largest=largest)


def actions_of(inputs: dict[str, np.ndarray], shape: tuple[int, ...]) -> jax.Array:
    """The actions; −1 where the file has an all-zero row, which is padding."""
    if "actions_onehot" in inputs:
        rows = inputs["actions_onehot"]
        return jnp.array(np.where(rows.any(axis=-1), rows.argmax(axis=-1), -1))
    return jnp.array(inputs["actions"][..., 0]) if "actions" in inputs else jnp.ones(shape, int)


def named_gradient(golden: Golden, gradient: Any) -> dict[str, np.ndarray]:
    mixer, qs, states = gradient
    dialect = "pymarl2" if golden.pymarl2 else "pymarl"
    named = {f"param/{name}": array for name, array in to_pymarl(mixer, dialect).items()}
    return {**named, "agent_qs": np.asarray(qs), "states": np.asarray(states)}


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
