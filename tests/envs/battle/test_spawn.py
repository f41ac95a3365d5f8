"""Where units appear: in formation, or as SMACv2 draws them."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from qohort.envs.battle import catalogue, starts, terrain
from qohort.envs.battle.battles import SMAC
from qohort.envs.battle.formation import GAP, formations, spiral
from qohort.envs.battle.scenario import Group, Hunt, RandomTeams, Scenario
from qohort.envs.battle.spawn import spawn
from qohort.envs.battle.units import LIBERTY, Kind
from qohort.errors import QohortError

SEPARATION = np.array([LIBERTY[kind].separation for kind in Kind])
AIR = np.array([LIBERTY[kind].air for kind in Kind])
DRAWS = 4096


def appeared(battle: Scenario, *, draws: int = 1, spread: float = 0.0):
    """Kinds, and places of all units, in so many episodes."""
    draw = spawn(battle, terrain.named(battle.terrain), spread=spread)
    begins = jax.jit(jax.vmap(draw))(jax.random.split(jax.random.key(3), draws))
    return np.asarray(begins.kind), np.stack([begins.x, begins.y], axis=-1)


def overlap(kinds: np.ndarray, places: np.ndarray) -> np.ndarray:
    """How far the two units of an episode that are nearest to each other lie on each other."""
    distance = np.linalg.norm(places[:, :, None] - places[:, None], axis=-1)
    size, air = SEPARATION[kinds], AIR[kinds]
    meets = (air[:, :, None] == air[:, None]) & ~np.eye(kinds.shape[1], dtype=bool)
    return np.where(meets, size[:, :, None] + size[:, None] - distance, -np.inf).max(axis=(1, 2))


def on_ground(battle: Scenario, kinds: np.ndarray, places: np.ndarray) -> bool:
    walkable, _ = terrain.grids(battle.terrain)
    x, y = np.floor(places).astype(int).transpose(2, 0, 1)
    return bool((walkable[x, y] | AIR[kinds]).all())


@pytest.mark.parametrize("name", SMAC)
@pytest.mark.parametrize("spread", [0.0, 0.2])
def test_units_stand_on_the_ground_and_do_not_touch(name, spread):
    battle = catalogue.named(name)
    kinds, places = appeared(battle, draws=8, spread=spread)
    assert kinds[0].tolist() == list(sum(battle.kinds or (), ()))
    assert on_ground(battle, kinds, places)
    assert overlap(kinds, places).max() < -0.5 * GAP
    assert (places == places[0]).all() == (spread == 0)


def test_three_marines_make_a_triangle_and_their_enemies_the_same():
    _, places = appeared(catalogue.named("3m"))
    pitch = 0.75 + GAP
    triangle = np.array([[0, 0], [pitch, 0], [pitch / 2, np.sqrt(0.75) * pitch]])
    np.testing.assert_allclose(places[0, :3], np.array([9, 16]) + triangle, atol=1e-5)
    np.testing.assert_allclose(places[0, 3:], np.array([23, 16]) + triangle, atol=1e-5)


@pytest.mark.parametrize("name", ["8m", "25m", "MMM", "2s3z", "3s5z", "1c3s5z"])
def test_equal_armies_stand_alike(name):
    battle = catalogue.named(name)
    _, places = appeared(battle)
    allies, enemies = np.split(places[0], 2)
    np.testing.assert_allclose(enemies - allies, np.broadcast_to([14, 0], allies.shape), atol=1e-4)


def test_alone_at_a_point_one_stands_on_it():
    _, places = appeared(catalogue.named("2s_vs_1sc"))
    np.testing.assert_allclose(places[0], [[11.1208, 10.338], [16.976, 10.3662], [13.92, 20.0397]], atol=1e-5)


def test_a_medivac_hovers_over_the_middle_of_its_army():
    _, places = appeared(catalogue.named("MMM"))
    np.testing.assert_allclose(places[0, 9], [9, 16])


def test_sixty_four_zerglings_stay_below_the_cliff():
    _, places = appeared(catalogue.named("2c_vs_64zg"))
    zerglings = places[0, 2:]
    assert zerglings[:, 1].max() < 12
    assert np.linalg.norm(zerglings - [16, 9], axis=1).max() < 4


def test_formations_are_compact():
    _, places = appeared(catalogue.named("27m_vs_30m"))
    # Discs of 27 and 30 units in a honeycomb of this pitch have radii of 2.2 and 2.3.
    assert np.linalg.norm(places[0, :27] - [9, 16], axis=1).max() < 2.6
    assert np.linalg.norm(places[0, 27:] - [23, 16], axis=1).max() < 2.7


def test_strays_are_uniform_and_at_most_so_far():
    battle = catalogue.named("3m")
    _, places = appeared(battle, draws=DRAWS, spread=0.25)
    stray = places - places.mean(axis=0)
    assert 0.24 < np.abs(stray).max() < 0.26
    np.testing.assert_allclose(stray.std(axis=0), 0.5 / np.sqrt(12), rtol=0.05)


def test_too_many_units_for_a_terrain_are_refused():
    crowd = (Group(kind=Kind.COLOSSUS, count=200, at=(14.0, 14.0)),)
    with pytest.raises(QohortError, match="no room for 200 units of Colossus"):
        formations(crowd, crowd, terrain.grids("pentagon")[0])


def test_a_spread_is_a_distance():
    with pytest.raises(QohortError, match="`spread` is -1"):
        spawn(catalogue.named("3m"), terrain.named("band"), spread=-1.0)


def test_a_spiral_fills_hexagons():
    distances = np.linalg.norm(spiral(19), axis=1)
    np.testing.assert_allclose(distances, [0] + [1] * 6 + [np.sqrt(3)] * 6 + [2] * 6, atol=1e-9)


# SMACv2's teams


def frequencies(teams: np.ndarray, kinds: int) -> np.ndarray:
    return np.bincount(teams.ravel(), minlength=kinds) / teams.size


def teams_of(weights, alone, size: int, draws: int = 40_000) -> np.ndarray:
    uniform = jax.random.uniform(jax.random.key(11), (draws, size + 1))
    draw = jax.vmap(lambda u: starts.drawn_team(u[1:], u[0], jnp.array(weights), jnp.array(alone)))
    return np.asarray(jax.jit(draw)(uniform))


def test_without_conditions_places_are_drawn_independently():
    teams = teams_of([0.45, 0.45, 0.1], [False, False, False], 4)
    np.testing.assert_allclose(frequencies(teams, 3), [0.45, 0.45, 0.1], atol=0.005)
    both = (teams[:, 0] == 2) & (teams[:, 3] == 2)
    assert both.mean() == pytest.approx(0.01, abs=0.002)


@pytest.mark.parametrize("size", [1, 2, 3])
def test_teams_follow_the_distribution_of_drawing_again(size):
    weights = np.array([0.2, 0.1, 0.7])
    teams = teams_of([0.2, 0.1, 0.7], [False, False, True], size)
    exact = np.ones(1)
    for _ in range(size):
        exact = np.outer(exact, weights).ravel()
    exact[-1] = 0  # every place of the last kind
    exact /= exact.sum()
    number = (teams * 3 ** np.arange(size)[::-1]).sum(axis=1)
    seen = np.bincount(number, minlength=3**size) / len(teams)
    np.testing.assert_allclose(seen, exact, atol=4 * np.sqrt(0.25 / len(teams)))


def test_enemies_are_a_copy_of_the_team_and_more():
    kinds, _ = appeared(catalogue.named("terran_10_vs_11"), draws=512)
    np.testing.assert_array_equal(kinds[:, :10], kinds[:, 10:20])
    assert set(np.unique(kinds[:, 20])) == {Kind.MARINE, Kind.MARAUDER}  # one Medivac alone is drawn again
    assert set(np.unique(kinds)) == {Kind.MARINE, Kind.MARAUDER, Kind.MEDIVAC}


def test_fewer_enemies_are_the_first_of_the_team():
    teams = RandomTeams(allies=5, enemies=3, kinds=(Kind.STALKER, Kind.ZEALOT), weights=(1.0, 1.0))
    kinds, places = appeared(Scenario(name="few", limit=9, terrain="flat", teams=teams, plan=Hunt()), draws=64)
    np.testing.assert_array_equal(kinds[:, :3], kinds[:, 5:])
    assert places.shape == (64, 8, 2)


# SMACv2's starts


def uniforms(*shapes: tuple[int, ...]) -> list[jax.Array]:
    keys = jax.random.split(jax.random.key(5), len(shapes))
    return [jax.random.uniform(key, (DRAWS, *shape)) for key, shape in zip(keys, shapes, strict=True)]


def test_mirrored_starts():
    draw = jax.vmap(lambda u: starts.mirrored_points(u, 5, 7, (32, 32)))
    x, y, group = map(np.asarray, draw(*uniforms((2, 7))))
    assert 0 <= x[:, :5].min() < 0.1
    assert 14.9 < x[:, :5].max() < 15
    assert x[:, :5].mean() == pytest.approx(7.5, abs=0.1)
    np.testing.assert_allclose(x[:, 5:10], 32 - x[:, :5], rtol=1e-6)
    np.testing.assert_array_equal(y[:, 5:10], y[:, :5])
    assert 16 <= x[:, 10:].min() < 16.1
    assert x[:, 10:].mean() == pytest.approx(24, abs=0.2)
    assert y.mean() == pytest.approx(16, abs=0.2)
    assert (group == np.arange(12)).all()


def test_surrounded_starts():
    draw = jax.vmap(lambda *u: starts.surrounded_points(*u, allies=5, size=(32, 32)))
    x, y, group = map(np.asarray, draw(*uniforms((), (10,), (4,), (4,))))
    assert (x[:, :5] == 16).all()
    assert (y[:, :5] == 16).all()
    x, y, group = x[:, 5:], y[:, 5:], group[:, 5:]
    np.testing.assert_allclose(np.abs(x - 16), np.abs(y - 16), rtol=1e-5)  # on a diagonal
    assert np.abs(x - 16).min() >= 2
    assert np.abs(x - 16).max() <= 16
    assert np.abs(x - 16).mean() == pytest.approx(9, abs=0.2)
    assert (np.diff(group, axis=1) >= 0).all()
    direction = 2 * (x > 16) + (y > 16)
    for row in range(64):
        where = {g: set(direction[row][group[row] == g]) for g in set(group[row])}
        assert all(len(one) == 1 for one in where.values())
        assert len(set.union(*where.values())) == len(where)
    # All stand together if there is one group, or by chance if there are more: 1/4 (1 + 2 / 2^10 + ...).
    together = (group == group[:, :1]).all(axis=1)
    assert together.mean() == pytest.approx(0.25, abs=0.03)


def test_numbers_at_the_ends_choose_the_kinds_at_the_ends():
    lowest, highest = jnp.float32(0), jnp.float32(1 - 2**-24)
    weights, alone = jnp.array([0.45, 0.45, 0.1]), jnp.array([False, False, True])
    assert starts.drawn_team(lowest[None], lowest, weights, alone).tolist() == [0]
    assert starts.drawn_team(highest[None], highest, weights, alone).tolist() == [1]
    last_comes_late = starts.drawn_team(jnp.full(3, highest), highest, weights, alone)
    assert last_comes_late.tolist() == [2, 2, 1]
    first_is_another = starts.drawn_team(jnp.full(3, highest), lowest, weights, alone)
    assert first_is_another.tolist() == [1, 2, 2]


@pytest.mark.parametrize("name", ["protoss_5_vs_5", "terran_10_vs_11", "zerg_20_vs_23", "protoss_20_vs_20"])
def test_drawn_units_stand_on_the_ground_and_hardly_touch(name):
    battle = catalogue.named(name)
    kinds, places = appeared(battle, draws=768)
    assert on_ground(battle, kinds, places)
    touching = overlap(kinds, places)
    assert (touching > 0).mean() < 0.05  # mirrored units may fall onto each other
    around = np.linalg.norm(places[:, : battle.n_allies] - 16, axis=-1).max(axis=1) < 5.5
    assert around.mean() == pytest.approx(0.5, abs=0.06)
    assert touching[around].max() < 0


def test_starts_on_other_ground_are_moved_to_where_one_can_walk():
    battle = dataclasses.replace(catalogue.named("zerg_10_vs_10"), terrain="corridor")
    kinds, places = appeared(battle, draws=256)
    assert on_ground(battle, kinds, places)


def test_drawing_is_repeatable():
    draw = spawn(catalogue.named("terran_5_vs_5"), terrain.named("flat"))
    one, same, other = (draw(jax.random.key(seed)) for seed in (1, 1, 2))
    assert (one.x == same.x).all()
    assert not (one.x == other.x).all()
