"""The laboratories, as a person uses them."""

import json

import pytest


def test_lab_payoff(qohort, tmp_path):
    words = ("--mixers", "vdn", "--seeds", "2", "--updates", "50", "--out", tmp_path)
    answer = qohort("lab", "payoff", "0 1; 1 1", "two-step-2b", *words)
    assert answer.code == 0
    assert "supermodular" in answer.out
    assert "vdn: " in answer.out
    for name in ("payoff", "two-step-2b"):
        assert (tmp_path / name / "payoff.md").exists()
        assert (tmp_path / name / "tables.png").read_bytes().startswith(b"\x89PNG")


def test_two_tables_of_one_name_have_two_folders(qohort, tmp_path):
    answer = qohort("lab", "payoff", "0 1; 1 1", "0 0; 0 1", "--out", tmp_path, "--no-pictures", "--mixers")
    assert answer.code == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["payoff", "payoff-2"]


def test_a_number_that_another_table_has_for_a_name_is_left_to_it(qohort, tmp_path):
    for folder, name in (("one", "a"), ("two", "a"), ("two", "a-2")):
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / f"{name}.csv").write_text(f"0,{len(folder + name)}\n1,1\n")
    tables = [tmp_path / "one" / "a.csv", tmp_path / "two" / "a.csv", tmp_path / "two" / "a-2.csv"]
    answer = qohort("lab", "payoff", *tables, "--out", tmp_path / "out", "--no-pictures", "--mixers")
    assert answer.code == 0
    found = {path.name: json.loads((path / "payoff.json").read_text()) for path in (tmp_path / "out").iterdir()}
    assert {name: table["payoff"][0][1] for name, table in found.items()} == {"a": 4, "a-3": 4, "a-2": 6}


def test_lab_theorem(qohort, tmp_path):
    answer = qohort("lab", "theorem", "--predictions", "4", "--out", tmp_path, "--no-pictures")
    assert answer.code == 0
    assert "4. signs: confirmed" in answer.out
    assert "The first negative degree is 4 for softplus, 3 for tanh" in (tmp_path / "theorem.md").read_text()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["nonsense"], "There is no laboratory named 'nonsense'"),
        (["payoff"], "needs a payoff table, as in `qohort lab payoff qtran-matrix`"),
        (["payoff", "qtran"], "Did you mean 'qtran-matrix'?"),
        (["payoff", "or", "--mixers", "qmx"], "Did you mean 'qmix'?"),
        (["payoff", "or", "--seeds", "0"], "--seeds is 0"),
        (["theorem", "--predictions", "11"], "There is no prediction 11"),
        (["theorem", "--updates", "0"], "--updates is 0"),
    ],
)
def test_sentences(words, sentence, qohort, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    answer = qohort("lab", *words)
    assert answer.code == 2
    assert sentence in answer.err
    assert not list(tmp_path.iterdir())


def test_help(qohort):
    out = qohort("lab").out
    assert "payoff" in out
    assert "theorem" in out
    for lab in ("payoff", "theorem"):
        assert qohort("lab", lab, "--help").code == 0
