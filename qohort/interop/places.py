"""Where each array of ours is found among PyTorch's names: the bookkeeping behind `qohort.interop.pymarl`."""

import dataclasses
import operator
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from qohort.errors import QohortError
from qohort.networks.sharing import IndependentTeam
from qohort.spec import EnvSpec

Arrays = Mapping[str, np.ndarray]


@dataclasses.dataclass(frozen=True)
class Place:
    """Where one array of ours comes from."""

    names: tuple[str, ...]
    """Theirs; several if `stacked`."""
    parts: tuple[Callable[[Any], Any], ...]
    """Ours, joined along `axis`; most often one."""
    axis: int = 0
    stacked: bool = False
    """Whether ours has an axis of heads and theirs is one array for each head."""


def filled(module: Any, arrays: Arrays, places: list[Place], spec: EnvSpec) -> Any:
    """The module, with its weights replaced."""
    wanted = {name for place in places for name in place.names}
    if missing := sorted(wanted - set(arrays)):
        raise QohortError(f"These weights lack {listed(missing)}; a {title(module)} has {listed(sorted(wanted))}.")
    if unknown := sorted(set(arrays) - wanted):
        raise QohortError(f"A {title(module)} has no weights named {listed(unknown)}; it has {listed(sorted(wanted))}.")
    for place in places:
        theirs = [np.asarray(arrays[name]) for name in place.names]
        ours = [part(module) for part in place.parts]
        shape = _joined_shape([part.shape for part in ours], place)
        for name, array in zip(place.names, theirs, strict=True):
            if array.shape != shape:
                raise QohortError(
                    f"`{name}` has the shape {array.shape}; in {spec.name}, with {spec.n_agents} agents, "
                    f"{spec.n_actions} actions, {spec.state_size} state and {spec.unit_size} unit features, it is "
                    f"{shape}. Choose the world these weights were trained on."
                )
        whole = np.stack(theirs) if place.stacked else theirs[0]
        ends = np.cumsum([part.shape[place.axis] for part in ours])[:-1]
        pieces = np.split(whole, ends, axis=place.axis)
        renewed = tuple(jnp.asarray(piece, part.dtype) for piece, part in zip(pieces, ours, strict=True))
        module = eqx.tree_at(lambda m, place=place: tuple(part(m) for part in place.parts), module, renewed)
    return module


def _joined_shape(shapes: list[tuple[int, ...]], place: Place) -> tuple[int, ...]:
    """The shape of each of their arrays."""
    if place.stacked:
        return shapes[0][1:]
    joined = list(shapes[0])
    joined[place.axis] = sum(shape[place.axis] for shape in shapes)
    return tuple(joined)


def network(module: Any, part: str, names: list[str], *, stacked: bool) -> list[Place]:
    """The places of a hypernetwork: `name` if it has one layer, else `name.0`, `name.2`, ..."""
    find = operator.attrgetter(part)
    layers = len(find(module).layers)
    if any(norm is not None for norm in find(module).norms):
        raise QohortError(f"PyMARL has no names for the normalisation of {title(module)}; build it without `norm`.")
    places = []
    for i in range(layers):
        theirs = names if layers == 1 else [f"{name}.{2 * i}" for name in names]
        places += linear(lambda m, i=i: find(m).layers[i], module, theirs, stacked=stacked)
    return places


def linear(find: Callable[[Any], Any], module: Any, names: list[str], *, stacked: bool) -> list[Place]:
    """The places of one layer, which may have no bias."""
    kinds = ("weight",) if find(module).bias is None else ("weight", "bias")
    return [
        Place(
            tuple(f"{name}.{kind}" for name in names), (lambda m, kind=kind: getattr(find(m), kind),), stacked=stacked
        )
        for kind in kinds
    ]


def take(arrays: Arrays, name: str) -> np.ndarray:
    """One of their arrays."""
    if name not in arrays:
        raise QohortError(f"These weights lack `{name}`; they have {listed(sorted(arrays))}.")
    return np.asarray(arrays[name])


def has(arrays: Arrays, prefix: str) -> bool:
    """Whether anything lies below a name."""
    return any(name.startswith(prefix + ".") for name in arrays)


def count(arrays: Arrays, prefix: str) -> int:
    """How many modules a list of modules has."""
    return len({name[len(prefix) + 1 :].split(".")[0] for name in arrays if name.startswith(prefix + ".")})


def outputs(arrays: Arrays, name: str) -> int:
    """The outputs of a single layer, whether or not a sequence is wrapped around it."""
    return take(arrays, f"{name}.0.weight" if f"{name}.0.weight" in arrays else f"{name}.weight").shape[0]


def listed(names: Iterable[str], most: int = 6) -> str:
    """Names for a sentence, the first few of them."""
    names = list(names)
    if not names:
        return "none"
    return ", ".join(f"`{name}`" for name in names[:most]) + (
        f" and {len(names) - most} more" if len(names) > most else ""
    )


def title(module: Any) -> str:
    """What a module is called in a sentence."""
    return type(module.agent).__name__ if isinstance(module, IndependentTeam) else type(module).__name__
