"""What the files say about the world, in our words."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from qohort.interop.critics import joint_critic_from_pymarl
from qohort.interop.pymarl import mixer_from_pymarl
from qohort.mixers import AbstractMixer, Independent
from qohort.networks.joint_critic import Form, JointCritic
from qohort.replay.window import Window
from qohort.spec import EnvSpec, Observation
from tests.golden.cases import Golden
from tests.references.moments import spec_of


def unit_size(golden: Golden, agents: int, state: int) -> int:
    """The width of the agents' slices; 1 where they do not fit, which the weights of mixers that read them do not."""
    size = golden.setting("unit_dim", "agent_own_state_size", "unit", default=1)
    return size if agents * size <= state else 1


def units_of(states: Any, agents: int, size: int) -> Any:
    """The agents' own slices, with which the state begins; zeros where they do not fit."""
    if agents * size > states.shape[-1]:
        return np.zeros((*states.shape[:-1], agents, size))
    return states[..., : agents * size].reshape(*states.shape[:-1], agents, size)


def mixer_of(golden: Golden, arrays: dict[str, np.ndarray], spec: EnvSpec) -> AbstractMixer:
    """The mixer of a file, with the settings that weights do not tell."""
    settings: dict[str, Any] = {}
    if any(name.startswith(("selector_extractors", "query_embedding_layers", "attention_weight")) for name in arrays):
        settings["dead"] = "action-0" if golden.setting("mask_dead", default=False) else "keep"
        settings["regulariser"] = float(golden.setting("attend_reg_coef", default=0.0))
        if golden.pymarl2 and (kind := golden.setting("type")) is not None:
            settings["weighted_head"] = kind == "weighted"
    if any(name.startswith("si_weight") for name in arrays):
        settings["minus_one"] = bool(golden.setting("is_minus_one", default=True))
        if any(name.startswith("attention_weight") for name in arrays):
            settings["state_bias"] = bool(golden.setting("state_bias", default=True))
        else:
            settings["transformation"] = bool(golden.setting("weighted_head", default=True))
    if any(name.startswith(("hyper_w_1", "hyper_w1")) for name in arrays):
        settings["sign"] = (
            golden.setting("qmix_pos_func", default="abs") if golden.setting("abs", default=True) else "free"
        )
    return mixer_from_pymarl(arrays, spec, **settings)


def joint_critic_of(golden: Golden, arrays: dict[str, np.ndarray], spec: EnvSpec) -> JointCritic:
    """QTRAN's critic, in the form that the file names."""
    forms: dict[str, Form] = {"qtran_paper": "pymarl", "coma_critic": "pymarl-coma"}
    return joint_critic_from_pymarl(arrays, spec, forms[golden.setting("qtran_arch", default="qtran_paper")])


def learner_mixer_of(golden: Golden, arrays: dict[str, np.ndarray], spec: EnvSpec) -> AbstractMixer:
    """The mixer whose weights there are; without any, the name tells a sum from none."""
    name = golden.setting("mixer")
    if arrays or name == "vdn":
        return mixer_of(golden, arrays, spec)
    assert name in (None, "None", "none", ""), f"the file has no weights of its mixer, which is {name!r}"
    return Independent().build(spec, jax.random.key(0))


def batch_spec(golden: Golden) -> EnvSpec:
    batch = golden.under("batch/")
    agents, actions = batch["avail_actions"].shape[2:]
    state = batch["state"].shape[-1]
    return spec_of(agents, actions, batch["obs"].shape[-1], state, unit_size(golden, agents, state))


def window_of(golden: Golden, spec: EnvSpec) -> Window:
    """The padded episodes, time first."""
    batch = {name: np.swapaxes(array, 0, 1) for name, array in golden.under("batch/").items()}
    steps, episodes = batch["state"].shape[0] - 1, batch["state"].shape[1]
    taken = batch["actions_onehot"]
    before = np.where(taken.any(axis=-1), taken.argmax(axis=-1), -1)[:-1]
    terminated, filled = batch["terminated"][..., 0] > 0, batch["filled"][..., 0] > 0
    avail = batch["avail_actions"] > 0
    valid = filled[:-1].copy()
    valid[1:] &= ~terminated[: steps - 1]
    return Window(
        observations=Observation(
            obs=jnp.array(batch["obs"], float),
            state=jnp.array(batch["state"], float),
            units=jnp.array(units_of(batch["state"], spec.n_agents, spec.unit_size), float),
            avail=jnp.array(avail),
            alive=jnp.array(~avail[..., 0]),
        ),
        last_action=jnp.array(np.concatenate([np.full_like(before[:1], -1), before])),
        first=jnp.array(np.arange(steps + 1)[:, None] == 0) & jnp.ones((1, episodes), bool),
        actions=jnp.array(batch["actions"][:-1, ..., 0]),
        reward=jnp.array(batch["reward"][:-1], float),
        terminated=jnp.array(terminated[:-1]),
        truncated=jnp.zeros((steps, episodes), bool),
        valid=jnp.array(valid),
        exploration=jnp.zeros((steps, episodes)),
    )
