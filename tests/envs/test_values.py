import inspect
import math
import pathlib
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Protocol, get_args, get_origin

import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import Array, Float

from qohort.envs import make, names, registry
from qohort.envs.battle import Battle, scenario_file
from qohort.envs.battle.catalogue import named
from qohort.envs.battle.factory import FLAGS, PHYSICS
from qohort.envs.battle.opponent import Stand
from qohort.envs.games import MatrixGame
from qohort.envs.games.relay import Relay
from qohort.envs.values import annotations, checked
from qohort.errors import QohortError

ROOT = pathlib.Path(__file__).parents[2]
OF_EVERY_BATTLE = FLAGS | PHYSICS
NEEDED = {"battle/custom": {"scenario": named("3m")}}

TAKEN_BY: dict[str, set[Any]] = {
    "nonsense": {str},
    "True": {bool},
    "0": {int, float},
    "1.5": {float},
    "NaN": set(),
    "Infinity": set(),
    '{"a": 1}': set(),
}
"""What may be written behind a name, and the annotations that allow it."""


def factory_of(name: str) -> tuple[Callable[..., Any], set[str]]:
    """With what the name fixes."""
    entry = registry.BUILT_IN[name]
    return registry._imported(entry.factory), set(entry.options)


def options_of(name: str) -> dict[str, Any]:
    factory, fixed = factory_of(name)
    named = annotations(factory) | (OF_EVERY_BATTLE if name.startswith("battle/") else {})
    return {option: annotation for option, annotation in named.items() if option not in fixed}


def allowed(annotation: Any) -> set[Any]:
    """The members of a union, or the annotation alone."""
    return {annotation} if get_origin(annotation) in (None, Literal, tuple, Sequence) else set(get_args(annotation))


@pytest.mark.parametrize("name", names())
def test_every_option_of_every_world_refuses_what_it_is_not(name):
    for option, annotation in options_of(name).items():
        for text in (text for text, takers in TAKEN_BY.items() if not takers & allowed(annotation)):
            given = {key: value for key, value in NEEDED.get(name, {}).items() if key != option}
            with pytest.raises(QohortError, match=rf"^\w+/\S+: {option} is "):
                make(f"{name}?{option}={text}", **given)


@pytest.mark.parametrize("name", names())
def test_no_world_refuses_its_defaults(name):
    factory, fixed = factory_of(name)
    parameters = inspect.signature(factory).parameters
    named = {option: parameters[option].default for option in annotations(factory) if option not in fixed}
    assert checked(name, annotations(factory), named) == named


def test_no_battle_refuses_its_defaults():
    defaults = {
        field.name: field.default
        for of in (Battle.__annotations__["flags"], Battle.__annotations__["physics"])
        for field in inspect.signature(of).parameters.values()
    }
    assert defaults.keys() == OF_EVERY_BATTLE.keys()
    assert checked("battle", OF_EVERY_BATTLE, defaults) == defaults


def written_names() -> list[str]:
    """The worlds with options in what we tell users to write."""
    pages = [ROOT / "README.md", *ROOT.glob("docs/**/*.md"), *ROOT.glob("benchmarks/studies/*.toml")]
    found = (re.findall(r"[a-z]+/[\w-]+\?[a-z_]+=[^\s\"'`]+", page.read_text()) for page in pages)
    return sorted({name for names in found for name in names})


