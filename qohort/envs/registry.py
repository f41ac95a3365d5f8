"""Worlds by name.

A built-in world is a row of a table: its name, where its factory is, and the options that make it that
world. Nothing is imported before it is asked for. Your own worlds need no row: `register` them, or name
them by `module:factory`.
"""

import dataclasses
import difflib
import importlib
import inspect
import json
import os
import sys
from collections.abc import Callable, Mapping
from typing import Any

from qohort.envs import values
from qohort.envs.base import AbstractEnv
from qohort.envs.battle.battles import BATTLES
from qohort.errors import QohortError


@dataclasses.dataclass(frozen=True)
class Entry:
    """Where a built-in world comes from: `module:factory`, and the options fixed by its name."""

    factory: str
    options: Mapping[str, Any] = dataclasses.field(default_factory=dict)


_MATRIX = "qohort.envs.games.matrix"

_BATTLE = "qohort.envs.battle.factory:battle"
_CROWD = "qohort.envs.battle.crowd:crowd"
_FORAGING = "qohort.envs.grids.foraging:Foraging"
_SQUEEZE = "qohort.envs.games.squeeze:GaussianSqueeze"
_PREY, _STAGS = "qohort.envs.grids.qtran_prey:QtranPrey", "qohort.envs.grids.stag_hunt:StagHunt"
_TRAFFIC = "qohort.envs.traffic.junction:TrafficJunction"

BUILT_IN: dict[str, Entry] = {
    **{f"battle/{name}": Entry(_BATTLE, {"map": name}) for name in BATTLES},
    "battle/custom": Entry(_BATTLE),
    "battle/crowd": Entry(_CROWD),
    "battle/crowd-300": Entry(_CROWD, {"name": "crowd-300", "size": 300}),
    "foraging/8x8-2p-2f-coop": Entry(_FORAGING, {"size": 8, "players": 2, "foods": 2, "sight": None, "coop": True}),
    "foraging/8x8-2p-2f-2s-coop": Entry(_FORAGING, {"size": 8, "players": 2, "foods": 2, "sight": 2, "coop": True}),
    "foraging/10x10-3p-3f": Entry(_FORAGING, {"size": 10, "players": 3, "foods": 3, "sight": None, "coop": False}),
    "foraging/10x10-3p-3f-2s": Entry(_FORAGING, {"size": 10, "players": 3, "foods": 3, "sight": 2, "coop": False}),
    "foraging/15x15-3p-5f": Entry(_FORAGING, {"size": 15, "players": 3, "foods": 5, "sight": None, "coop": False}),
    "foraging/15x15-4p-3f": Entry(_FORAGING, {"size": 15, "players": 4, "foods": 3, "sight": None, "coop": False}),
    "foraging/15x15-4p-5f": Entry(_FORAGING, {"size": 15, "players": 4, "foods": 5, "sight": None, "coop": False}),
    "games/and": Entry(f"{_MATRIX}:named", {"matrix": "and"}),
    "games/climbing": Entry(f"{_MATRIX}:named", {"matrix": "climbing"}),
    "games/gaussian-squeeze": Entry(_SQUEEZE, {"name": "gaussian-squeeze"}),
    "games/multi-domain-gaussian-squeeze": Entry(_SQUEEZE, {"name": "multi-domain-gaussian-squeeze"}),
    "games/or": Entry(f"{_MATRIX}:named", {"matrix": "or"}),
    "games/penalty": Entry(f"{_MATRIX}:penalty"),
    "games/qplex-matrix-1": Entry(f"{_MATRIX}:named", {"matrix": "qplex-matrix-1"}),
    "games/qplex-matrix-3": Entry(f"{_MATRIX}:named", {"matrix": "qplex-matrix-3"}),
    "games/qtran-matrix": Entry(f"{_MATRIX}:named", {"matrix": "qtran-matrix"}),
    "games/relay": Entry("qohort.envs.games.relay:Relay"),
    "games/two-matrices": Entry("qohort.envs.games.partial_matrix:two_matrices"),
    "games/two-step": Entry("qohort.envs.games.two_step:two_step"),
    "particles/rover-tower": Entry("qohort.envs.particles.rover_tower:RoverTower"),
    "particles/treasure": Entry("qohort.envs.particles.treasure:Treasure"),
    **{f"traffic/{level}": Entry(_TRAFFIC, {"difficulty": level}) for level in ("easy", "medium", "hard")},
    "pursuit/qtran-prey": Entry(_PREY, {"name": "qtran-prey"}),
    "pursuit/qtran-prey-7x7": Entry(_PREY, {"name": "qtran-prey-7x7", "predators": 4, "prey": 2, "size": 7}),
    "pursuit/qtran-prey-100": Entry(_PREY, {"name": "qtran-prey-100", "predators": 100, "vision": 2}),
    "pursuit/qtran-prey-300": Entry(_PREY, {"name": "qtran-prey-300", "predators": 300, "vision": 2}),
    "pursuit/stag-hunt": Entry(_STAGS, {"name": "stag-hunt"}),
    "pursuit/stag-hunt-100": Entry(_STAGS, {"name": "stag-hunt-100", "hunters": 100}),
    "pursuit/stag-hunt-300": Entry(_STAGS, {"name": "stag-hunt-300", "hunters": 300}),
    "rooms/pass": Entry("qohort.envs.grids.passage:Passage"),
}

