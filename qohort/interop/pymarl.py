"""Weights of PyMARL and its descendants: in, and out again.

A state dict is a mapping from PyTorch's names to arrays. Names are those of PyMARL (agent, QMIX), of the Qatten
authors' release (Qatten, Qlinear), of weighted QMIX's (its unrestricted mixer) and of PyMARL2 (QMIX and Qatten under
other names). What a mixer is, and how wide, is read from names and shapes; what weights do not tell (dead agents,
regulariser) are settings. QTRAN's critic comes in through `qohort.interop.critics`.
"""

import pathlib
from collections.abc import Callable, Mapping
from typing import Any, Literal

import equinox as eqx
import jax
import numpy as np

from qohort.algorithms.value_decomposition import ValueDecomposition
from qohort.errors import QohortError
from qohort.interop.critics import critic_places, read_central
from qohort.interop.places import Arrays, Place, count, filled, has, linear, listed, network, outputs, take, title
from qohort.mixers import (
    QMIX,
    VDN,
    AbstractMixer,
    Central,
    CentralMixer,
    MixerConfig,
    Qatten,
    QattenMixer,
    Qlinear,
    QlinearMixer,
    QMIXMixer,
)
from qohort.mixers.vdn import VDNMixer
from qohort.networks.base import AbstractTeam
from qohort.networks.hyper import Hypernetwork, layer_sizes
from qohort.networks.joint_critic import JointCritic
from qohort.networks.recurrent import Recurrent, RecurrentAgent
from qohort.networks.sharing import IndependentTeam
from qohort.spec import EnvSpec
from qohort.training.load import LoadedTeam

Dialect = Literal["pymarl", "pymarl2"]
"""`pymarl`: PyMARL and the Qatten authors' release."""


_QMIX = {
    "pymarl": {
        "hidden_weights": "hyper_w_1",
        "hidden_bias": "hyper_b_1",
        "final_weights": "hyper_w_final",
        "value": "V",
    },
    "pymarl2": {
        "hidden_weights": "hyper_w1",
        "hidden_bias": "hyper_b1",
        "final_weights": "hyper_w2",
        "value": "hyper_b2",
    },
}
_QATTEN = {
    "pymarl": {
        "query": "selector_extractors",
        "key": "key_extractors",
        "head_weights": "hyper_w_head",
        "value": "V",
    },
    "pymarl2": {
        "query": "query_embedding_layers",
        "key": "key_embedding_layers",
        "head_weights": "head_embedding_layer",
        "value": "constrant_value_layer",
    },
}
_KINDS: dict[str, tuple[type, Dialect]] = {
    "hyper_w_1": (QMIX, "pymarl"),
    "hyper_w1": (QMIX, "pymarl2"),
    "selector_extractors": (Qatten, "pymarl"),
    "query_embedding_layers": (Qatten, "pymarl2"),
    "weight_nn": (Qlinear, "pymarl"),
    "net.0": (Central, "pymarl"),
}


def read_th(path: str | pathlib.Path) -> dict[str, np.ndarray]:
    """The arrays of a `.th` file."""
    try:
        import torch
    except ImportError as missing:
        raise QohortError(
            f"{path}: reading PyTorch files needs torch, which is not installed. Run: pip install 'qohort[pymarl]'"
        ) from missing
    if not pathlib.Path(path).is_file():
        raise QohortError(f"{path}: there is no such file; name an `agent.th` or `mixer.th` that PyMARL has saved.")
    state = torch.load(path, map_location="cpu", weights_only=True)
    return {name: tensor.numpy() for name, tensor in state.items()}


def agent_config_from_pymarl(arrays: Arrays, spec: EnvSpec) -> Recurrent:
    """The settings of a recurrent agent. Where the columns can be read in two ways, they are last actions."""
    hidden, columns = take(arrays, "fc1.weight").shape
    for last_action, agent_id in ((True, True), (True, False), (False, True), (False, False)):
        if columns == spec.obs_size + last_action * spec.n_actions + agent_id * spec.n_agents:
            return Recurrent(hidden=hidden, last_action=last_action, agent_id=agent_id)
    raise QohortError(
        f"`fc1.weight` reads {columns} entries; in {spec.name} an agent has {spec.obs_size} of observation, "
        f"{spec.n_actions} for the last action and {spec.n_agents} for its id. Choose the world it was trained on."
    )


