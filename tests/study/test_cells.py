"""Trials become cells: names, settings, and everything that is refused before anything runs."""

import re
from pathlib import Path

import pytest

from qohort.cli import train as command
from qohort.errors import QohortError
from qohort.study.cells import _settings, resolve
from qohort.study.grid import Grid
from qohort.training.settings import config_to_dict
from tests.study.tiny import tiny


def names(*grids: Grid) -> list[str]:
    return [cell.name for cell in resolve(grids)[0]]


def test_names_spell_what_varies():
    grid = tiny("qatten", options={"algorithm.mixer.heads": [1, 2], "algorithm.double-q": [True, False]})
    assert names(grid) == [
        f"games/two-step/qatten-mixer.heads={heads}-double_q={double}"
        for heads in (1, 2)
        for double in ("true", "false")
    ]
    assert names(tiny("iql", "vdn", worlds=("games/two-step", "games/and"))) == [
        "games/two-step/iql",
        "games/two-step/vdn",
        "games/and/iql",
        "games/and/vdn",
    ]


def test_names_do_not_depend_on_how_a_value_is_written():
    assert names(tiny("iql", options={"algorithm.gamma": ["0.90", "9e-1", 0.5]})) == [
        "games/two-step/iql-gamma=0.9",
        "games/two-step/iql-gamma=0.5",
    ]


def test_long_names_end_with_a_hash():
    values = [f"algorithm.optimiser.{name}" for name in ("learning-rate", "eps", "clip")]
    options = {name: [1.23456789012345e-05] for name in values} | {
        "algorithm.gamma": [0.123456789012345],
        "algorithm.loss-scale": [0.123456789012345],
    }
    first, second = names(tiny("qatten", options=options | {"algorithm.td-lambda": [0.12345678901, 0.12345678902]}))
    assert first != second
    assert len(Path(first).name) < 200


@pytest.mark.parametrize(("team", "network"), [(None, "Recurrent"), ("feed-forward", "FeedForward")])
def test_a_cell_is_what_the_command_trains(monkeypatch, team, network):
    """The study's own settings and `qohort train` with the cell's words: one and the same."""
    options = {"algorithm.mixer.heads": [1, "2"], "algorithm.double_q": False, "eval-every": 400}
    asked = tiny("qatten", "vdn", seeds=2, seed=5, preset="fast", team=team, options=options, steps=800)
    cells, _ = resolve([asked])
    assert len(cells) == 3
    for cell in cells:
        assert cell.config["algorithm"]["team"]["class"] == network
        called = []
        monkeypatch.setattr(command, "train", lambda *given, called=called, **more: called.append((given, more)))
        monkeypatch.setattr(command, "finish", lambda trained: 0)
        assert command.main(cell.words(Path("somewhere"))[1:]) == 0
        ((algorithm, world, run), more) = called[0]
        assert world == cell.config["world"]
        assert more == {"name": cell.config["name"], "source": cell.config["source"]}
        assert config_to_dict(algorithm) == cell.config["algorithm"]
        assert config_to_dict(run) == {**cell.config["run"], "folder": "somewhere"}
    assert [cell.options.get("algorithm.mixer.heads") for cell in cells] == [1, 2, None]
    assert {(cell.options["algorithm.double_q"], cell.seeds) for cell in cells} == {(False, (5, 6))}


def test_option_names_are_the_flags_of_train(capsys):
    with pytest.raises(SystemExit):
        command.main(["qatten", "games/relay", "--help"])
    shown = capsys.readouterr().out
    for flag in _settings("qatten", "games/relay", None, None):
        assert re.search(rf"--{flag}[ ,\n]", shown), flag


def test_an_option_that_some_lack():
    cells, notes = resolve([tiny("iql", "vdn", "qatten", options={"algorithm.mixer.heads": [1, 2]})])
    assert [cell.name.rpartition("/")[2] for cell in cells] == [
        *("iql", "vdn"),
        *("qatten-mixer.heads=1", "qatten-mixer.heads=2"),
    ]
    assert notes == ["algorithm.mixer.heads is no option of iql, vdn, which are trained without it."]


