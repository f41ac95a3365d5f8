"""Which runs `benchmarks/difficulty.py` compares with published ones, and how."""

import dataclasses
import json
from typing import Any

import pytest

from benchmarks import difficulty
from qohort.mixers import QMIX
from tests.report.synthetic import with_mixer, write_run


def qmix(folder, world: str, rates: list[float], *, steps: int = 100, **settings: Any) -> None:
    seeds = {seed: [(0, 0.0), (steps, rate)] for seed, rate in enumerate(rates)}
    write_run(folder, seeds, name="qmix", world=world, algorithm=dataclasses.replace(with_mixer(QMIX()), **settings))


def test_worlds_with_options_are_other_tasks(tmp_path, capsys):
    qmix(tmp_path / "a", "battle/3m", [0.5, 1.0])
    qmix(tmp_path / "b", "battle/3m", [0.75], steps=200, gamma=0.5)
    qmix(tmp_path / "c", "battle/3m?spread=0.5", [0.0])
    qmix(tmp_path / "d", "battle/8m?reward_sparse=true", [0.0])
    qmix(tmp_path / "e", "games/and", [0.0])
    maps, left_out = difficulty.found([tmp_path], "qmix")
    assert maps == {"3m": difficulty.Here(win_rates=[0.5, 1.0, 0.75], steps=[100, 200], presets=["other", "paper"])}
    assert left_out == 2
    difficulty.main(difficulty.Flags(folders=(tmp_path,)))
    assert "Left out: 2 runs on battles with options." in capsys.readouterr().out


def test_budgets_stand_beside_ours_and_everything_is_in_the_file(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    for name, rate in (("3m", 1.0), ("8m", 0.75), ("2s3z", 0.5), ("5m_vs_6m", 0.25)):
        qmix(tmp_path / name, f"battle/{name}", [rate], steps=204_800)
    difficulty.main(difficulty.Flags(folders=(tmp_path,), json=tmp_path / "out.json", table=tmp_path / "out.md"))
    said = capsys.readouterr().out
    assert "204,800" in said
    for published in difficulty.QMIX.values():
        assert published.budget in said
    told = json.loads((tmp_path / "out.json").read_text())
    assert told["here"]["8m"] == {"win_rates": [0.75], "steps": [204_800], "presets": ["paper"]}
    assert told["left_out"] == 0
    cheap = told["comparisons"]["cheap"]
    assert (cheap["maps"], cheap["budget"]) == (["3m", "8m", "2s3z", "5m_vs_6m"], "20,000 to 50,000 episodes")
    assert cheap["spearman"] == pytest.approx(1.0)
    assert cheap["chance"] == pytest.approx(1 / 24)  # one order of four maps
    assert "spearman" not in told["comparisons"]["pymarl2-before"]
    rows = [line.strip("|").split("|") for line in (tmp_path / "out.md").read_text().splitlines()]
    assert [cell.strip() for cell in rows[4]] == ["`2s3z`", "50.0", "1", "204,800", "97", "", "94"]
    assert [cell.strip() for cell in rows[-1]] == ["rank correlation, maps", "", "", "", "", "", "1.00 on 4"]
