"""Weights of PyMARL and its descendants: in, and out again.

A state dict is a mapping from PyTorch's names to arrays. Names are those of PyMARL (agent, QMIX), of the Qatten
authors' release (Qatten, Qlinear), of the QPLEX authors' release (QPLEX, with and without Qatten; copies elsewhere have
the same names), of weighted QMIX's release (its unrestricted mixer) and of PyMARL2 (QMIX and Qatten under other names).
What a mixer is, and how wide, is read from names and shapes; what weights do not tell (dead agents, regulariser) are
settings. QTRAN's critic comes in through `qohort.interop.critics`.
"""

import dataclasses
import operator
from collections.abc import Callable, Mapping
from typing import Any, Literal

import equinox as eqx
import jax
import numpy as np

from qohort.algorithms.value_decomposition import ValueDecomposition
from qohort.errors import QohortError
from qohort.interop.critics import critic_places, read_central
from qohort.interop.places import Arrays, Place, count, filled, has, linear, listed, network, outputs, take, title
from qohort.interop.th_file import File, read
from qohort.mixers import (
    QMIX,
    QPLEX,
    VDN,
    AbstractMixer,
    Central,
    CentralMixer,
    Importance,
    MixerConfig,
    Qatten,
    QattenMixer,
    Qlinear,
    QlinearMixer,
    QMIXMixer,
    QPLEXMixer,
    QPLEXQatten,
    QPLEXQattenMixer,
    VDNMixer,
)
from qohort.networks.base import AbstractTeam
from qohort.networks.hyper import layer_sizes
from qohort.networks.joint_critic import JointCritic
from qohort.networks.perceptron import Perceptron
from qohort.networks.recurrent import Recurrent, RecurrentAgent
from qohort.networks.sharing import IndependentTeam
from qohort.spec import EnvSpec
from qohort.training.load import LoadedTeam

Dialect = Literal["pymarl", "pymarl2"]
"""`pymarl`: PyMARL and the Qatten and QPLEX authors' releases."""


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
_QPLEX = {"weights": "hyper_w_final", "values": "V"}
_IMPORTANCE = {
    "magnitudes": "si_weight.key_extractors",
    "agents": "si_weight.agents_extractors",
    "actions": "si_weight.action_extractors",
}
_WITHIN = "attention_weight."
"""What the names of a Qatten begin with inside of a QPLEX."""

_KINDS: dict[str, tuple[type, Dialect]] = {
    "hyper_w_1": (QMIX, "pymarl"),
    "hyper_w1": (QMIX, "pymarl2"),
    "selector_extractors": (Qatten, "pymarl"),
    "query_embedding_layers": (Qatten, "pymarl2"),
    "weight_nn": (Qlinear, "pymarl"),
    "attention_weight": (QPLEXQatten, "pymarl"),
    "si_weight": (QPLEX, "pymarl"),
    "net.0": (Central, "pymarl"),
}


def agent_config_from_pymarl(arrays: Arrays, spec: EnvSpec) -> Recurrent:
    """The settings of a recurrent agent. Where the columns can be read in two ways, they are last actions."""
    first = take(arrays, "fc1.weight")
    if first.ndim != 2:
        raise QohortError(f"`fc1.weight` has the shape {first.shape}; an agent's first layer has two axes.")
    hidden, columns = first.shape
    for last_action, agent_id in ((True, True), (True, False), (False, True), (False, False)):
        if columns == spec.obs_size + last_action * spec.n_actions + agent_id * spec.n_agents:
            return Recurrent(hidden=hidden, last_action=last_action, agent_id=agent_id)
    raise QohortError(
        f"`fc1.weight` reads {columns} entries; in {spec.name} an agent has {spec.obs_size} of observation, "
        f"{spec.n_actions} for the last action and {spec.n_agents} for its id. Choose the world it was trained on."
    )


def agent_from_pymarl(weights: File | Arrays, spec: EnvSpec, config: Recurrent | None = None) -> IndependentTeam:
    """A team of agents that share PyMARL's recurrent agent, given as its `agent.th` or as arrays."""
    arrays = read(weights)
    config = agent_config_from_pymarl(arrays, spec) if config is None else config
    return _filled(config.build(spec, jax.random.key(0)), arrays, "pymarl", spec)