def test_grids_may_share_cells_and_labels_tell_them_apart():
    base = tiny("vdn")
    assert names(base, base) == ["games/two-step/vdn"]
    other = tiny("vdn", options={"algorithm.gamma": 0.5})
    with pytest.raises(QohortError, match=r"algorithm.gamma was 0.99 and is 0.5. .*`label`"):
        resolve([base, other])
    labelled = tiny("vdn", options={"algorithm.gamma": 0.5}, label="short-sighted")
    assert names(base, labelled) == ["games/two-step/vdn", "games/two-step/vdn-short-sighted"]


def test_the_base_of_an_ablation_is_trained_once():
    cells, notes = resolve([tiny("qatten", one_at_a_time={"algorithm.mixer.heads": [1, 4], "algorithm.gamma": 0.9})])
    assert [cell.label for cell in cells] == ["", "mixer.heads=1", "gamma=0.9"]
    assert notes == [
        "games/two-step/qatten-mixer.heads=4 has the settings of games/two-step/qatten, which stands for both."
    ]


@pytest.mark.parametrize(
    ("algorithm", "options", "sentence"),
    [
        ("qatten", {"algorithm.mixer.heds": 1}, "Did you mean 'algorithm.mixer.heads'?"),
        ("qatten", {"heads": 1}, "Did you mean 'algorithm.mixer.heads'?"),
        ("iql", {"algorithm.mixer.heads": 1}, "iql has no option named 'algorithm.mixer.heads'. Options"),
        ("qatten", {"steps": 5}, "'steps' belongs to the study itself"),
        ("qatten", {"folder": "x"}, "'folder' belongs to the study itself"),
        ("qatten", {"algorithm.mixer.heads": "x"}, "qatten on games/two-step: Error parsing --algorithm.mixer.heads"),
        ("qatten", {"algorithm.mixer.heads": "1 2"}, "Unrecognized options: 2"),
        ("qatten", {"algorithm.mixer.heads": 0}, "Qatten.heads is 0; it must be at least 1"),
        ("qatten", {"algorithm.estimator": "foo"}, "invalid choice 'foo' for argument '--algorithm.estimator'"),
        ("qatten", {"algorithm.double-q": "x"}, "double-q is 'x'; it must be true or false"),
        ("qatten", {"chunk": 7}, "--eval-every is 100"),
        ("qatten", {"eval-episodes": [4, 8]}, "Two cells are called games/two-step/qatten"),
        ("qaten", {}, "Did you mean 'qatten'?"),
    ],
)
def test_options_that_are_refused(algorithm, options, sentence):
    with pytest.raises(QohortError) as refusal:
        resolve([tiny(algorithm, options=options)])
    assert sentence in str(refusal.value)


def test_what_train_would_refuse_is_refused_before_anything_is_trained():
    grid = Grid(algorithms=("mappo",), worlds=("games/two-step",), options={"chunk": 7, "eval_every": 6720}, steps=6720)
    with pytest.raises(QohortError, match="chunk is 7, but stretches of"):
        resolve([grid])


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"worlds": ["games/two-stp"]}, "Did you mean 'games/two-step'?"),
        ({"worlds": ["tests.cli.faulty:individual"]}, "--algorithm.reward-reduction sum or mean"),
        ({"preset": "fats"}, "Did you mean 'fast'?"),
        ({"team": "feedforward"}, "Did you mean 'feed-forward'?"),
        ({"seeds": 0}, "--seeds is 0; it must be at least 1"),
        ({"steps": 155}, "--steps is 155"),
    ],
)
def test_grids_that_cannot_be_trained(settings, sentence):
    with pytest.raises(QohortError) as refusal:
        resolve([tiny("qmix", **settings)])
    assert sentence in str(refusal.value)


def test_a_world_that_only_this_process_knows(monkeypatch):
    from qohort.envs import make, registry

    monkeypatch.setitem(registry._registered, "mine/and", lambda: make("games/and"))
    with pytest.raises(QohortError, match="registered in this process alone"):
        resolve([tiny("vdn", worlds=["mine/and"])])
