"""What is seen in a moment, and who becomes which agent."""

import ast
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from qohort.envs.battle import names
from qohort.envs.battle.catalogue import CATALOGUE
from qohort.envs.battle.face import Face
from qohort.envs.battle.flags import Flags, smacv2
from qohort.envs.battle.observe import observe
from qohort.envs.battle.ordering import agent_order
from qohort.envs.battle.permission import no_permission, pack, permit, unpack
from qohort.envs.battle.rewards import largest_return
from qohort.envs.battle.state import Snapshot
from qohort.envs.battle.visibility import seen_places, visibility_matrix
from qohort.spec import Observation
from tests.golden_smac.cases import Golden
from tests.golden_smac.comparison import Comparison
from tests.golden_smac.worlds import face_of, frames_of, kinds_in, snapshots


@eqx.filter_jit
def observed(face: Face, frames: Snapshot) -> Observation:
    return jax.vmap(observe, (None, 0))(face, frames)


def compare_frames(golden: Golden, comparison: Comparison) -> None:
    face = face_of(golden, smacv2() if golden.second else Flags())
    frames = frames_of(golden)
    if golden.second:
        compare_second(golden, comparison, face, frames)
        frames = eqx.tree_at(lambda f: f.permitted, frames, everything(face, frames), is_leaf=lambda x: x is None)
    seen = observed(face, frames)
    comparison.same("avail", seen.avail, golden["avail"] > 0)
    compare_info(golden, comparison, face)
    compare_catalogue(golden, comparison)
    compare_traits(golden, comparison, face, frames)
    if "obs" in golden:
        comparison.close("obs_revealed" if golden.second else "obs", seen.obs, revealed_obs(golden))
        comparison.close("state", seen.state, golden["state"])
        size = len(names.unit(face))
        rows = golden["state"][:, : face.n_allies * size].reshape(-1, face.n_allies, size)
        comparison.close("units", seen.units, rows)
    if "visible" in golden:
        comparison.same(
            "visible", eqx.filter_jit(jax.vmap(visibility_matrix, (None, 0)))(face, frames), golden["visible"] > 0
        )
    if "variant_names" in golden:
        assert all(f"flags__{name}" in golden for name in golden["variant_names"])


def revealed_obs(golden: Golden) -> np.ndarray:
    return golden["obs_revealed"] if golden.second else golden["obs"]


def everything(face: Face, frames: Snapshot) -> jax.Array:
    packed = pack(jnp.ones((face.n_allies, face.n_enemies), bool))
    return jnp.broadcast_to(packed[None, :], (*frames.step.shape, *packed.shape))


def compare_info(golden: Golden, comparison: Comparison, face: Face) -> None:
    comparison.same("info_n_agents", len(names.agents(face)), golden["info_n_agents"])
    comparison.same("info_n_actions", len(names.actions(face)), golden["info_n_actions"])
    comparison.same("info_episode_limit", face.limit, golden["info_episode_limit"])
    if "info_obs_shape" in golden:
        obs, state = names.announced_sizes(face)
        comparison.same("info_obs_shape", obs, golden["info_obs_shape"])
        comparison.same("info_state_shape", state, golden["info_state_shape"])
        comparison.same("info_agent_features", names.unit(face), golden["info_agent_features"])
        comparison.same("info_enemy_features", names.enemy(face), golden["info_enemy_features"])


def compare_catalogue(golden: Golden, comparison: Comparison) -> None:
    """Whether our scenario of that name has the same units, in the same order, and the same limit."""
    scenario = CATALOGUE.get(golden.name)
    if scenario is None:
        return
    comparison.same("limit in the catalogue", scenario.limit, golden["info_episode_limit"])
    if not golden.second:
        assert scenario.kinds is not None
        allies, enemies = scenario.kinds
        comparison.same("allies in the catalogue", sorted(allies), sorted(kinds_in(golden, "ally_type")))
        comparison.same("enemies in the catalogue", enemies, kinds_in(golden, "enemy_type"))


def compare_traits(golden: Golden, comparison: Comparison, face: Face, frames: Snapshot) -> None:
    """What features are measured by. The files have 0 where there is no shield."""
    n = face.n_allies
    kinds = frames.kind if golden.second else frames.kind[0]
    traits = jax.vmap(face.traits_of)(kinds) if golden.second else face.traits_of(kinds)
    for side, units in (("ally", slice(n)), ("enemy", slice(n, None))):
        shield = np.asarray(traits.shield)[..., units]
        comparison.close(f"{side}_health_max", traits.health[..., units], golden[f"{side}_health_max"])
        comparison.close(f"{side}_shield_max", np.where(shield > 1, shield, 0), golden[f"{side}_shield_max"])
        comparison.close(f"{side}_shield_norm", np.where(shield > 1, shield, 0), golden[f"{side}_shield_norm"])
    comparison.close("shoot_range", traits.reach[..., :n], golden["shoot_range"])
    comparison.close("sight_range", traits.sight[..., :n], golden["sight_range"])
    comparison.close("ally_cooldown_max", traits.readiness[..., :n], golden["ally_cooldown_max"])
    if "max_reward" in golden:
        full = jax.vmap(face.full_points)(kinds) if golden.second else face.full_points(kinds)
        full = np.asarray(full)[..., n:]
        whole = [largest_return(face.flags, jnp.asarray(points)) for points in full.reshape(-1, face.n_enemies)]
        comparison.close("max_reward", np.reshape(whole, full.shape[:-1]), golden["max_reward"])
        if "max_reward_double_reset" in golden:
            twice = largest_return(face.flags, jnp.asarray(full), resets=2)
            comparison.close("max_reward_double_reset", twice, golden["max_reward_double_reset"])