def agent_from_pymarl(arrays: Arrays, spec: EnvSpec, config: Recurrent | None = None) -> IndependentTeam:
    """A team of agents that share PyMARL's recurrent agent."""
    config = agent_config_from_pymarl(arrays, spec) if config is None else config
    return _filled(config.build(spec, jax.random.key(0)), arrays, "pymarl", spec)


def team_from_pymarl(agent: str | pathlib.Path | Arrays, spec: EnvSpec) -> LoadedTeam:
    """A PyMARL agent, given as its `agent.th` or as arrays, ready to act in a world or to be evaluated there."""
    arrays = read_th(agent) if isinstance(agent, str | pathlib.Path) else agent
    config = agent_config_from_pymarl(arrays, spec)
    algorithm = ValueDecomposition(mixer=VDN(), team=config)
    return LoadedTeam(algorithm, agent_from_pymarl(arrays, spec, config), spec, step=0)


def mixer_config_from_pymarl(arrays: Arrays, spec: EnvSpec, **settings: Any) -> MixerConfig | Central:
    """The settings of a mixer, as far as weights tell them; the others are given."""
    if not arrays:
        return VDN(**settings)
    kind, dialect = _kind(arrays)
    if kind is Central:
        return Central(**{**read_central(arrays), **settings})
    if kind is QMIX:
        names = _QMIX[dialect]
        found: dict[str, Any] = {"embed": outputs(arrays, names["hidden_bias"])}
        first = names["hidden_weights"]
    elif kind is Qatten:
        names = _QATTEN[dialect]
        key = take(arrays, f"{names['key']}.0.weight")
        first = f"{names['query']}.0"
        found = {
            "heads": count(arrays, names["key"]),
            "embed": key.shape[0],
            "state_bias": has(arrays, names["value"]),
            "weighted_head": has(arrays, names["head_weights"]),
            "nonlinear": key.shape[1] == spec.unit_size + 1,
            "biases": f"{names['key']}.0.bias" in arrays,
        }
        if dialect == "pymarl2":
            found["regulariser"] = 0.0
    else:
        first = "weight_nn"
        found = {"state_bias": has(arrays, "V")}
        if found["state_bias"]:
            found["embed"] = take(arrays, "V.0.weight").shape[0]
    found["hypernet_layers"] = 2 if f"{first}.2.weight" in arrays else 1
    if found["hypernet_layers"] == 2:
        found["hypernet_hidden"] = take(arrays, f"{first}.0.weight").shape[0]
    return kind(**{**found, **settings})


def mixer_from_pymarl(arrays: Arrays, spec: EnvSpec, **settings: Any) -> AbstractMixer:
    """A mixer with these weights. `settings` are what weights do not tell, such as `dead` or `regulariser`.

    PyMARL2's Qatten always has a network of head weights: say `weighted_head=False` where it is not used.
    """
    config = mixer_config_from_pymarl(arrays, spec, **settings)
    mixer: Any = config.build(spec, jax.random.key(0))
    dialect: Dialect = _kind(arrays)[1] if arrays else "pymarl"
    if isinstance(mixer, QattenMixer):
        mixer = _with_widths(mixer, arrays, _QATTEN[dialect])
        if dialect == "pymarl2" and mixer.head_weights is None:
            unused = _QATTEN[dialect]["head_weights"] + "."
            arrays = {name: array for name, array in arrays.items() if not name.startswith(unused)}
    return _filled(mixer, arrays, dialect, spec)


def to_pymarl(module: AbstractMixer | AbstractTeam | JointCritic, dialect: Dialect = "pymarl") -> dict[str, np.ndarray]:
    """The arrays of a mixer, a team or a joint critic under PyTorch's names; gradients of one work as well."""
    arrays: dict[str, np.ndarray] = {}
    for place in _places(module, dialect):
        joined = np.concatenate([np.asarray(part(module)) for part in place.parts], axis=place.axis)
        arrays |= zip(place.names, joined if place.stacked else [joined], strict=True)
    return arrays


