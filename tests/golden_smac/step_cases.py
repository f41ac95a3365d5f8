"""What steps are worth, how they end, and what they tell the units."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from qohort.envs.battle.availability import availability
from qohort.envs.battle.commands import commands
from qohort.envs.battle.face import Face
from qohort.envs.battle.flags import Flags, smacv2
from qohort.envs.battle.orders import Order
from qohort.envs.battle.rewards import End, battle_reward, ending, largest_return, out_of_time, points_of, step_reward
from qohort.envs.battle.state import Snapshot
from tests.golden_smac.cases import Golden
from tests.golden_smac.comparison import Comparison
from tests.golden_smac.worlds import before_and_after, face_of

VARIANTS: dict[str, dict[str, Any]] = {
    "default": {},
    "negative": {"reward_only_positive": False},
    "sparse": {"reward_sparse": True},
    "unscaled": {"reward_scale": False},
    "sparse_unscaled": {"reward_sparse": True, "reward_scale": False},
    "custom": {
        "reward_only_positive": False, "reward_death_value": 7.5, "reward_win": 150, "reward_defeat": -30,
        "reward_negative_scale": 0.25, "reward_scale_rate": 50,
    },
    "continuing": {},
}  # fmt: skip
ABILITIES = {Order.NONE: 0, Order.STOP: 4, Order.MOVE: 16, Order.ATTACK: 23, Order.HEAL: 386}


@eqx.filter_jit
def paid(faces: list[Face], before: Snapshot, after: Snapshot, ended: Any) -> list[Any]:
    """For each of some faces, row by row: the fighting's worth, the end, the largest return, the reward."""

    def row(face: Face, before: Snapshot, after: Snapshot, ended: Any) -> tuple[Any, ...]:
        n, flags = face.n_allies, face.flags
        fight = battle_reward(flags, n, before=points_of(before), after=points_of(after))
        end = ending(face, after.kind, after.alive)
        largest = largest_return(flags, face.full_points(after.kind)[n:])
        return fight, end, largest, step_reward(flags, fight, end, largest=largest, ended_before=ended)

    return [jax.vmap(row, (None, 0, 0, 0))(face, before, after, ended) for face in faces]


def compare_rewards(golden: Golden, comparison: Comparison) -> None:
    before, after = before_and_after(golden)
    n, variants = int(golden["info_n_agents"]), [str(name) for name in golden["tr_variant_names"]]
    defaults = smacv2 if golden.second else Flags
    faces = [face_of(golden, defaults(**VARIANTS[name])) for name in variants]
    rows = paid(faces, before, after, jnp.asarray(golden["tr_after_end"]))
    for v, (fight, _, largest, reward) in enumerate(rows):
        comparison.close("tr_reward_battle", fight, golden["tr_reward_battle"][:, v])
        comparison.close("tr_reward", reward, golden["tr_reward"][:, v])
        wanted = np.broadcast_to(golden["tr_max_reward"], (len(largest), len(variants)))
        comparison.close("tr_max_reward", largest, wanted[:, v])
    _, end, _, reward = rows[variants.index("default")]
    comparison.same("tr_end_code", end, golden["tr_end_code"])
    timed = out_of_time(faces[0], end, jnp.asarray(golden["tr_steps_before"] + 1))
    comparison.same("tr_info_episode_limit", timed, golden["tr_info_episode_limit"])
    comparison.same("tr_terminated", (end != End.OPEN) | timed, golden["tr_terminated"])
    comparison.same("tr_battle_won", (end == End.WIN) & ~golden["tr_after_end"], golden["tr_battle_won"])
    alive = np.asarray(after.alive)
    comparison.same("tr_dead_allies", np.sum(~alive[:, :n], axis=1), golden["tr_dead_allies"])
    comparison.same("tr_dead_enemies", np.sum(~alive[:, n:], axis=1), golden["tr_dead_enemies"])
    check_clean_wins(golden, np.asarray(reward))
    check_chains(golden)


def check_clean_wins(golden: Golden, reward: np.ndarray) -> None:
    """An episode in which nobody recovers is worth 20."""
    names = [str(golden["tr_scenario_names"][s]) for s in golden["tr_scenario"]]
    clean = {e for e, name in zip(golden["tr_episode"], names, strict=True) if name == "win_clean"}
    for episode in clean:
        np.testing.assert_allclose(reward[golden["tr_episode"] == episode].sum(), 20, rtol=1e-6)


def check_chains(golden: Golden) -> None:
    """Rows are read in order: what one leaves is where the next begins."""
    follows = (np.diff(golden["tr_episode"]) == 0) & (np.diff(golden["tr_index_in_episode"]) == 1)
    before, after = before_and_after(golden)
    np.testing.assert_array_equal(np.asarray(before.health)[1:][follows], np.asarray(after.health)[:-1][follows])


def compare_commands(golden: Golden, comparison: Comparison) -> None:
    before, _ = before_and_after(golden)
    face = face_of(golden, smacv2() if golden.second else Flags())
    actions = jnp.asarray(golden["tr_actions"], jnp.int32)
    avail = np.asarray(eqx.filter_jit(jax.vmap(availability, (None, 0)))(face, before))
    assert np.take_along_axis(avail, golden["tr_actions"][..., None].astype(int), axis=2).all(), (
        "an action that was taken is unavailable"
    )
    told = eqx.filter_jit(jax.vmap(commands, (None, 0, 0)))(face, before, actions)
    order, target = np.asarray(told.order), np.asarray(told.target)
    abilities = np.vectorize(lambda each: ABILITIES[Order(each)])(order)
    comparison.same("tr_cmd_ability", abilities, golden["tr_cmd_ability"])
    aims, heals, goes = np.isin(order, (Order.ATTACK, Order.HEAL)), order == Order.HEAL, order == Order.MOVE
    comparison.same("tr_cmd_target_kind", goes + 2 * aims + heals, golden["tr_cmd_target_kind"])
    index = np.where(aims, np.where(heals, target, target - face.n_allies), -1)
    comparison.same("tr_cmd_target_index", index, golden["tr_cmd_target_index"])
    for axis, ours in (("x", told.x), ("y", told.y)):
        theirs = golden[f"tr_cmd_target_{axis}"]
        comparison.same(f"tr_cmd_target_{axis} given", goes, ~np.isnan(theirs))
        comparison.close(f"tr_cmd_target_{axis}", np.where(goes, ours, 0), np.where(goes, theirs, 0))