def compare_second(golden: Golden, comparison: Comparison, face: Face, frames: Snapshot) -> None:
    """SMACv2's hidden enemies.

    What was seen between an episode's beginning and a frame is not in the files. Only the enemy with the highest number
    that nobody has seen matters; whether it has been is told by `hidden`, and if there are several which it may be, one
    of them must explain all that every agent sees.
    """
    n, enemies = face.n_allies, face.n_enemies
    for k in range(len(golden["step"])):
        frame = jax.tree.map(lambda leaf: leaf[k], frames)  # noqa: B023
        beginning = spawned(golden, comparison, k)
        may = np.asarray(permitted_by(face, [beginning, frame]))
        alive = np.asarray(frame.alive)
        if not golden["hidden"][k].any():
            assert not alive[:n].any() or (may | alive[n:]).all(), f"frame {k}: a dead enemy out of sight is hidden"
            candidates = [np.ones(enemies, bool)]
        else:
            assert not may.all(), f"frame {k}: nobody is hidden"
            certain = np.flatnonzero(~may & ~alive[n:]).max(initial=-1)
            lasts = [j for j in np.flatnonzero(~may) if j >= certain]
            candidates = [may | (np.arange(enemies) > last) for last in lasts]
        comparison.same("hidden", alive[:n] & ~candidates[0].all(), golden["hidden"][k] > 0)
        fits = [shown(face, frame, candidate) for candidate in candidates]
        errors = [np.abs(obs - golden["obs"][k]).max() for obs in fits]
        best = fits[int(np.argmin(errors))]
        comparison.close("obs", best, golden["obs"][k])
        differs = np.abs(best - golden["obs_revealed"][k]).max(axis=1) > 1e-5
        comparison.same("affected", differs, golden["affected"][k] > 0)


def shown(face: Face, frame: Snapshot, may: np.ndarray) -> np.ndarray:
    packed = pack(jnp.broadcast_to(jnp.asarray(may)[None, :], (face.n_allies, face.n_enemies)))
    frame = eqx.tree_at(lambda f: f.permitted, frame, packed, is_leaf=lambda x: x is None)
    return np.asarray(observed(face, jax.tree.map(lambda leaf: leaf[None], frame)).obs[0])


@eqx.filter_jit
def permitted_by(face: Face, moments: list[Snapshot]) -> jax.Array:
    """Whom the team may see after these moments; with probability 1 all of it may see the same."""
    permission = no_permission(face.n_allies, face.n_enemies)
    for moment in moments:
        sees, key = seen_places(face, moment), jax.random.key(0)
        permission = permit(key, permission, sees=sees, alive=moment.alive, probability=1.0)
    return unpack(permission.packed, face.n_allies, face.n_enemies)[0]


def spawned(golden: Golden, comparison: Comparison, k: int) -> Snapshot:
    """The moment at the beginning of a frame's episode; also compares how the units are numbered."""
    owner, kind = golden["spawn_owner"][k], kinds_in(golden, "spawn_type")[k]
    x, y = golden["spawn_x"][k], golden["spawn_y"][k]
    ours, theirs = np.flatnonzero(owner == 1), np.flatnonzero(owner == 2)
    order = np.asarray(agent_order(jnp.asarray(kind[ours]), jnp.asarray(x[ours]), jnp.asarray(y[ours])))
    units = np.concatenate([ours[order], theirs])
    types = np.concatenate([kinds_in(golden, "ally_type")[k], kinds_in(golden, "enemy_type")[k]])
    comparison.same("spawn_type", kind[units], types)
    return snapshots(kind[units], x[units], y[units], np.ones(len(units)), last_action=np.full(len(ours), -1))


def compare_reset(golden: Golden, comparison: Comparison) -> None:
    kinds = kinds_in(golden, "reset_type")
    for r, owner in enumerate(golden["reset_owner"]):
        ours, theirs = np.flatnonzero(owner == 1), np.flatnonzero(owner == 2)
        columns = (kinds[r], golden["reset_x"][r], golden["reset_y"][r])
        order = np.asarray(jax.jit(agent_order)(*(jnp.asarray(column[ours]) for column in columns)))
        index = np.empty(len(owner), int)
        index[ours[order]] = np.arange(len(ours))
        index[theirs] = np.arange(len(theirs))
        comparison.same("reset_index", index, golden["reset_index"][r])


def compare_variant(golden: Golden, name: str, comparison: Comparison) -> None:
    settings: dict[str, Any] = {}
    for text in golden[f"flags__{name}"]:
        flag, value = str(text).split("=")
        settings[flag] = ast.literal_eval(value)
    face = face_of(golden, (smacv2 if golden.second else Flags)(**settings))
    seen = observed(face, frames_of(golden))
    comparison.close("obs", seen.obs, golden[f"obs__{name}"])
    comparison.close("state", seen.state, golden[f"state__{name}"])
    comparison.same("announced", names.announced_sizes(face), golden[f"announced__{name}"])
    assert len(set(names.observation(face))) == seen.obs.shape[2]
    assert len(set(names.state(face))) == seen.state.shape[1]
    comparison.same("avail", seen.avail, golden["avail"] > 0)