def _filled(module: Any, arrays: Arrays, dialect: Dialect, spec: EnvSpec) -> Any:
    return filled(module, arrays, _places(module, dialect), spec)


def _places(module: Any, dialect: Dialect) -> list[Place]:
    match module:
        case IndependentTeam(agent=RecurrentAgent(), sets=None):
            return _agent_places()
        case VDNMixer(value=None):
            return []
        case QMIXMixer() if all(isinstance(getattr(module, part), Hypernetwork) for part in _QMIX[dialect]):
            # PyMARL2 wraps b_1's only layer in a sequence, where its name gets a number.
            names = {**_QMIX[dialect], **({"hidden_bias": "hyper_b1.0"} if dialect == "pymarl2" else {})}
            return [place for part, name in names.items() for place in network(module, part, [name], stacked=False)]
        case QattenMixer():
            return _qatten_places(module, _QATTEN[dialect])
        case QlinearMixer():
            return _qlinear_places(module)
        case CentralMixer() | JointCritic(value_encoder=None):
            return critic_places(module)
        case _:
            raise QohortError(
                f"PyMARL has no names for the weights of {title(module)} with these settings; it knows recurrent "
                "agents with shared weights, VDN, QMIX with a hidden layer and a state, Qatten, Qlinear, the "
                "unrestricted mixer of weighted QMIX, and QTRAN's critic in the forms of PyMARL."
            )


def _agent_places() -> list[Place]:
    def part(*path: str) -> Callable[[Any], Any]:
        def get(team: Any) -> Any:
            for step in ("agent", *path):
                team = getattr(team, step)
            return team

        return get

    layers = [
        Place((f"{layer}.{kind}",), (part(layer, kind),)) for layer in ("fc1", "fc2") for kind in ("weight", "bias")
    ]
    gates = [
        Place((f"rnn.{kind}_{side}h",), tuple(part("gru", f"{kind}_{side}{gate}") for gate in "rzn"))
        for kind in ("weight", "bias")
        for side in "ih"
    ]
    return layers + gates


def _qatten_places(mixer: QattenMixer, names: Mapping[str, str]) -> list[Place]:
    heads = range(mixer.config.heads)
    places = network(mixer, "query", [f"{names['query']}.{head}" for head in heads], stacked=True)
    places += linear(lambda m: m.key, mixer, [f"{names['key']}.{head}" for head in heads], stacked=True)
    for part in ("head_weights", "value"):
        if getattr(mixer, part) is not None:
            places += network(mixer, part, [names[part]], stacked=False)
    return places


def _qlinear_places(mixer: QlinearMixer) -> list[Place]:
    first = "weight_nn" if mixer.last is None else "weight_nn.0"
    places = [Place((f"{first}.weight",), (lambda m: m.unit_weights, lambda m: m.state_weights), axis=1)]
    if mixer.bias is not None:
        places.append(Place((f"{first}.bias",), (lambda m: m.bias,)))
    if mixer.last is not None:
        places.append(Place(("weight_nn.2.weight",), (lambda m: m.last.weight,)))
    return places + (network(mixer, "value", ["V"], stacked=False) if mixer.value is not None else [])


def _with_widths(mixer: QattenMixer, arrays: Arrays, names: Mapping[str, str]) -> QattenMixer:
    """PyMARL2 has a width for each network, where our settings have one for hypernetworks and one for c(s)."""
    for part in ("head_weights", "value"):
        network = getattr(mixer, part)
        name = f"{names[part]}.0.weight"
        if network is not None and len(network.layers) == 2 and name in arrays:
            inputs, outputs = network.layers[0].weight.shape[1], network.layers[-1].weight.shape[0]
            fitting = Hypernetwork(layer_sizes(inputs, outputs, 2, arrays[name].shape[0]), jax.random.key(0))
            mixer = eqx.tree_at(lambda m, part=part: getattr(m, part), mixer, fitting)
    return mixer


def _kind(arrays: Arrays) -> tuple[type, Dialect]:
    for prefix, kind in _KINDS.items():
        if has(arrays, prefix):
            return kind
    raise QohortError(
        f"No mixer known here has weights named {listed(sorted(arrays))}; known are those with {listed(_KINDS)}."
    )