def team_from_pymarl(agent: File | Arrays, spec: EnvSpec) -> LoadedTeam:
    """A PyMARL agent, given as its `agent.th` or as arrays, ready to act in a world or to be evaluated there."""
    arrays = read(agent)
    config = agent_config_from_pymarl(arrays, spec)
    algorithm = ValueDecomposition(mixer=VDN(), team=config)
    return LoadedTeam(algorithm, agent_from_pymarl(arrays, spec, config), spec, step=0)


def dialect_of(arrays: Arrays) -> Dialect:
    """Whose names a mixer's weights have. PyMARL2 has both: its QMIX with two layers has its own, its older one not."""
    return _kind(arrays)[1]


def mixer_config_from_pymarl(arrays: Arrays, spec: EnvSpec, **settings: Any) -> MixerConfig | Central:
    """The settings of a mixer, as far as weights tell them; the others are given."""
    if not arrays:
        return _adjusted(VDN(), settings)
    kind, dialect = _kind(arrays)
    return _adjusted(kind(**_READERS[kind](arrays, spec, dialect)), settings)


def mixer_from_pymarl(weights: File | Arrays, spec: EnvSpec, **settings: Any) -> AbstractMixer:
    """A mixer with these weights, a `mixer.th` or its arrays; `settings` are what those do not tell, such as `dead`.

    Some releases make networks that they do not use: PyMARL2's Qatten always has head weights, QPLEX always a
    transformation. Say `weighted_head=False`, `state_bias=False` or `transformation=False` where it is not used.
    """
    arrays = read(weights)
    config = mixer_config_from_pymarl(arrays, spec, **settings)
    mixer: Any = config.build(spec, jax.random.key(0))
    dialect = dialect_of(arrays) if arrays else "pymarl"
    if isinstance(mixer, QattenMixer):
        mixer = _with_widths(mixer, arrays, _QATTEN[dialect])
    return _filled(mixer, _used(mixer, arrays, dialect), dialect, spec)


def to_pymarl(module: AbstractMixer | AbstractTeam | JointCritic, dialect: Dialect = "pymarl") -> dict[str, np.ndarray]:
    """The arrays of a mixer, a team or a joint critic under PyTorch's names; gradients of one work as well."""
    arrays: dict[str, np.ndarray] = {}
    for place in _places(module, dialect):
        joined = np.concatenate([np.asarray(part(module)) for part in place.parts], axis=place.axis)
        arrays |= zip(place.names, joined if place.stacked else [joined], strict=True)
    return arrays


def _filled(module: Any, arrays: Arrays, dialect: Dialect, spec: EnvSpec) -> Any:
    return filled(module, arrays, _places(module, dialect), spec)


def _used(mixer: Any, arrays: Arrays, dialect: Dialect) -> Arrays:
    """The arrays without those of networks that the mixer does without."""
    match mixer:
        case QattenMixer():
            parts, names = mixer, _QATTEN[dialect]
        case QPLEXQattenMixer():
            parts, names = mixer.attention, _within(_QATTEN["pymarl"])
        case QPLEXMixer():
            parts, names = mixer, _QPLEX
        case _:
            return arrays
    unused = tuple(f"{name}." for part, name in names.items() if getattr(parts, part) is None)
    return {name: array for name, array in arrays.items() if not name.startswith(unused)}


def _within(names: Mapping[str, str]) -> dict[str, str]:
    return {part: _WITHIN + name for part, name in names.items()}


