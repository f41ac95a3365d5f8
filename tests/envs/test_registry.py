import sys

import pytest

from qohort.envs import make, names, register, registry
from qohort.envs.battle import Battle
from qohort.envs.games import MatrixGame, TabularGame
from qohort.errors import QohortError


@pytest.fixture(autouse=True)
def nothing_stays_registered(monkeypatch):
    monkeypatch.setattr(registry, "_registered", {})


def test_names_are_sorted_and_hold_built_in_and_registered_worlds():
    assert "games/two-step" in names()
    register("games/a-first", lambda: MatrixGame([0.0, 1.0]))
    games = [name for name in names() if name.startswith("games/")]
    assert games[:2] == ["games/a-first", "games/and"]
    assert list(names()) == sorted(names())


def test_make_builds_a_built_in_world():
    assert isinstance(make("games/two-step"), TabularGame)


def test_options_reach_the_factory():
    world = make("games/penalty", k=-3.0)
    assert isinstance(world, MatrixGame)
    assert world.payoff.min() == -3.0


def test_registering_again_replaces():
    register("mine/game", lambda: MatrixGame([0.0, 1.0]))
    register("mine/game", lambda: MatrixGame([0.0, 1.0, 2.0]))
    assert make("mine/game").spec.n_actions == 3


def test_an_unknown_name_is_told_the_nearest_and_what_to_do():
    with pytest.raises(QohortError) as told:
        make("games/twostep")
    for part in ("'games/twostep'", "Did you mean 'games/two-step'?", "qohort list", "register(name, factory)"):
        assert part in str(told.value)


@pytest.mark.parametrize(
    ("written", "meant"), [("3m", "battle/3m"), ("two-steps", "games/two-step"), ("maze", "mine/maze")]
)
def test_the_last_part_of_a_name_is_enough_to_be_told_the_name(written, meant):
    register("mine/maze", MatrixGame)
    with pytest.raises(QohortError, match=f"There is no world called '{written}'. Did you mean '{meant}'?"):
        make(written)


def test_a_name_like_no_other_gets_no_suggestion():
    with pytest.raises(QohortError) as told:
        make("xyzzy")
    assert "Did you mean" not in str(told.value)


def test_an_unknown_option_is_told_those_there_are():
    with pytest.raises(QohortError, match=r"games/penalty: there is no option 'kk'; it has k\."):
        make("games/penalty", kk=1)


def test_an_option_fixed_by_the_name_is_not_offered():
    with pytest.raises(QohortError, match=r"games/or: there is no option 'matrix'; it has none\."):
        make("games/or", matrix="and")


def test_a_needed_option_is_asked_for():
    register("mine/game", MatrixGame)
    with pytest.raises(QohortError, match=r"mine/game: the option 'payoff' is needed.*it has payoff, name, actions"):
        make("mine/game", name="mine/game")


def test_a_factory_that_returns_no_world():
    register("mine/nothing", lambda: 3)  # pyright: ignore[reportArgumentType]
    with pytest.raises(QohortError, match=r"mine/nothing: the factory returned a int.*AbstractEnv"):
        make("mine/nothing")


@pytest.mark.parametrize("name", ["", "my world", "package:factory"])
def test_names_that_could_not_be_asked_for_are_refused(name):
    with pytest.raises(QohortError, match="A world cannot be called"):
        register(name, MatrixGame)


def test_built_in_names_stay():
    with pytest.raises(QohortError, match="'games/or' is a built-in world"):
        register("games/or", MatrixGame)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty current directory that Python does not look in by itself."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry != ""])
    return tmp_path


def test_a_module_in_the_current_directory(folder, monkeypatch):
    (folder / "own_worlds.py").write_text(
        "from qohort.envs.games import MatrixGame\n"
        "def build(height=1.0):\n"
        "    return MatrixGame([[0.0, height]], name='own')\n"
    )
    monkeypatch.delitem(sys.modules, "own_worlds", raising=False)
    world = make("own_worlds:build", height=5.0)
    assert isinstance(world, MatrixGame)
    assert world.payoff.max() == 5.0
    with pytest.raises(QohortError, match="own_worlds:built: the module 'own_worlds' has no 'built'"):
        make("own_worlds:built")


def test_a_module_that_is_not_there(folder):
    with pytest.raises(QohortError, match=r"there is no module 'no_such_package'.*" + str(folder)):
        make("no_such_package.worlds:build")


def test_what_a_module_misses_is_not_taken_for_the_module(folder):
    (folder / "needs_more.py").write_text("import no_such_package\n")
    with pytest.raises(ModuleNotFoundError, match="no_such_package"):
        make("needs_more:build")


@pytest.mark.parametrize("target", [":build", "module:"])
def test_half_a_target(target):
    with pytest.raises(QohortError, match="not of the form `module:factory`"):
        make(target)


def test_options_may_be_written_behind_the_name():
    game, battle = make("games/penalty?k=-3.0"), make("battle/3m?spread=0.5&reward_sparse=true&data=lotv")
    assert isinstance(game, MatrixGame)
    assert game.payoff.min() == -3.0
    assert isinstance(battle, Battle)
    assert (battle.physics.spread, battle.flags.reward_sparse) == (0.5, True)


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("games/penalty?k", {}, "'k' is no option"),
        ("games/penalty?q=1", {}, "there is no option 'q'"),
        ("games/penalty?k=-3.0", {"k": -4.0}, "'k' is given twice"),
    ],
)
def test_options_that_cannot_be_read_are_told(name, options, words):
    with pytest.raises(QohortError, match=words):
        make(name, **options)
