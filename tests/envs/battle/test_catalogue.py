"""The 38 battles against the fact sheet's table."""

import subprocess
import sys

import pytest

from qohort.envs.battle import catalogue, terrain
from qohort.envs.battle.battles import BATTLES, SMAC, SMACV2
from qohort.envs.battle.scenario import AttackMove, Hold, Hunt
from qohort.envs.battle.units import LIBERTY, Kind
from qohort.envs.battle.validation import checked
from qohort.errors import QohortError

REGISTRY = [
    # name, allies, enemies, limit, the largest reward: 10 for each enemy, 200, and the enemies' health and shields
    ("3m", 3, 3, 60, 365),
    ("8m", 8, 8, 120, 640),
    ("25m", 25, 25, 150, 1575),
    ("5m_vs_6m", 5, 6, 70, 530),
    ("8m_vs_9m", 8, 9, 120, 695),
    ("10m_vs_11m", 10, 11, 150, 805),
    ("27m_vs_30m", 27, 30, 180, 1850),
    ("MMM", 10, 10, 150, 1015),
    ("MMM2", 10, 12, 180, 1205),
    ("2s3z", 5, 5, 120, 1020),
    ("3s5z", 8, 8, 150, 1510),
    ("3s5z_vs_3s6z", 8, 9, 170, 1670),
    ("3s_vs_3z", 3, 3, 150, 680),
    ("3s_vs_4z", 3, 4, 200, 840),
    ("3s_vs_5z", 3, 5, 250, 1000),
    ("1c3s5z", 9, 9, 180, 1870),
    ("2m_vs_1z", 2, 1, 150, 360),
    ("corridor", 6, 24, 400, 1280),
    ("6h_vs_8z", 6, 8, 150, 1480),
    ("2s_vs_1sc", 2, 1, 300, 510),
    ("so_many_baneling", 7, 32, 100, 1480),
    ("bane_vs_bane", 24, 24, 200, 1260),
    ("2c_vs_64zg", 2, 64, 400, 3080),
]


def test_names_and_battles_agree():
    assert tuple(catalogue.CATALOGUE) == BATTLES
    assert (len(SMAC), len(SMACV2)) == (23, 15)
    assert tuple(row[0] for row in REGISTRY) == SMAC


@pytest.mark.parametrize(("name", "allies", "enemies", "limit", "reward"), REGISTRY)
def test_sizes_limits_and_rewards_of_smac(name, allies, enemies, limit, reward):
    battle = catalogue.named(name)
    assert (battle.n_allies, battle.n_enemies, battle.limit) == (allies, enemies, limit)
    kinds = battle.kinds
    assert kinds is not None
    assert (len(kinds[0]), len(kinds[1])) == (allies, enemies)
    assert 10 * enemies + 200 + sum(LIBERTY[kind].health + LIBERTY[kind].shield for kind in kinds[1]) == reward


@pytest.mark.parametrize(
    ("name", "allies"),
    [
        ("protoss_5_vs_5", (5, 5)),
        ("terran_10_vs_10", (10, 10)),
        ("zerg_20_vs_20", (20, 20)),
        ("protoss_10_vs_11", (10, 11)),
        ("terran_20_vs_23", (20, 23)),
    ],
)
def test_sizes_of_smacv2(name, allies):
    battle = catalogue.named(name)
    assert (battle.n_allies, battle.n_enemies) == allies
    assert battle.limit == 200
    assert battle.terrain == "flat"
    assert isinstance(battle.plan, Hunt)
    assert battle.kinds is None


def test_what_smacv2_draws():
    teams = {race: catalogue.named(f"{race}_5_vs_5").teams for race in ("protoss", "terran", "zerg")}
    protoss, terran, zerg = teams["protoss"], teams["terran"], teams["zerg"]
    assert protoss
    assert terran
    assert zerg
    assert protoss.weights == terran.weights == zerg.weights == (0.45, 0.45, 0.1)
    assert protoss.never_alone == ()
    assert (terran.kinds[2], terran.never_alone) == (Kind.MEDIVAC, (Kind.MEDIVAC,))
    assert (zerg.kinds[2], zerg.never_alone) == (Kind.BANELING, (Kind.BANELING,))


def test_armies_are_created_in_the_maps_order():
    kinds = catalogue.named("MMM2").kinds
    assert kinds is not None
    assert kinds[1] == (*[Kind.MARINE] * 8, *[Kind.MARAUDER] * 3, Kind.MEDIVAC)
    assert [group.kind for group in catalogue.named("1c3s5z").allies] == [Kind.COLOSSUS, Kind.STALKER, Kind.ZEALOT]
    assert catalogue.named("1c3s5z").possible_kinds == (Kind.STALKER, Kind.ZEALOT, Kind.COLOSSUS)
    assert [group.kind for group in catalogue.named("bane_vs_bane").allies] == [Kind.ZERGLING, Kind.BANELING]


def test_what_the_enemies_are_up_to():
    assert catalogue.named("3m").plan == AttackMove(to=(9.0, 16.0))
    assert catalogue.named("2m_vs_1z").plan == AttackMove(to=(13.0, 12.0), until=(19.0, 12.0))
    assert catalogue.named("corridor").plan == AttackMove(to=(4.47, 4.3298))
    assert isinstance(catalogue.named("2s_vs_1sc").plan, Hold)
    assert isinstance(catalogue.named("2c_vs_64zg").plan, Hunt)


@pytest.mark.parametrize("name", BATTLES)
def test_every_battle_can_be_played(name):
    assert checked(catalogue.named(name)) is catalogue.CATALOGUE[name]


@pytest.mark.parametrize("name", SMAC)
def test_enemies_can_walk_to_where_they_are_sent(name):
    battle = catalogue.named(name)
    if not isinstance(battle.plan, AttackMove):
        return
    walkable, _ = terrain.grids(battle.terrain)
    assert walkable[int(battle.plan.to[0]), int(battle.plan.to[1])]


def test_unknown_names_get_a_sentence():
    with pytest.raises(QohortError, match=r"no battle called '3s5'\. Did you mean '3s5z'\?"):
        catalogue.named("3s5")


def test_names_need_neither_jax_nor_equinox():
    from qohort.envs.battle import battles

    code = f"""
import runpy, sys
runpy.run_path({battles.__file__!r})
assert not {{"jax", "equinox", "numpy"}} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True)
