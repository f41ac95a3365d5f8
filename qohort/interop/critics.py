"""Weights of the critics that never act: QTRAN's joint critic of PyMARL, weighted QMIX's unrestricted mixer.

What they are, and how wide, is read from names and shapes.
"""

from typing import Any

import jax

from qohort.errors import QohortError
from qohort.interop.places import Arrays, Place, count, filled, has, network, take
from qohort.interop.th_file import File, read
from qohort.mixers.central import CentralMixer
from qohort.networks.joint_critic import HIDDEN_LAYERS, Form, JointCritic, QTRANCritic, Size
from qohort.spec import EnvSpec

_JOINT = {"encoder": "action_encoding", "joint": "Q", "state_value": "V"}
_CENTRAL = {"attention": "atten_layer", "joint": "net", "value": "V"}


def joint_critic_config_from_pymarl(arrays: Arrays, spec: EnvSpec, form: Form | None = None) -> QTRANCritic:
    """The settings of PyMARL's `QTranBase`. Where its columns can be read in two ways, they are encodings."""
    embed, columns = take(arrays, "Q.0.weight").shape
    forms: dict[int, Form] = {spec.state_size + spec.n_agents * spec.n_actions: "pymarl-coma"}
    if has(arrays, "action_encoding"):
        forms[spec.state_size + take(arrays, "action_encoding.0.weight").shape[0]] = "pymarl"
    if form is None and columns not in forms:
        raise QohortError(
            f"`Q.0.weight` reads {columns} entries; in {spec.name}, with {spec.state_size} of state, "
            f"{spec.n_agents} agents and {spec.n_actions} actions, it reads {' or '.join(map(str, sorted(forms)))}. "
            "Choose the world it was trained on."
        )
    sizes: dict[int, Size] = {hidden + 1: size for size, hidden in HIDDEN_LAYERS.items()}
    layers = count(arrays, "Q")
    if layers not in sizes:
        raise QohortError(f"`Q` has {layers} layers; PyMARL's QTRAN has {' or '.join(map(str, sizes))}.")
    return QTRANCritic(form=form or forms[columns], size=sizes[layers], embed=embed)


def joint_critic_from_pymarl(weights: File | Arrays, spec: EnvSpec, form: Form | None = None) -> JointCritic:
    """A joint critic with the weights of PyMARL's `QTranBase`, a file or its arrays; encodings it does not read go."""
    arrays = read(weights)
    config = joint_critic_config_from_pymarl(arrays, spec, form)
    if config.form == "pymarl":
        features = take(arrays, "action_encoding.0.weight").shape[1] - spec.n_actions
    else:
        features = 1
        arrays = {name: array for name, array in arrays.items() if not name.startswith("action_encoding.")}
    critic = config.build(spec, features, jax.random.key(0))
    return filled(critic, arrays, critic_places(critic), spec)


def read_central(arrays: Arrays) -> dict[str, Any]:
    """What weights tell of the settings of an unrestricted mixer."""
    found = {"embed": take(arrays, "V.0.weight").shape[0], "attention": has(arrays, "atten_layer")}
    if found["attention"]:
        found["hypernet_hidden"] = take(arrays, "atten_layer.0.weight").shape[0]
    return found


def critic_places(module: JointCritic | CentralMixer) -> list[Place]:
    """Where the arrays of a critic come from."""
    names = _JOINT if isinstance(module, JointCritic) else _CENTRAL
    return [
        place
        for part, name in names.items()
        if getattr(module, part) is not None
        for place in network(module, part, [name], stacked=False)
    ]
