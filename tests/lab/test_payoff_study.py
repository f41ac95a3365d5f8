"""What mixers find beside what they can say, and what is said of it."""

import dataclasses
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from rich.console import Console

from qohort.envs.games.matrix import MatrixGame
from qohort.errors import QohortError
from qohort.lab.descent import Descent
from qohort.lab.fits import KINDS, Fit, Kind, fit
from qohort.lab.payoff import Found, PayoffStudy, study_payoff, verdict
from qohort.lab.payoff_page import classes, numbers, page, write_payoff
from qohort.lab.payoffs import read_payoff
from qohort.lab.progress import Progress
from qohort.lab.training import MIXERS, Learned, Reached, begin, table_of, train
from qohort.mixers import VDN

QUIET = Progress(Console(quiet=True))


def invented(name: str, mixer: str, tables: list, kept: list | None = None) -> PayoffStudy:
    """A study whose mixer ended at these tables."""
    payoff = read_payoff(name)

    def reached(ends: list) -> Reached:
        found = np.array(ends, float)
        return Reached(tables=found, errors=((found - payoff.table) ** 2).reshape(len(found), -1).sum(axis=1))

    found = Found(
        mixer=mixer,
        kind=MIXERS[mixer].kind,
        settings="",
        rate=0.01,
        reached=reached(tables),
        kept=None if kept is None else reached(kept),
    )
    fits: dict[Kind, Fit] = {kind: fit(payoff.table, kind) for kind in KINDS}
    return PayoffStudy(payoff=payoff, fits=fits, found=(found,), how=Descent(seeds=len(tables)))


LOCAL = [[-8, -8, -8], [-8, 0, 0], [-8, 0, 0]]
NEAREST = [[8, -6, -6], [-6, -6, -6], [-6, -6, -6]]


def test_qmix_finds_320_where_it_can_say_288_and_stays_there_once_it_is():
    study = study_payoff(read_payoff("qtran-matrix"), ["qmix"], Descent(seeds=2, updates=2000), QUIET)
    [found] = study.found
    np.testing.assert_allclose(found.reached.errors, 320, atol=1)
    np.testing.assert_allclose(found.reached.tables, [LOCAL] * 2, atol=0.2)
    assert found.kept is not None
    np.testing.assert_allclose(found.kept.errors, 288, atol=1)
    assert study.near(found) == 0
    assert study.near(found, found.kept) == 2
    assert study.chosen(found).tolist() == [0, 0]


def test_training_goes_on_from_what_was_learned():
    """VDN on OR ends at the additive projection, and is there from the start if it goes on."""
    table, how = np.array([[0.0, 1.0], [1.0, 1.0]]), Descent(seeds=3, updates=1000)
    learned, reached = train(begin(MIXERS["vdn"].config, MatrixGame(table), how), table, how)
    np.testing.assert_allclose(reached.tables, [[[0.25, 0.75], [0.75, 1.25]]] * 3, atol=0.01)
    _, again = train(learned, table, Descent(seeds=3, updates=1))
    np.testing.assert_allclose(again.errors, 0.25, atol=1e-3)


def test_three_agents_with_different_numbers_of_actions():
    table = np.arange(12.0).reshape(2, 3, 2)
    one = begin(MIXERS["vdn"].config, MatrixGame(table), Descent(seeds=2))
    assert one.utilities.shape == (2, 3, 3)
    _, reached = train(one, table, Descent(seeds=2, updates=50))
    assert reached.tables.shape == (2, 2, 3, 2)


