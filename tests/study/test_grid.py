"""What grids and study files stand for, written out by hand."""

import json

import pytest

from qohort.errors import QohortError
from qohort.study.file import read_file
from qohort.study.grid import Grid, as_data, parse_option, trials


def short(grid: Grid) -> list[tuple[str, str, dict]]:
    return [(trial.world, trial.algorithm, dict(trial.options)) for trial in trials(grid)]


def test_everything_with_everything():
    grid = Grid(algorithms=("iql", "vdn"), worlds=("a", "b"), options={"x": [1, 2], "y": 3})
    assert short(grid) == [
        (world, algorithm, {"x": x, "y": 3}) for world in ("a", "b") for algorithm in ("iql", "vdn") for x in (1, 2)
    ]
    assert {trial.spelled for trial in trials(grid)} == {frozenset("x")}


def test_one_factor_at_a_time_around_a_base():
    grid = Grid(algorithms=("iql",), worlds=("a",), options={"x": 1}, one_at_a_time={"x": [2, 3], "y": True})
    assert [options for _, _, options in short(grid)] == [{"x": 1}, {"x": 2}, {"x": 3}, {"x": 1, "y": True}]
    assert [sorted(trial.spelled) for trial in trials(grid)] == [[], ["x"], ["x"], ["y"]]


def test_a_value_may_be_several_words():
    grid = Grid(algorithms=("iql",), worlds=("a",), options={"x": [[0, 0, 1], [0, 1, 1]]})
    assert [options["x"] for _, _, options in short(grid)] == [[0, 0, 1], [0, 1, 1]]


def test_a_grid_survives_being_written_down():
    grid = Grid(algorithms=("iql",), worlds=("a",), options={"x": [1, [2, 3]]}, label="l", preset="fast", steps=5)
    assert short(Grid(**json.loads(json.dumps(as_data(grid))))) == short(grid)


def test_options_on_the_command_line():
    assert parse_option("algorithm.mixer.heads=1,2, 4") == ("algorithm.mixer.heads", ["1", "2", "4"])
    for text in ("heads", "=1", "heads=", "heads=1,,2"):
        with pytest.raises(QohortError, match="is no option; write a flag"):
            parse_option(text)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"algorithms": ()}, "A study without algorithms has no cells"),
        ({"worlds": ()}, "A study without worlds has no cells"),
        ({"worlds": "games/and"}, "must be a list of names"),
        ({"label": "a b"}, "cannot be part of a folder's name"),
        ({"label": "2"}, "cannot be part of a folder's name"),
        ({"options": {"x": [1, 2]}, "one_at_a_time": {"x": [3]}}, "Give it one value"),
    ],
)
def test_grids_that_are_refused(settings, sentence):
    with pytest.raises(QohortError, match=sentence):
        Grid(**{"algorithms": ("iql",), "worlds": ("a",), **settings})


def test_an_empty_list_of_values_is_refused():
    with pytest.raises(QohortError, match="empty list of values"):
        trials(Grid(algorithms=("iql",), worlds=("a",), options={"x": []}))


TOML = """
worlds = ["battle/3m"]
seeds = 5
preset = "fast"

[options]
algorithm.td-lambda = 0.8

[[grid]]
algorithms = ["iql", "vdn"]

[[grid]]
algorithms = ["qatten"]
worlds = ["battle/2s3z"]
label = "wide"
options.algorithm.mixer.heads = [1, 4]
one_at_a_time = {"algorithm.gamma" = [0.9]}

[[cell]]
algorithm = "qmix"
world = "games/relay"
seeds = 2
options = {"algorithm.td-lambda" = 0.5}
"""


def test_a_study_file(tmp_path):
    (tmp_path / "study.toml").write_text(TOML)
    first, second, third = read_file(tmp_path / "study.toml")
    assert (first.worlds, first.algorithms, first.seeds, first.preset) == (["battle/3m"], ["iql", "vdn"], 5, "fast")
    assert (second.worlds, second.label, second.one_at_a_time) == (["battle/2s3z"], "wide", {"algorithm.gamma": [0.9]})
    assert second.options == {"algorithm.td-lambda": 0.8, "algorithm.mixer.heads": [1, 4]}
    assert (third.worlds, third.algorithms, third.seeds) == (["games/relay"], ["qmix"], 2)
    assert third.options == {"algorithm.td-lambda": 0.5}


def test_the_same_in_json_and_without_parts(tmp_path):
    content = {"algorithms": ["iql"], "worlds": ["games/and"], "options": {"algorithm": {"gamma": [0.5, 0.9]}}}
    (tmp_path / "study.json").write_text(json.dumps(content))
    (grid,) = read_file(tmp_path / "study.json")
    assert grid == Grid(algorithms=["iql"], worlds=["games/and"], options={"algorithm.gamma": [0.5, 0.9]})


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("worlds = [", "is no TOML"),
        ("wolrds = ['a']", "no setting named 'wolrds'. Did you mean 'worlds'?"),
        ("[[gird]]\nworlds = ['a']", "no setting named 'gird'. Did you mean 'grid'?"),
        ("worlds = 'a'\nalgorithms = ['iql']", "`worlds` is 'a'; it must be a list of names"),
        ("worlds = ['a']", r"`algorithms` is \[\]; it must be a list of names"),
        ("worlds = ['a']\nalgorithms = ['iql']\nsteps = '5'", "`steps` is '5'; it must be a whole number"),
        ("worlds = ['a']\nalgorithms = ['iql']\noptions = 3", "where a table of names and values is needed"),
        ("grid = 3", "where a list of tables is needed"),
        ("[[grid]]\nworlds = ['a']", r"grid 1: `algorithms` is \[\]"),
        ("[[cell]]\nworld = 'a'", "cell 1: `algorithm` is None; a cell has one"),
        ("[[cell]]\nworld = 'a'\nalgorithms = ['iql']", "cell 1: There is no setting named 'algorithms'"),
    ],
)
def test_study_files_that_are_refused(text, sentence, tmp_path):
    (tmp_path / "study.toml").write_text(text)
    with pytest.raises(QohortError, match=sentence):
        read_file(tmp_path / "study.toml")


@pytest.mark.parametrize("name", ["study.toml", "study.json"])
def test_a_study_file_of_bytes_that_are_no_text(name, tmp_path):
    (tmp_path / name).write_bytes(b"\xff\xfe")
    with pytest.raises(QohortError, match=r"is no (TOML|JSON)"):
        read_file(tmp_path / name)


def test_a_study_file_that_is_not_there(tmp_path):
    with pytest.raises(QohortError, match="Cannot read the study file"):
        read_file(tmp_path / "study.toml")
