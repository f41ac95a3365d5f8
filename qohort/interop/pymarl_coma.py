"""COMA's critic in PyMARL's names: in, and out again. Its agents are those of `qohort.interop.pymarl`.

PyMARL's `critic.th` holds `fc1`, `fc2` and `fc3`, each with weight and bias; the columns of `fc1` have our order.
"""

import jax
import jax.numpy as jnp
import numpy as np

from qohort.algorithms.coma import Params
from qohort.errors import QohortError
from qohort.interop.places import Arrays
from qohort.interop.pymarl import agent_from_pymarl
from qohort.interop.th_file import File, read
from qohort.networks.counterfactual import CounterfactualCritic, CounterfactualValues
from qohort.spec import EnvSpec

NAMES = tuple(f"{layer}.{kind}" for layer in ("fc1", "fc2", "fc3") for kind in ("weight", "bias"))


def critic_config_from_pymarl(arrays: Arrays, spec: EnvSpec) -> CounterfactualCritic:
    """The settings of a critic, read from the shape of its first layer."""
    _check_names(arrays)
    hidden, columns = arrays["fc1.weight"].shape
    joint = spec.n_agents * spec.n_actions
    fewest = spec.state_size + spec.obs_size + joint + spec.n_agents
    if columns not in (fewest, fewest + joint):
        raise QohortError(
            f"`fc1.weight` reads {columns} entries; in {spec.name} COMA's critic reads {fewest}, or {fewest + joint} "
            "with the joint last action. Choose the world it was trained on; PyMARL trains COMA with "
            "`state_last_action` off, which is an option of battles."
        )
    return CounterfactualCritic(hidden=hidden, last_action=columns > fewest)


def critic_from_pymarl(weights: File | Arrays, spec: EnvSpec) -> CounterfactualValues:
    """A critic with these weights, a `critic.th` or its arrays."""
    arrays = read(weights)
    critic = critic_config_from_pymarl(arrays, spec).build(spec, jax.random.key(0))
    leaves, structure = jax.tree.flatten(critic)
    filled = []
    for name, leaf in zip(NAMES, leaves, strict=True):
        if arrays[name].shape != leaf.shape:
            raise QohortError(
                f"`{name}` has the shape {arrays[name].shape}; beside `fc1.weight`, in {spec.name} with "
                f"{spec.n_actions} actions, it is {leaf.shape}. Choose the world these weights were trained on."
            )
        filled.append(jnp.asarray(arrays[name], leaf.dtype))
    return jax.tree.unflatten(structure, filled)


def coma_from_pymarl(agent: File | Arrays, critic: File | Arrays, spec: EnvSpec) -> Params:
    """Everything that COMA learns, from `agent.th` and `critic.th` or from what they hold."""
    team = agent_from_pymarl(agent, spec)
    return Params(team=team, critic=critic_from_pymarl(critic, spec))


def critic_to_pymarl(critic: CounterfactualValues) -> dict[str, np.ndarray]:
    """The arrays of a critic under PyTorch's names; its gradient works as well."""
    return dict(zip(NAMES, (np.asarray(leaf) for leaf in jax.tree.leaves(critic)), strict=True))


def _check_names(arrays: Arrays) -> None:
    if missing := [name for name in NAMES if name not in arrays]:
        raise QohortError(f"These weights lack {', '.join(missing)}; COMA's critic has {', '.join(NAMES)}.")
    if unknown := sorted(set(arrays) - set(NAMES)):
        raise QohortError(f"COMA's critic has no weights named {', '.join(unknown)}; it has {', '.join(NAMES)}.")
