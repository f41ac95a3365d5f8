"""`StarCraft2Env`: battles behind the interface of SMAC, for code that was written for it.

    from qohort.envs.battle import StarCraft2Env  # instead of: from smac.env import StarCraft2Env

Arguments, methods, the types and shapes of what they return, and their peculiarities are SMAC's. Learners of Qohort do
not need it: they play thousands of battles at once through `qohort.make("battle/3m")`.
"""

import pathlib
from collections.abc import MutableSequence, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from qohort.envs.battle import commands, names, observe, replay_file, rewards
from qohort.envs.battle.env import Battle
from qohort.envs.battle.factory import battle
from qohort.envs.battle.heuristic import Scripted
from qohort.envs.battle.queries import Queries
from qohort.envs.battle.state import BattleState, Snapshot
from qohort.envs.battle.unit_view import UnitView, views
from qohort.envs.battle.units import TICKS_PER_STEP
from qohort.envs.battle.visibility import visibility_matrix
from qohort.envs.hosted import Hosted, Leaves, Moment
from qohort.errors import QohortError


class StarCraft2Env(Queries):
    """One battle, played step by step.

    Attributes:
        n_agents: the number of allies.
        n_enemies: the number of enemies.
        n_actions: the number of actions of each agent.
        episode_limit: the number of steps after which an episode is cut off.
        last_action: one-hot rows; zeros at first.
        battles_won: since this object was made, as are the following.
        battles_game: battles that have ended.
        timeouts: battles that were cut off.
        force_restarts: calls of `full_restart`.
    """

    def __init__(  # noqa: PLR0917  (SMAC's order)
        self,
        map_name: str = "8m",
        step_mul: int = TICKS_PER_STEP,
        move_amount: float = 2,
        difficulty: str = "7",
        game_version: str | None = None,
        seed: int | None = None,
        continuing_episode: bool = False,
        obs_all_health: bool = True,
        obs_own_health: bool = True,
        obs_last_action: bool = False,
        obs_pathing_grid: bool = False,
        obs_terrain_height: bool = False,
        obs_instead_of_state: bool = False,
        obs_timestep_number: bool = False,
        state_last_action: bool = True,
        state_timestep_number: bool = False,
        reward_sparse: bool = False,
        reward_only_positive: bool = True,
        reward_death_value: float = 10,
        reward_win: float = 200,
        reward_defeat: float = 0,
        reward_negative_scale: float = 0.5,
        reward_scale: bool = True,
        reward_scale_rate: float = 20,
        replay_dir: str = "",
        replay_prefix: str = "",
        window_size_x: int = 1920,
        window_size_y: int = 1200,
        heuristic_ai: bool = False,
        heuristic_rest: bool = False,
        debug: bool = False,
        *,
        repeated_resets_count: bool = True,
        **options: Any,
    ) -> None:
        """Prepare a battle. The arguments up to `debug` are SMAC's, in its order.

        Those that begin with `obs_`, `state_` and `reward_` say what is seen and what is paid; see `battle.Flags`.

        Args:
            map_name: one of SMAC's maps or SMACv2's scenarios; empty with the option `scenario`.
            step_mul: 8, the ticks of the game in a step.
            move_amount: how far away the point is to which a move goes.
            difficulty: any; in SMAC it has no effect, because its enemies follow the orders of the map.
            game_version: any; there is no game.
            seed: where the random numbers come from; from the operating system if not given.
            continuing_episode: whether `info` says that an episode was cut off.
            replay_dir: where `save_replay` writes.
            replay_prefix: what the names of replays begin with; the map's name if empty.
            window_size_x: the width of pictures.
            window_size_y: any; pictures are as high as they have to be.
            heuristic_ai: the allies follow a script. The actions given to `step` are written over with the script's.
            heuristic_rest: with `heuristic_ai`, in steps along the axes towards what is out of range.
            debug: any; what it logs in SMAC, `agents`, `enemies` and `render` tell.
            repeated_resets_count: as in SMAC, each `reset` before the end of the first episode adds the enemies to the
                largest return once more, which makes all rewards smaller (issue 104).
            **options: further options of `qohort.make("battle/...")`, such as `data`, `layer`, `opponent`, SMACv2's
                flags, and the numbers of the engine.
        """
        if step_mul != TICKS_PER_STEP:
            raise QohortError(
                f"`step_mul` is {step_mul}; steps of a battle have {TICKS_PER_STEP} ticks of the game, as in all "
                "published results."
            )
        self.battle: Battle = battle(
            map_name,
            move_amount=move_amount,
            obs_all_health=obs_all_health,
            obs_own_health=obs_own_health,
            obs_last_action=obs_last_action,
            obs_pathing_grid=obs_pathing_grid,
            obs_terrain_height=obs_terrain_height,
            obs_instead_of_state=obs_instead_of_state,
            obs_timestep_number=obs_timestep_number,
            state_last_action=state_last_action,
            state_timestep_number=state_timestep_number,
            reward_sparse=reward_sparse,
            reward_only_positive=reward_only_positive,
            reward_death_value=reward_death_value,
            reward_win=reward_win,
            reward_defeat=reward_defeat,
            reward_negative_scale=reward_negative_scale,
            reward_scale=reward_scale,
            reward_scale_rate=reward_scale_rate,
            **options,
        )
        face = self.battle.face
        self.map_name, self.continuing_episode = map_name or self.battle.scenario.name, continuing_episode
        self.n_agents, self.n_enemies, self.n_actions = face.n_allies, face.n_enemies, face.n_actions
        self.n_actions_no_attack, self.n_actions_move = face.first_target, 4
        self.episode_limit = face.limit
        self.unit_type_bits = len(face.bits)
        self.shield_bits_ally, self.shield_bits_enemy = map(int, face.shielded)
        self.ally_state_attr_names, self.enemy_state_attr_names = list(names.unit(face)), list(names.enemy(face))
        self.unit_dim = len(self.ally_state_attr_names)
        self.map_x, self.map_y = face.pathing.shape
        self.replay_dir, self.replay_prefix, self._width = replay_dir, replay_prefix, window_size_x
        self.heuristic_ai, self.heuristic_rest = heuristic_ai, heuristic_rest
        self._repeated_resets_count = repeated_resets_count
        self.battles_won = self.battles_game = self.timeouts = self.force_restarts = 0
        self._ended = 0
        self._toughness = np.zeros(self.n_enemies, np.float32)
        self._history: list[Leaves] = []
        self._actions: list[list[int]] = []
        self._rewards: list[float] = []
        self._moment: Moment | None = None
        self._hosted = Hosted(self._world(self.battle), seed=seed)

    def reset(self) -> tuple[list[Float[np.ndarray, " O"]], Float[np.ndarray, " S"]]:
        """Begin an episode."""
        self._begin()
        if self._ended == 0:
            self._count_enemies()
        return self.get_obs(), self.get_state()

    def step(self, actions: Any) -> tuple[float, bool, dict[str, Any]]:
        """Let every agent act.

        Args:
            actions: one number for each agent, in a list, an array or a tensor.

        Returns:
            the reward; whether the episode is over, by its end or the time limit; and `battle_won`, `dead_allies`,
            `dead_enemies` and, with `continuing_episode`, `episode_limit` if it was cut off.
        """
        chosen = np.array([int(action) for action in actions], np.int32)
        self._check(chosen)
        self.last_action = np.eye(self.n_actions)[chosen]
        self._moment = moment = self._hosted.step(chosen)
        if self.heuristic_ai and isinstance(actions, MutableSequence | np.ndarray):
            for agent, action in enumerate(np.asarray(self._hosted.state.chosen).tolist()):
                actions[agent] = action
        reward, won = moment.reward[0], moment.metrics["won"] > 0
        self._history.append(self._hosted.leaves)
        self._actions.append(chosen.tolist())
        self._rewards.append(reward)
        info: dict[str, Any] = {
            "battle_won": won,
            "dead_allies": int(moment.metrics["dead_allies"]),
            "dead_enemies": int(moment.metrics["dead_enemies"]),
        }
        over = moment.terminated or moment.truncated
        self.battles_won += won
        self.battles_game += over
        self.timeouts += moment.truncated
        self._ended += over
        if moment.truncated and self.continuing_episode:
            info["episode_limit"] = True
        return reward, over, info

    def get_obs(self) -> list[Float[np.ndarray, " O"]]:
        """What each agent sees."""
        return list(self._now.obs.copy())

    def get_obs_agent(self, agent_id: int) -> Float[np.ndarray, " O"]:
        """What one agent sees."""
        return self._now.obs[agent_id].copy()

    def get_state(self) -> Float[np.ndarray, " S"]:
        """What only training sees."""
        return self._now.state.copy()

    def get_state_dict(self) -> dict[str, Any]:
        """The state by its parts: `allies`, `enemies`, and as the flags say `last_action` and `timestep`."""
        flags = self.battle.flags
        allies, enemies = _rows(self.battle, self.snapshot)
        state: dict[str, Any] = {"allies": np.array(allies), "enemies": np.array(enemies)}
        if flags.state_last_action:
            state["last_action"] = self.last_action
        if flags.state_timestep_number:
            state["timestep"] = int(self.snapshot.step) / self.episode_limit
        return state

    def get_avail_actions(self) -> list[list[int]]:
        """1 for each action that an agent can choose, else 0."""
        return self._now.avail.astype(np.int64).tolist()

    def get_avail_agent_actions(self, agent_id: int) -> list[int]:
        """1 for each action that an agent may take, else 0."""
        return self._now.avail[agent_id].astype(np.int64).tolist()

    def get_total_actions(self) -> int:
        """How many actions there are."""
        return self.n_actions

    def get_obs_size(self) -> int:
        """As SMAC announces it: with `obs_timestep_number`, observations are longer by 1."""
        return names.announced_sizes(self.battle.face)[0]

    def get_state_size(self) -> int:
        """Likewise."""
        return names.announced_sizes(self.battle.face)[1]

    def get_obs_feature_names(self) -> list[str]:
        """A name for each entry of an observation."""
        return list(self.battle.spec.obs_features)

    def get_state_feature_names(self) -> list[str]:
        """A name for each entry of the state."""
        return list(self.battle.spec.state_features)

    def get_obs_move_feats_size(self) -> int:
        """The length of the first part of an observation."""
        return len(names.parts(self.battle.face).move)

    def get_obs_enemy_feats_size(self) -> tuple[int, int]:
        """Rows and columns of what is seen of the enemies."""
        return self.n_enemies, len(names.parts(self.battle.face).enemy)

    def get_obs_ally_feats_size(self) -> tuple[int, int]:
        """The same of the other allies."""
        return self.n_agents - 1, len(names.parts(self.battle.face).other)

    def get_obs_own_feats_size(self) -> int:
        """The length of what an agent sees of itself; SMAC counts the time here, SMACv2 does not."""
        flags = self.battle.flags
        own = len(names.parts(self.battle.face).own) if flags.obs_starcraft else self.unit_type_bits
        return own + (flags.obs_timestep_number and flags.surplus_zero)

    def get_ally_num_attributes(self) -> int:
        """How many entries of the state an ally's row has."""
        return len(self.ally_state_attr_names)

    def get_enemy_num_attributes(self) -> int:
        """How many entries of the state an enemy's row has."""
        return len(self.enemy_state_attr_names)

    def get_capabilities(self) -> Float[np.ndarray, " C"]:
        """SMACv2: the agents' kinds, one-hot, one after the other."""
        traits = self.battle.face.traits_of(self.snapshot.kind)
        return np.array(traits.bits[: self.n_agents], np.float32).ravel()

    def get_capabilities_agent(self, agent_id: int) -> Float[np.ndarray, " b"]:
        """SMACv2: one agent's kind, one-hot."""
        return self.get_capabilities().reshape(self.n_agents, -1)[agent_id]

    def get_cap_size(self) -> int:
        """SMACv2: how many numbers tell one agent's kind."""
        return self.unit_type_bits

    def get_env_info(self) -> dict[str, Any]:
        """Sizes and names; `unit_dim` is what Qatten's PyMARL asks for."""
        return {
            "state_shape": self.get_state_size(),
            "obs_shape": self.get_obs_size(),
            "n_actions": self.n_actions,
            "n_agents": self.n_agents,
            "episode_limit": self.episode_limit,
            "agent_features": self.ally_state_attr_names,
            "enemy_features": self.enemy_state_attr_names,
            "unit_dim": self.unit_dim,
        }

    def get_stats(self) -> dict[str, Any]:
        """Counts since this object was made. As in SMAC, `battles_draw` counts the battles that were cut off."""
        return {
            "battles_won": self.battles_won,
            "battles_game": self.battles_game,
            "battles_draw": self.timeouts,
            "win_rate": self.battles_won / self.battles_game if self.battles_game else 0.0,
            "timeouts": self.timeouts,
            "restarts": self.force_restarts,
        }

    def get_agg_stats(self, stats: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """The statistics of several environments together, as EPyMARL's runners ask for them."""
        total = {name: sum(one[name] for one in stats) for name in self.get_stats() if name != "win_rate"}
        games = total["battles_game"]
        return {**total, "win_rate": total["battles_won"] / games if games else 0.0}

    def get_visibility_matrix(self) -> Bool[np.ndarray, "A n"]:
        """Which living units each agent sees: allies, then enemies."""
        return np.array(_visibility(self.battle, self.snapshot))

    def get_unit_by_id(self, a_id: int) -> UnitView:
        """The unit of an agent."""
        return self.agents[a_id]

    @property
    def agents(self) -> dict[int, UnitView]:
        """The allies at this moment."""
        every = views(self.battle, self.snapshot)
        return dict(enumerate(every[: self.n_agents]))

    @property
    def enemies(self) -> dict[int, UnitView]:
        """The enemies at this moment."""
        every = views(self.battle, self.snapshot)
        return dict(enumerate(every[self.n_agents :]))

    @property
    def death_tracker_ally(self) -> Float[np.ndarray, " A"]:
        """1 for each ally that is dead, else 0."""
        return (~self._now.alive).astype(float)

    @property
    def death_tracker_enemy(self) -> Float[np.ndarray, " E"]:
        """1 for each enemy that is dead, else 0."""
        return (np.asarray(self.snapshot.health)[self.n_agents :] <= 0).astype(float)

    @property
    def max_reward(self) -> float:
        """The return of a win, before scaling."""
        return float(self.battle.largest)

    @property
    def snapshot(self) -> Snapshot:
        """The moment as `self.battle.observe` reads it."""
        return self._hosted.snapshot

    @property
    def battle_state(self) -> BattleState:
        """Everything that there is to know of the moment."""
        return self._hosted.state.battle if self.heuristic_ai else self._hosted.state

    def unit_shoot_range(self, agent_id: int) -> float:
        """From how far away an agent may attack."""
        return float(self.battle.face.traits_of(self.snapshot.kind).reach[agent_id])

    def unit_sight_range(self, agent_id: int) -> float:
        """How far an agent sees."""
        return float(self.battle.face.traits_of(self.snapshot.kind).sight[agent_id])

    def seed(self) -> int:
        """Where the random numbers come from."""
        return self._hosted.seed

    def close(self) -> None:
        """Nothing is held that would have to be given back."""

    def full_restart(self) -> None:
        """Begin anew, as if the game had been launched again."""
        self.force_restarts += 1
        self._begin()

    def render(self, mode: str = "human") -> Any:
        """A picture of this moment: for `rgb_array` an array, else an image, which notebooks show."""
        from qohort.report.raster import draw

        scene = self.battle.scene(self.snapshot)
        if scene is None:
            raise QohortError(f"{self.battle.spec.name} cannot be drawn: it has no scene.")
        picture = draw(scene, width=self._width, title=f"{self.map_name}, step {int(self.snapshot.step)}")
        return np.asarray(picture) if mode == "rgb_array" else picture

    def save_replay(self) -> pathlib.Path:
        """Write the episode so far; see `replay_file`.

        Returns:
            the path of the file with the data.
        """
        prefix = self.replay_prefix or self.map_name
        snapshots = self._hosted.snapshots(self._history)
        return replay_file.save(
            self.battle, snapshots, self._actions, self._rewards, folder=self.replay_dir, prefix=prefix
        )

    @property
    def _now(self) -> Moment:
        if self._moment is None:
            raise QohortError(f"{self.battle.spec.name}: no episode has begun; call `reset` first.")
        return self._moment

    def _begin(self) -> None:
        self._moment = self._hosted.reset()
        self._history, self._actions, self._rewards = [self._hosted.leaves], [], []
        self.last_action = np.zeros((self.n_agents, self.n_actions))

    def _check(self, actions: Int[np.ndarray, " k"]) -> None:
        """Refuse what cannot be chosen."""
        if len(actions) != self.n_agents:
            raise QohortError(f"{self.map_name}: `step` got {len(actions)} actions for {self.n_agents} agents.")
        if self.heuristic_ai:
            return
        known = (actions >= 0) & (actions < self.n_actions)
        may = known & self._now.avail[np.arange(self.n_agents), np.where(known, actions, 0)]
        if may.all():
            return
        agent = int(np.argmin(may))
        action = int(actions[agent])
        label = f" ({self.battle.spec.actions[action]})" if known[agent] else ""
        why = commands.why_not(self.battle.face, self.snapshot, agent, action)
        raise QohortError(
            f"{self.map_name}: agent {agent} ({self.battle.spec.agents[agent]}) cannot choose action {action}{label}: "
            f"{why}. `get_avail_actions` says what can be chosen."
        )

    def _count_enemies(self) -> None:
        """Set the largest return by the enemies of the first episode."""
        face, flags = self.battle.face, self.battle.flags
        counted = bool(self._toughness.any())
        if (counted and not self._repeated_resets_count) or (face.kinds is None and not flags.first_team_scales):
            return
        self._toughness += np.asarray(face.full_points(self.battle_state.kind))[self.n_agents :]
        largest = rewards.largest_return(flags, jnp.asarray(self._toughness))
        if largest != self.battle.largest:
            self.battle = eqx.tree_at(lambda battle: battle.largest, self.battle, largest)
            self._hosted.env = self._world(self.battle)

    def _world(self, battle: Battle) -> Battle | Scripted:
        return Scripted(battle, rest=self.heuristic_rest) if self.heuristic_ai else battle


@jax.jit
def _visibility(battle: Battle, snapshot: Snapshot) -> Bool[Array, "A n"]:
    return visibility_matrix(battle.face, snapshot)


@jax.jit
def _rows(battle: Battle, snapshot: Snapshot) -> tuple[Float[Array, "A U"], Float[Array, "E F"]]:
    traits = battle.face.traits_of(snapshot.kind)
    return observe.ally_rows(battle.face, traits, snapshot), observe.enemy_rows(battle.face, traits, snapshot)
