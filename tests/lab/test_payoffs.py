"""Payoff tables by name, from files and written out, and the sentences for what is none."""

import json

import numpy as np
import pytest

from qohort.errors import QohortError
from qohort.lab.payoffs import read_payoff

CUBE = [[[0, 1], [1, 1]], [[1, 2], [2, 4]]]


def test_names():
    assert read_payoff("qtran-matrix").table[0, 0] == 8
    assert read_payoff("games/or").table.tolist() == [[0, 1], [1, 1]]
    assert read_payoff("qplex-matrix-1").table[0, 0] == 10.4
    assert read_payoff("penalty?k=-50.0").table[2, 2] == -50


def test_written_out():
    for text in ("0 1; 1 1", "0,1;1,1", "[[0, 1], [1, 1]]"):
        assert read_payoff(text).table.tolist() == [[0, 1], [1, 1]]
    assert read_payoff("-1.5 2e1;0 .5").table.tolist() == [[-1.5, 20], [0, 0.5]]
    assert read_payoff(json.dumps(CUBE)).table.shape == (2, 2, 2)


def test_files(tmp_path):
    (tmp_path / "cube.json").write_text(json.dumps(CUBE))
    (tmp_path / "a.csv").write_text("# mine\n0,1\n1,1\n\n")
    (tmp_path / "b.csv").write_text("0;1\n1;1\n")
    np.save(tmp_path / "cube.npy", np.array(CUBE))
    assert read_payoff(str(tmp_path / "cube.json")).table.tolist() == CUBE
    assert read_payoff(str(tmp_path / "cube.npy")).table.tolist() == CUBE
    assert read_payoff(str(tmp_path / "cube.npy")).name == "cube"
    for name in ("a.csv", "b.csv"):
        assert read_payoff(str(tmp_path / name)).table.tolist() == [[0, 1], [1, 1]]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("qtran-matrx", "Did you mean 'qtran-matrix'?"),
        ("", "There is no payoff table named ''"),
        ("two-step", "games/two-step is a world, but no game of one step"),
        ("0 1; 1", "the rows have different lengths"),
        ("[[0, 1], [1]]", "the rows have different lengths"),
        ("[[0, 1], [1, 1]", "is no JSON"),
        ("0 1; 1 -", "has '-' in row 2; every entry is a number"),
        ("0 1; 1 1e999", "has inf at [1, 1]"),
        ("nowhere.json", "Cannot read the payoff table nowhere.json"),
        ("bad.csv", "bad.csv has 'x' in row 2"),
        ("bad.json", "bad.json is no table"),
        ("bad.npy", "bad.npy is no array that `numpy.save` wrote"),
        ("words.npy", "numbers in it"),
        ("large.npy", "has 4,096 joint actions, but at most 512"),
        ("archive.npy", "archive.npy is no array that `numpy.save` wrote"),
        ("[" * 5000, "far deeper than any table"),
        (f"[[1, 1{'0' * 400}]]", "an entry is no finite number"),
        ("0 1; -1e200 1", "has -1e+200 at [1, 0]; payoffs are at most 1e+15"),
    ],
)
def test_sentences(text, sentence, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.csv").write_text("0,1\n1,x\n")
    (tmp_path / "bad.json").write_text('{"payoff": 1}')
    (tmp_path / "bad.npy").write_text("no")
    np.savez("archive", np.eye(2))
    (tmp_path / "archive.npz").rename("archive.npy")
    np.save("words.npy", np.array(["a"]))
    np.save("large.npy", np.zeros((64, 64)))
    with pytest.raises(QohortError) as refused:
        read_payoff(text)
    assert sentence in str(refused.value)