def test_a_joint_action_s_value_is_in_its_place():
    game = MatrixGame([[0.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    utilities = jnp.array([[1.0, 2.0, 100.0], [10.0, 20.0, 30.0]])
    found = table_of(Learned(VDN().build(game.spec, jax.random.key(0)), utilities), game)
    assert found.reshape(2, 3).tolist() == [[11, 21, 31], [12, 22, 32]]


@pytest.mark.parametrize(
    ("study", "words"),
    [
        (invented("qtran-matrix", "qmix", [LOCAL] * 2, [NEAREST] * 2), ["No starting point ends", "2 of 2 stay there"]),
        (invented("qtran-matrix", "qmix", [LOCAL] * 2, [LOCAL] * 2), ["so training leaves it"]),
        (
            invented("qtran-matrix", "qmix", [LOCAL, NEAREST]),
            ["1 of 2 starting points ends", "from 1 of 2", "training"],
        ),
        (invented("qtran-matrix", "monotone", [NEAREST] * 2), ["Every starting point ends", "It always chooses"]),
        (invented("qtran-matrix", "vdn", [[[-6.22, -4.89, -4.89]] + [[-4.89, -3.56, -3.56]] * 2]), ["representation"]),
        (
            invented("qplex-matrix-3", "monotone", [[[0, 0, 0], [0, 6, 5], [0, 5, 5]]]),
            ["from 0 of 1", "representation"],
        ),
        (invented("or", "vdn", [[[0.25, 0.75], [0.75, 1.25]]]), ["Every starting point ends", "It always chooses"]),
        (
            invented("2 2; 2 2", "vdn", [[[2, 2], [2, 2.000002]]] * 2),
            ["Every starting point ends", "It always chooses"],
        ),
    ],
)
def test_verdicts(study: PayoffStudy, words: list[str]):
    said = verdict(study, study.found[0])
    for word in words:
        assert word in said


def test_everything_that_is_written(tmp_path):
    study = invented("qtran-matrix", "qmix", [LOCAL] * 2, [NEAREST] * 2)
    paths = write_payoff(study, tmp_path / "out")
    assert {path.name for path in paths} == {
        "payoff.md",
        "payoff.json",
        *(f"{name}.{ending}" for name in ("tables", "errors") for ending in ("png", "svg")),
    }
    assert all(path.stat().st_size > 500 for path in paths)
    content = json.loads((tmp_path / "out" / "payoff.json").read_text())
    assert content["classes"]["monotone"]["squared_error"] == pytest.approx(288)
    assert content["mixers"]["qmix"]["squared_errors"] == [320, 320]
    assert content["mixers"]["qmix"]["squared_errors_from_nearest"] == pytest.approx([288, 288])
    text = (tmp_path / "out" / "payoff.md").read_text()
    assert "| qmix | supermodular | 288 | 320 | 320 | 0/2 | 2/2 | 0 (2) |" in text
    assert "](tables.png)" in text


def test_a_table_of_one_value_has_a_picture_with_room_for_rounding(tmp_path):
    study = invented("2 2; 2 2", "vdn", [[[2, 2], [2, 2.000002]]] * 2)
    write_payoff(study, tmp_path)
    drawn = (tmp_path / "errors.svg").read_text()
    assert "at the edge" not in drawn


def test_tables_that_were_not_all_gathered_are_counted_so():
    study = invented("or", "vdn", [[[0.25, 0.75], [0.75, 1.25]]])
    fits = {**study.fits, "monotone": dataclasses.replace(study.fits["monotone"], ended=False)}
    cut = dataclasses.replace(study, fits=fits)
    assert [row[3] for row in classes(cut).rows] == ["1", "1", "1 or more", "1"]
    assert not numbers(cut)["classes"]["monotone"]["all_tables"]


def test_classes_alone_and_best_actions_that_do_not_combine():
    study = study_payoff(read_payoff("penalty"), [], Descent(), QUIET)
    text = page(study, [])
    assert "What is found" not in text
    assert "agents that are indifferent between theirs can miss each other" in text
    assert numbers(study)["mixers"] == {}


def test_what_cannot_be_trained():
    with pytest.raises(QohortError, match="Did you mean 'qmix'"):
        study_payoff(read_payoff("or"), ["qmx"], Descent(), QUIET)
    with pytest.raises(QohortError, match="one agent"):
        study_payoff(read_payoff("[1, 2]"), ["vdn"], Descent(), QUIET)
    with pytest.raises(QohortError, match="--seeds is 0"):
        Descent(seeds=0)
    with pytest.raises(QohortError, match="--rate is 0"):
        Descent(rate=0.0)
    with pytest.raises(QohortError, match="--seed is -1"):
        Descent(seed=-1)