@pytest.mark.parametrize("name", written_names())
def test_the_names_in_the_documentation_are_worlds(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("ambush.json").write_text(scenario_file.to_json(named("3m")))
    make(name)


def test_the_documentation_has_names_with_options():
    assert {"battle/3m?reward_sparse=true&scan=6", "games/two-matrices?seen_by=[0]"} <= set(written_names())


@pytest.mark.parametrize("text", ["True", "true", "False", "false"])
def test_flags_are_written_as_in_json_or_in_python(text):
    world = make(f"battle/3m?reward_sparse={text}")
    assert isinstance(world, Battle)
    assert world.flags.reward_sparse is (text.lower() == "true")


@pytest.mark.parametrize("text", ["None", "null"])
def test_nothing_is_written_as_in_json_or_in_python(text):
    assert make(f"traffic/medium?limit={text}").spec.limit == 40


def test_numbers_become_what_the_world_asks_for():
    relay, battle = make("games/relay?slack=1e0"), make("battle/3m?scan=6&jitter=[0,1]&reward_win=100")
    assert isinstance(relay, Relay)
    assert (relay.spec.limit, type(relay.spec.limit)) == (13, int)
    assert isinstance(battle, Battle)
    assert (battle.physics.scan, battle.physics.jitter) == (6.0, (0.0, 1.0))
    assert type(battle.flags.reward_win) is int
    hash(battle.physics)


def test_objects_can_be_given_in_python_only():
    world = make("battle/3m", opponent=Stand())
    assert isinstance(world, Battle)
    assert isinstance(world.opponent, Stand)
    for given in ({}, {"opponent": "nobody"}):
        with pytest.raises(QohortError, match=r"'nobody'; it must be an AbstractOpponent \(only from Python\) or None"):
            make("battle/3m" if given else "battle/3m?opponent=nobody", **given)


@pytest.mark.parametrize(
    ("annotation", "given", "taken"),
    [
        (int, 25.0, 25),
        (int, np.int64(3), 3),
        (float, 2, 2.0),
        (float, jnp.float32(0.5), 0.5),
        (int | float, 2, 2),
        (int | float, 2.0, 2.0),
        (bool, np.True_, True),
        (int | None, None, None),
        (Literal[1, "two"], "two", "two"),
        (tuple[int, ...], [1, 2.0], (1, 2)),
        (tuple[str, int], ["a", 1], ("a", 1)),
        (tuple, [1, "a"], (1, "a")),
        (list[float], (1, 2), [1.0, 2.0]),
        (Sequence[int], range(3), (0, 1, 2)),
        (Sequence[bool], np.array([True, False]), (True, False)),
        (Annotated[int, "whole"], 4.0, 4),
        (Path, "a/file", Path("a/file")),
        (Path | str, "a/file", "a/file"),
        (dict[str, int], {"a": 1}, {"a": 1}),
        (Mapping[str, int], {"a": 1}, {"a": 1}),
        (Callable[[int], int], abs, abs),
        (Any, "x", "x"),
        ("postponed", "x", "x"),
        (inspect.Parameter.empty, "x", "x"),
    ],
)
def test_values_are_taken_as_their_annotation_says(annotation, given, taken):
    result = checked("mine", {"x": annotation}, {"x": given})["x"]
    assert result == taken
    assert type(result) is type(taken)


def test_arrays_stay_arrays():
    array = jnp.ones(2)
    assert checked("mine", {"x": Float[Array, " n"]}, {"x": array})["x"] is array
    domains = np.array([[3.0, 1.0]])
    assert checked("mine", {"x": np.ndarray | Sequence[Any] | None}, {"x": domains})["x"] is domains


@pytest.mark.parametrize(
    ("annotation", "given", "words"),
    [
        (int, True, "True; it must be a whole number (at most 2**30)"),
        (int, math.inf, "inf; it must be a whole number (at most 2**30)"),
        (int, "3", "'3'; it must be a whole number (at most 2**30)"),
        (int | None, 1.5, "1.5; it must be a whole number (at most 2**30) or None"),
        (float, False, "False; it must be a finite number (at most 3e38)"),
        (float, math.nan, "nan; it must be a finite number (at most 3e38)"),
        (float, 10**400, f"{10**400}; it must be a finite number (at most 3e38)"),
        (int | float, "a", "'a'; it must be a finite number (at most 3e38)"),
        (float, 1e39, "1e+39; it must be a finite number (at most 3e38)"),
        (int, 2**31, "2147483648; it must be a whole number (at most 2**30)"),
        (bool, 1, "1; it must be true or false"),
        (bool | None, "no", "'no'; it must be true, false or None"),
        (str, 3, '3; it must be text such as "abc"'),
        (None, 3, "3; it must be None"),
        (Literal[1, 2], True, "True; it must be 1 or 2"),
        (Literal["a", "b", "c"], [], "[]; it must be 'a', 'b' or 'c'"),
        (tuple[int, bool], [1], "[1]; it must be a list: [a whole number (at most 2**30), true or false]"),
        (tuple[int, ...], [1, "a"], "[1, 'a']; it must be a list: [a whole number (at most 2**30), ...]"),
        (Sequence[str], "abc", "'abc'; it must be a list: [text such as \"abc\", ...]"),
        (list, 3, "3; it must be a list: [anything, ...]"),
        (Path, 3, "3; it must be a path"),
        (dict[str, int], "a", "'a'; it must be an object"),
        (np.ndarray | Array | None, "a", "'a'; it must be an array (only from Python) or None"),
        (Float[Array, " n"], [1.0], "[1.0]; it must be an array (only from Python)"),
        (Callable[[int], int], "abs", "'abs'; it must be a Callable (only from Python)"),
        (MatrixGame, "abs", "'abs'; it must be a MatrixGame (only from Python)"),
    ],
)
def test_other_values_are_told_what_they_must_be(annotation, given, words):
    with pytest.raises(QohortError) as told:
        checked("mine", {"x": annotation}, {"x": given})
    assert str(told.value) == f"mine: x is {words}."


class Sized(Protocol):
    size: int


def test_a_protocol_that_cannot_be_asked_takes_everything():
    assert checked("mine", {"x": Sized}, {"x": "text"}) == {"x": "text"}


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A module of a user, whose annotations are evaluated late."""
    (tmp_path / "late_worlds.py").write_text(
        "from __future__ import annotations\n"
        "from qohort.envs.games import MatrixGame\n"
        "def build(height: float = 1.0, loose='a', *, name: str = 'own') -> MatrixGame:\n"
        "    return MatrixGame([[0.0, height]], name=name)\n"
        "def unknown(height: NotThere = 1.0):\n"
        "    return MatrixGame([[0.0, height]])\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    yield
    sys.modules.pop("late_worlds", None)


@pytest.mark.usefixtures("own")
def test_worlds_of_users_are_checked_by_their_annotations():
    assert make("late_worlds:build?height=5&loose=3&name=mine").spec.name == "mine"
    with pytest.raises(
        QohortError, match=r"late_worlds:build: height is 'high'; it must be a finite number \(at most 3e38\)\."
    ):
        make("late_worlds:build?height=high")
    make("late_worlds:unknown?height=3")