def _places(module: Any, dialect: Dialect) -> list[Place]:
    match module:
        case IndependentTeam(agent=RecurrentAgent(norm=None), sets=None):
            return _agent_places()
        case VDNMixer(value=None):
            return []
        case QMIXMixer() if all(isinstance(getattr(module, part), Perceptron) for part in _QMIX[dialect]):
            # PyMARL2 wraps b_1's only layer in a sequence, where its name gets a number.
            names = {**_QMIX[dialect], **({"hidden_bias": "hyper_b1.0"} if dialect == "pymarl2" else {})}
            return [place for part, name in names.items() for place in network(module, part, [name], stacked=False)]
        case QattenMixer():
            return _qatten_places(module, "", _QATTEN[dialect])
        case (
            QlinearMixer(norm=None)
            | QPLEXMixer()
            | QPLEXQattenMixer()
            | CentralMixer()
            | JointCritic(value_encoder=None)
        ):
            return _PLACES[type(module)](module)
        case _:
            raise QohortError(
                f"PyMARL has no names for the weights of {title(module)} with these settings; it knows recurrent "
                "agents with shared weights, VDN, QMIX with a hidden layer and a state, Qatten, Qlinear, QPLEX, the "
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


def _qatten_places(module: Any, inside: str, names: Mapping[str, str]) -> list[Place]:
    """The places of a Qatten that is the module, or `inside` of it."""
    find = operator.attrgetter(f"{inside}key")
    heads = range(find(module).weight.shape[0])
    places = network(module, f"{inside}query", [f"{names['query']}.{head}" for head in heads], stacked=True)
    places += linear(find, module, [f"{names['key']}.{head}" for head in heads], stacked=True)
    return places + _present(module, inside, {part: names[part] for part in ("head_weights", "value")})


def _qplex_places(module: QPLEXMixer | QPLEXQattenMixer) -> list[Place]:
    if isinstance(module, QPLEXMixer):
        places = _present(module, "", _QPLEX)
    else:
        places = _qatten_places(module, "attention.", _within(_QATTEN["pymarl"]))
    kernels = range(module.importance.magnitudes.layers[0].weight.shape[0])
    return places + [
        place
        for part, name in _IMPORTANCE.items()
        for place in network(module, f"importance.{part}", [f"{name}.{kernel}" for kernel in kernels], stacked=True)
    ]


def _present(module: Any, inside: str, names: Mapping[str, str]) -> list[Place]:
    """The places of those networks that are there."""
    parts = {inside + part: name for part, name in names.items()}
    there = {part: name for part, name in parts.items() if operator.attrgetter(part)(module) is not None}
    return [place for part, name in there.items() for place in network(module, part, [name], stacked=False)]


def _qlinear_places(mixer: QlinearMixer) -> list[Place]:
    first = "weight_nn" if mixer.last is None else "weight_nn.0"
    places = [Place((f"{first}.weight",), (lambda m: m.unit_weights, lambda m: m.state_weights), axis=1)]
    if mixer.bias is not None:
        places.append(Place((f"{first}.bias",), (lambda m: m.bias,)))
    if mixer.last is not None:
        places.append(Place(("weight_nn.2.weight",), (lambda m: m.last.weight,)))
    return places + _present(mixer, "", {"value": "V"})


def _with_widths(mixer: QattenMixer, arrays: Arrays, names: Mapping[str, str]) -> QattenMixer:
    """PyMARL2 has a width for each network, where our settings have one for hypernetworks and one for c(s)."""
    for part in ("head_weights", "value"):
        network = getattr(mixer, part)
        name = f"{names[part]}.0.weight"
        if network is not None and len(network.layers) == 2 and name in arrays:
            inputs, outputs = network.layers[0].weight.shape[1], network.layers[-1].weight.shape[0]
            fitting = Perceptron(layer_sizes(inputs, outputs, 2, arrays[name].shape[0]), jax.random.key(0))
            mixer = eqx.tree_at(lambda m, part=part: getattr(m, part), mixer, fitting)
    return mixer


_PLACES: dict[type, Callable[[Any], list[Place]]] = {
    QlinearMixer: _qlinear_places,
    QPLEXMixer: _qplex_places,
    QPLEXQattenMixer: _qplex_places,
    CentralMixer: critic_places,
    JointCritic: critic_places,
}
"""Where the arrays of those come from whose names are the same everywhere."""


def _read_qmix(arrays: Arrays, spec: EnvSpec, dialect: Dialect) -> dict[str, Any]:
    names = _QMIX[dialect]
    return {"embed": outputs(arrays, names["hidden_bias"]), **_read_hypernet(arrays, names["hidden_weights"])}


def _read_qatten(arrays: Arrays, spec: EnvSpec, dialect: Dialect) -> dict[str, Any]:
    names = _QATTEN[dialect]
    key = take(arrays, f"{names['key']}.0.weight")
    return {
        "heads": count(arrays, names["key"]),
        "embed": key.shape[0],
        "state_bias": has(arrays, names["value"]),
        "weighted_head": has(arrays, names["head_weights"]),
        "nonlinear": key.shape[1] == spec.unit_size + 1,
        "biases": f"{names['key']}.0.bias" in arrays,
        **({"regulariser": 0.0} if dialect == "pymarl2" else {}),
        **_read_hypernet(arrays, f"{names['query']}.0"),
    }


def _read_qlinear(arrays: Arrays, spec: EnvSpec, dialect: Dialect) -> dict[str, Any]:
    biased = has(arrays, "V")
    embed = {"embed": take(arrays, "V.0.weight").shape[0]} if biased else {}
    return {"state_bias": biased, **embed, **_read_hypernet(arrays, "weight_nn")}


def _read_qplex(arrays: Arrays, spec: EnvSpec, dialect: Dialect) -> dict[str, Any]:
    transformed = has(arrays, _QPLEX["weights"])
    hidden = {"hypernet_hidden": take(arrays, f"{_QPLEX['weights']}.0.weight").shape[0]} if transformed else {}
    return {"transformation": transformed, **hidden, "importance": _read_importance(arrays)}


def _read_qplex_qatten(arrays: Arrays, spec: EnvSpec, dialect: Dialect) -> dict[str, Any]:
    inner = {name.removeprefix(_WITHIN): array for name, array in arrays.items() if name.startswith(_WITHIN)}
    return {"attention": Qatten(**_read_qatten(inner, spec, dialect)), "importance": _read_importance(arrays)}


def _read_importance(arrays: Arrays) -> Importance:
    first = f"{_IMPORTANCE['magnitudes']}.0"
    layers: Any = 1 if f"{first}.weight" in arrays else count(arrays, first)
    hidden = {} if layers == 1 else {"hidden": take(arrays, f"{first}.0.weight").shape[0]}
    return Importance(kernels=count(arrays, _IMPORTANCE["magnitudes"]), layers=layers, **hidden)


def _read_hypernet(arrays: Arrays, first: str) -> dict[str, Any]:
    if f"{first}.2.weight" not in arrays:
        return {"hypernet_layers": 1}
    return {"hypernet_layers": 2, "hypernet_hidden": take(arrays, f"{first}.0.weight").shape[0]}


_READERS: dict[type, Callable[[Arrays, EnvSpec, Dialect], dict[str, Any]]] = {
    QMIX: _read_qmix,
    Qatten: _read_qatten,
    Qlinear: _read_qlinear,
    QPLEX: _read_qplex,
    QPLEXQatten: _read_qplex_qatten,
    Central: lambda arrays, spec, dialect: read_central(arrays),
}
"""What weights tell of the settings of each mixer."""


def _adjusted(config: Any, settings: Mapping[str, Any]) -> Any:
    """A config with these settings, each where it belongs: in the config, or in a part of it."""
    own = {field.name: getattr(config, field.name) for field in dataclasses.fields(config)}
    for name, value in settings.items():
        parts = [part for part, inside in own.items() if name not in own and name in _settings_of(inside)]
        if parts:
            own[parts[0]] = _adjusted(own[parts[0]], {name: value})
        elif name not in own:
            raise QohortError(f"{type(config).__name__} has no setting {name!r}; it has {', '.join(own)}.")
        else:
            own[name] = value
    return type(config)(**own)


def _settings_of(part: Any) -> set[str]:
    return {field.name for field in dataclasses.fields(part)} if dataclasses.is_dataclass(part) else set()


def _kind(arrays: Arrays) -> tuple[type, Dialect]:
    for prefix, kind in _KINDS.items():
        if has(arrays, prefix):
            return kind
    raise QohortError(
        f"No mixer known here has weights named {listed(sorted(arrays))}; known are those with {listed(_KINDS)}."
    )
