"""Pictures of battles: what is drawn of a moment, and what is not."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import PRNGKeyArray

from qohort.envs import make
from qohort.envs.battle.battles import BATTLES
from qohort.envs.battle.emblems import LETTERS
from qohort.envs.battle.env import Battle
from qohort.envs.battle.landscape import bounds, landscape
from qohort.envs.battle.orders import NOBODY
from qohort.envs.battle.state import Snapshot
from qohort.envs.battle.units import Kind
from qohort.scene import Circles, Labels, Lines, Rectangles, Scene, Tone, sound

QUICK = ("3m", "2s3z", "MMM", "corridor", "2c_vs_64zg", "protoss_5_vs_5")
"""All layers of drawing."""


@functools.cache
def battle(name: str) -> Battle:
    env = make(f"battle/{name}")
    assert isinstance(env, Battle)
    return env


@pytest.fixture(scope="module")
def marines() -> Battle:
    return battle("3m")


@jax.jit
def begin(env: Battle, key: PRNGKeyArray) -> Snapshot:
    return env.snapshot(env.reset(key))


@jax.jit
def drawn(env: Battle, snapshot: Snapshot) -> Scene:
    return env.scene(snapshot)


def moment(env: Battle, seed: int = 0, **changes: object) -> Snapshot:
    """The beginning of an episode, with changes."""
    return dataclasses.replace(begin(env, jax.random.key(seed)), **changes)


def above(env: Battle, scene: Scene) -> tuple:
    """The layers that lie on the ground."""
    return scene.layers[len(env.ground) :]


def texts(scene: Scene) -> list[str]:
    """All words in the picture."""
    labels = [layer for layer in scene.layers if isinstance(layer, Labels)]
    return [layer.texts[int(layer.which[k])] for layer in labels for k in np.flatnonzero(layer.visible)]


def shots(env: Battle, scene: Scene) -> Lines:
    """The lines to targets: those after the crosses, one for each unit."""
    return [layer for layer in above(env, scene) if isinstance(layer, Lines)][1]


def bodies(env: Battle, scene: Scene) -> list[Circles]:
    return [layer for layer in above(env, scene) if isinstance(layer, Circles) and (layer.outline == Tone.INK).all()]


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name in QUICK else pytest.mark.slow) for name in BATTLES]
)
def test_every_battle_has_a_sound_scene_with_all_its_units(name):
    env = battle(name)
    scene = drawn(env, moment(env))
    assert sound(scene)
    assert sum(int(layer.visible.sum()) for layer in bodies(env, scene)) == env.face.n_allies + env.face.n_enemies
    numbers = [text for text in texts(scene) if text.isdigit()]
    assert sorted(map(int, numbers)) == list(range(1, env.face.n_allies + 1))


def test_all_scenes_of_a_world_have_one_form(marines):
    whole = moment(marines)
    half = moment(marines, health=whole.health.at[1:4].set(0.0), step=jnp.int16(9))
    scene, later = drawn(marines, whole), drawn(marines, half)
    assert sound(later)
    assert jax.tree.structure(scene) == jax.tree.structure(later)
    assert jax.tree.map(jnp.shape, scene) == jax.tree.map(jnp.shape, later)
    films = jax.jit(jax.vmap(marines.scene))(jax.tree.map(lambda *leaves: jnp.stack(leaves), whole, half))
    np.testing.assert_array_equal(shots(marines, films).visible, np.zeros((2, 6), bool))


def test_the_ground_is_the_terrain_s(marines):
    scene = drawn(marines, moment(marines))
    assert scene.bounds == bounds(marines.terrain)
    ground = landscape(marines.terrain)
    for layer, expected in zip(scene.layers, ground, strict=False):
        assert jax.tree.all(jax.tree.map(np.array_equal, layer, expected))


def test_shots_are_visible_when_someone_shoots(marines):
    nobody = drawn(marines, moment(marines))
    assert not shots(marines, nobody).visible.any()
    aims = jnp.array([4, NOBODY, NOBODY, NOBODY, NOBODY, 0], jnp.int8)
    snapshot = moment(marines, aims_at=aims)
    lines = shots(marines, drawn(marines, snapshot))
    assert lines.visible.tolist() == [True, False, False, False, False, True]
    assert lines.tone[0] == Tone.OURS
    assert lines.tone[5] == Tone.THEIRS
    assert not lines.dashed.any()
    x, y = float(snapshot.x[4]), float(snapshot.y[4])
    assert lines.start[0].tolist() == [float(snapshot.x[0]), float(snapshot.y[0])]
    # It ends inside the body of who is shot at, on the side that is hit.
    assert x - 0.375 < float(lines.end[0, 0]) < x
    assert abs(float(lines.end[0, 1]) - y) < 0.375


def test_an_episode_shows_shots_once_armies_meet(marines):
    def step(state, key):
        snapshot = marines.snapshot(state)
        avail = marines.observe(snapshot).avail
        state, _ = marines.step(
            key, state, jnp.where(avail[:, 6:].any(axis=1), 6 + jnp.argmax(avail[:, 6:], axis=1), 1)
        )
        return state, marines.scene(snapshot)

    keys = jax.random.split(jax.random.key(1), 14)
    _, scenes = jax.jit(lambda state: jax.lax.scan(step, state, keys))(marines.reset(jax.random.key(0)))
    lines = shots(marines, scenes)
    assert not lines.visible[0].any()
    assert lines.visible.any()


def test_the_dead_are_crosses(marines):
    whole = moment(marines)
    scene = drawn(marines, dataclasses.replace(whole, health=whole.health.at[jnp.array([0, 4])].set(0.0)))
    crosses = next(layer for layer in above(marines, scene) if isinstance(layer, Lines))
    assert crosses.visible.reshape(6, 2).tolist() == [[k in (0, 4)] * 2 for k in range(6)]
    np.testing.assert_allclose((crosses.start + crosses.end)[8] / 2, [whole.x[4], whole.y[4]], rtol=1e-6)
    [marks] = bodies(marines, scene)
    assert marks.visible.tolist() == [k not in (0, 4) for k in range(6)]
    assert "1" not in texts(scene)
    assert {"yours: 2 of 3", "enemies: 2 of 3", "step 0 of 60"} <= set(texts(scene))


def test_bars_show_what_is_lost_and_nothing_on_the_unhurt():
    env = battle("2s3z")
    whole = moment(env)
    hurt = dataclasses.replace(
        whole, health=whole.health.at[0].set(20.0), shield=whole.shield.at[0].set(0.0).at[5].set(40.0)
    )
    health, shield = (layer for layer in above(env, drawn(env, hurt)) if isinstance(layer, Rectangles))
    assert np.flatnonzero(health.visible).tolist() == [0, 5]
    assert health.full[0] == 0.25  # of the Stalker's 80
    assert health.full[5] == 1.0
    assert shield.full[0] == 0.0
    assert shield.full[5] == 0.5


def test_healing_is_a_dashed_green_line_and_medivacs_show_their_energy():
    env = battle("MMM")
    whole = moment(env)
    medivac = whole.kind.tolist().index(Kind.MEDIVAC)
    scene = drawn(env, dataclasses.replace(whole, aims_at=whole.aims_at.at[medivac].set(2)))
    lines = shots(env, scene)
    assert np.flatnonzero(lines.visible).tolist() == [medivac]
    assert lines.dashed[medivac]
    assert lines.tone[medivac] == Tone.GOOD
    energies = [
        layer for layer in above(env, scene) if isinstance(layer, Rectangles) and (layer.fill == Tone.ACCENT).all()
    ]
    assert (
        np.flatnonzero(sum(layer.visible.astype(int) for layer in energies)).tolist()
        == np.flatnonzero(whole.kind == Kind.MEDIVAC).tolist()
    )
    assert energies[0].full[medivac] == 0.25


def test_a_colossus_sweeps_a_line_across_its_aim():
    env = battle("2c_vs_64zg")
    whole = moment(env)
    scene = drawn(env, dataclasses.replace(whole, aims_at=whole.aims_at.at[0].set(7)))
    line, across = [layer for layer in above(env, scene) if isinstance(layer, Lines)][1:]
    assert np.flatnonzero(across.visible).tolist() == [0]
    way, sweep = np.asarray(line.end[0] - line.start[0]), np.asarray(across.end[0] - across.start[0])
    assert np.hypot(*sweep) == pytest.approx(2.5)
    assert way @ sweep == pytest.approx(0.0, abs=1e-4)


def test_rings_of_small_teams_reach_as_far_as_their_weapons(marines):
    rings = next(layer for layer in above(marines, drawn(marines, moment(marines))) if isinstance(layer, Circles))
    assert rings.radius.tolist() == [5.375] * 3
    assert (rings.fill == Tone.NONE).all()


def test_enemies_have_the_numbers_of_the_actions_against_them_unless_they_are_many(marines):
    assert {"M1", "M2", "M3"} <= set(texts(drawn(marines, moment(marines))))
    env = battle("2c_vs_64zg")
    assert texts(drawn(env, moment(env))).count("G") == 64


def test_letters_differ():
    assert len(set(LETTERS.values())) == len(Kind)


def test_kinds_that_are_drawn_anew_are_drawn_as_they_are():
    env = battle("protoss_5_vs_5")
    for seed in range(3):
        snapshot = moment(env, seed)
        scene = drawn(env, snapshot)
        expected = [f"{LETTERS[Kind(int(kind))]}{j + 1}" for j, kind in enumerate(snapshot.kind[5:])]
        assert set(expected) <= set(texts(scene))
