"""The pages on battles say what is true: sizes, options, defaults, and the names of tests."""

import dataclasses
import pathlib
import re

import numpy as np
import pytest

from benchmarks import difficulty, learned, sooner, variations
from qohort.algorithms.registry import preset
from qohort.envs.battle import names, roster
from qohort.envs.battle.arena import Physics
from qohort.envs.battle.catalogue import CATALOGUE
from qohort.envs.battle.face import Face
from qohort.envs.battle.flags import Flags, smacv2
from qohort.envs.battle.scenario_file import from_json
from qohort.envs.battle.terrain import LAYERS
from qohort.envs.battle.units import TABLES, table

ROOT = pathlib.Path(__file__).parent.parent.parent
BATTLE, FIDELITY = ((ROOT / "docs" / name).read_text() for name in ("battle.md", "fidelity.md"))
RESULTS = ROOT / "benchmarks" / "results"
LEARNED, SOONER = ((RESULTS / f"battle-{name}.md").read_text() for name in ("learned", "sooner"))


def rows(page: str, columns: int) -> list[list[str]]:
    """The cells of all rows of tables with so many columns."""
    lines = [line.strip("|") for line in page.splitlines() if line.startswith("| ")]
    split = [[cell.strip() for cell in line.split("|")] for line in lines]
    return [cells for cells in split if len(cells) == columns]


def of(page: str, columns: int, key: str) -> list[str]:
    [found] = [cells for cells in rows(page, columns) if cells[0] == f"`{key}`"]
    return found


@pytest.mark.parametrize("name", CATALOGUE)
def test_the_table_of_battles(name):
    battle = CATALOGUE[name]
    flags = Flags() if battle.teams is None else smacv2()
    grid = np.ones((32, 32))
    face = Face(battle, flags, stats=table(), pathing=grid > 0, height=grid)
    ours, theirs = roster.allies(battle), roster.enemies(battle)
    sizes = (len(names.actions(face)), len(names.observation(face)), len(names.state(face)), battle.limit)
    told = [ours, "the same" if ours == theirs else theirs, battle.terrain, *map(str, sizes)]
    assert of(BATTLE, 8, name)[1:] == told


@pytest.mark.parametrize("field", dataclasses.fields(Flags), ids=lambda field: field.name)
def test_the_tables_of_flags(field):
    told = of(BATTLE, 3, field.name)[1].replace("`", "").replace('"', "").split("; ")
    second = getattr(smacv2(), field.name)
    expected = [field.default] if second == field.default else [field.default, second]
    if field.name in ("obs_own_pos", "use_unit_ranges"):  # the page says so in a sentence
        expected = [field.default]
    assert told == [str(value) for value in expected]


@pytest.mark.parametrize("field", dataclasses.fields(Physics), ids=lambda field: field.name)
def test_every_free_number_is_told_with_its_default_and_a_reason(field):
    _, default, others, why = of(FIDELITY, 4, field.name)
    assert default == f"`{field.default}`"
    assert default not in others.split(", ")
    assert why.endswith(".")


def test_other_options_have_the_values_that_are_told():
    assert of(BATTLE, 3, "data")[1] == ", ".join(f'`"{name}"`' for name in TABLES)
    assert of(BATTLE, 3, "layer")[1] == ", ".join(f'`"{name}"`' for name in LAYERS)


def test_the_file_and_the_code_describe_the_same_scenario():
    [text] = re.findall(r"```json\n(.*?)```", BATTLE, re.DOTALL)
    [code] = [block for block in re.findall(r"```python\n(.*?)```", BATTLE, re.DOTALL) if "ambush = " in block]
    space: dict = {}
    exec(code.partition("pathlib.Path")[0], space)
    assert from_json(text) == space["ambush"]


def test_every_test_that_is_named_exists():
    named = set(re.findall(r"`(test_\w+)`", FIDELITY))
    written = "".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    assert len(named) > 60
    assert sorted(name for name in named if f"def {name}(" not in written) == []


def test_every_flag_and_number_that_is_named_exists():
    last = {cells[4] for cells in rows(FIDELITY, 7)}
    named = {name for cell in last for name in re.findall(r"`(\w+)`", cell)}
    known = {field.name for table in (Flags, Physics) for field in dataclasses.fields(table)}
    assert named <= known | {"layer", "data", "StarCraft2Env"}


def test_pictures_are_small():
    for path in (ROOT / "docs" / "images").glob("battle-*.png"):
        assert path.stat().st_size < 150_000


def test_the_table_of_win_rates_is_the_one_that_was_measured():
    assert (RESULTS / "battle-heuristics.md").read_text() in BATTLE


def test_the_table_of_trained_teams_is_what_kept_runs_and_reports_say():
    assert LEARNED in BATTLE
    assert learned.markdown(learned.together(learned.Flags())) == LEARNED


def test_the_table_of_heights_is_what_the_report_says():
    assert SOONER in BATTLE
    assert sooner.markdown(sooner.Flags().report) == SOONER


@pytest.mark.parametrize(("method", "places"), [("mappo", "methods/*/mappo"), ("qmix", "grid/*/qmix")])
def test_the_tables_of_difficulty_are_what_kept_runs_say(method, places):
    table = (RESULTS / f"battle-difficulty-{method}.md").read_text()
    assert table in BATTLE
    kept = RESULTS / "battle-v3"
    assert difficulty.table_of([kept / "maps", *sorted(kept.glob(places))], method) == table


def test_the_table_of_qattens_parts_is_what_the_report_says():
    table = (RESULTS / "battle-ablation.md").read_text()
    assert table in (ROOT / "docs" / "methods" / "qatten.md").read_text()
    assert variations.markdown("qatten", RESULTS / "battle-v3" / "ablation" / "report" / "report.json") == table


def test_the_table_of_what_fast_chose_is_what_the_report_says():
    table = (RESULTS / "battle-fast.md").read_text()
    assert table in (ROOT / "docs" / "methods" / "qmix.md").read_text()
    assert variations.markdown("qmix", RESULTS / "battle-v3" / "fast" / "report" / "report.json", seconds=60) == table


def test_every_battle_is_trained_or_said_not_to_be():
    assert [cells[0].strip("`") for cells in rows(LEARNED, 7)[1:] if cells[0]] == list(CATALOGUE)


def test_fast_alone_trains_as_long_as_the_table_says():
    world, told = "", 0
    for battle, which, method, steps, *_ in rows(LEARNED, 7)[1:]:
        world = f"battle/{battle.strip('`')}" if battle else world
        if which == "`fast`":
            assert f"{preset(method.strip('`'), world, 'fast').run['steps']:,}" == steps
            told += 1
    assert told > 10


def test_the_table_of_sensitivities_is_the_one_that_was_measured():
    assert (RESULTS / "battle-sensitivity.md").read_text() in FIDELITY