_PYTHONS_WORDS = {"True": True, "False": False, "None": None}

_registered: dict[str, Callable[..., AbstractEnv]] = {}


def names() -> tuple[str, ...]:
    """The names that `make` knows, sorted."""
    return tuple(sorted({*BUILT_IN, *_registered}))


def register(name: str, factory: Callable[..., AbstractEnv]) -> None:
    """Give a world of your own a name. Registering the name again replaces it; built-in names stay.

    Args:
        name: for example `mine/maze`.
        factory: a class or function which returns the world; its arguments become options of `make`.
    """
    if not name or ":" in name or any(character.isspace() for character in name):
        raise QohortError(
            f"A world cannot be called {name!r}: a name has at least one character, no space and no colon "
            "(`module:factory` is how worlds without a name are written). Try something like 'mine/maze'."
        )
    if name in BUILT_IN:
        raise QohortError(f"{name!r} is a built-in world; give yours another name, such as 'mine/{name}'.")
    _registered[name] = factory


def make(name: str, /, **options: Any) -> AbstractEnv:
    """Build a world.

    Args:
        name: a built-in or registered name, or `module:factory` for a factory that can be imported (also
            from the current directory). Options may be part of it: `battle/3m?spread=0.5&reward_sparse=true`.
        **options: the factory's arguments. Each must be what the factory's annotation says, if there is one.
    """
    name, written = _split(name)
    for option in written.keys() & options.keys():
        raise QohortError(f"{name}: the option {option!r} is given twice, in the name and beside it.")
    options = {**written, **options}
    fixed: Mapping[str, Any] = {}
    if name in _registered:
        factory = _registered[name]
    elif name in BUILT_IN:
        factory, fixed = _imported(BUILT_IN[name].factory), BUILT_IN[name].options
    elif ":" in name:
        factory = _imported(name)
    else:
        raise QohortError(_unknown(name))
    _refuse_unknown_options(name, factory, fixed, options)
    env = factory(**fixed, **values.checked(name, values.annotations(factory), options))
    if not isinstance(env, AbstractEnv):
        raise QohortError(
            f"{name}: the factory returned a {type(env).__name__}, but a world is an instance of a subclass of "
            "qohort.envs.AbstractEnv."
        )
    return env


def base(name: str) -> str:
    """A world's name without options."""
    return name.partition("?")[0]


def _split(name: str) -> tuple[str, dict[str, Any]]:
    """A name, and the options that are written behind it, as JSON or in Python's words; all else is text."""
    name, _, query = name.partition("?")
    options = {}
    for part in query.split("&") if query else ():
        option, equals, value = part.partition("=")
        if not option or not equals:
            raise QohortError(
                f"{name}: {part!r} is no option; they are written as in 'battle/3m?spread=0.5&reward_sparse=true'."
            )
        try:
            options[option] = json.loads(value)
        except json.JSONDecodeError:
            options[option] = _PYTHONS_WORDS.get(value, value)
    return name, options


def _imported(target: str) -> Callable[..., Any]:
    module_name, _, attribute = target.partition(":")
    if not module_name or not attribute:
        raise QohortError(f"{target!r} is not of the form `module:factory`, for example 'my_package.worlds:build'.")
    if not {"", os.getcwd()} & set(sys.path):  # an installed command does not look where it was called
        sys.path.append(os.getcwd())
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module_name}.".startswith(f"{error.name}."):
            raise  # the module is there; what it imports is not
        raise QohortError(
            f"{target}: there is no module {error.name!r}. Install it, or call from the folder which holds it "
            f"(the current one is {os.getcwd()})."
        ) from None
    factory = getattr(module, attribute, None)
    if not callable(factory):
        what = "has no" if factory is None else "holds something that cannot be called under"
        raise QohortError(f"{target}: the module {module_name!r} {what} {attribute!r}; name a class or function.")
    return factory


def _unknown(name: str) -> str:
    by_last_part = {known.rpartition("/")[2]: known for known in names()}
    near = difflib.get_close_matches(name, (*names(), *by_last_part), n=1, cutoff=0.5)
    return (
        f"There is no world called {name!r}."
        + (f" Did you mean {by_last_part.get(near[0], near[0])!r}?" if near else "")
        + " `qohort list` shows them all; `qohort.envs.register(name, factory)` adds your own, and "
        "`module:factory` names one that can be imported."
    )


def _refuse_unknown_options(
    name: str, factory: Callable[..., AbstractEnv], fixed: Mapping[str, Any], options: Mapping[str, Any]
) -> None:
    parameters = inspect.signature(factory).parameters.values()
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return
    named = [p for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY) and p.name not in fixed]
    known = [parameter.name for parameter in named]
    has = f"it has {', '.join(known)}" if known else "it has none"
    for option in options:
        if option not in known:
            raise QohortError(f"{name}: there is no option {option!r}; {has}.")
    for parameter in named:
        if parameter.default is parameter.empty and parameter.name not in options:
            raise QohortError(f"{name}: the option {parameter.name!r} is needed and has no default; {has}.")
