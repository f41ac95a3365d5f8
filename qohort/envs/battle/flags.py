"""What of a battle agents and training get to see, and what is paid: SMAC's settings, under SMAC's names.

The second half are its peculiarities. Their defaults are what SMAC does, so that numbers compare with published ones;
each can be switched to what one would rather expect. `smacv2()` has the settings of SMACv2's scenarios.
"""

import dataclasses
import math
from typing import Any, Literal

from qohort.errors import QohortError

Number = int | float


@dataclasses.dataclass(frozen=True, kw_only=True)
class Flags:
    """Settings of observation, state, actions and reward."""

    move_amount: Number = 2
    """How far away the point is to which a move goes; half as far away must be ground."""

    obs_all_health: bool = True
    """Health and shields of others are seen, and one's own."""
    obs_own_health: bool = True
    """One's own health is seen; counts only without `obs_all_health`."""
    obs_last_action: bool = False
    """The last actions of allies in sight are seen."""
    obs_pathing_grid: bool = False
    """Whether one can walk at eight points around is seen."""
    obs_terrain_height: bool = False
    """The height of the ground is seen, there and where one stands."""
    obs_instead_of_state: bool = False
    """The state is all observations in a row."""
    obs_timestep_number: bool = False
    """The part of the time limit that is used up is seen."""
    state_last_action: bool = True
    """The state holds the last actions."""
    state_timestep_number: bool = False
    """The state holds the part of the time limit that is used up."""

    reward_sparse: bool = False
    """1 for a win and `sparse_defeat` for a loss, nothing else."""
    reward_only_positive: bool = True
    """Losses of one's own cost nothing."""
    reward_death_value: Number = 10
    """What each unit that dies is worth."""
    reward_win: Number = 200
    """What a win is worth."""
    reward_defeat: Number = 0
    """What a defeat adds; a punishment is negative."""
    reward_negative_scale: Number = 0.5
    """What one's own losses weigh."""
    reward_scale: bool = True
    """Rewards are scaled so that a win in which nobody recovers is worth `reward_scale_rate`."""
    reward_scale_rate: Number = 20
    """What such a win is worth."""

    obs_own_pos: bool = False
    """SMACv2: where one stands is seen."""
    obs_starcraft: bool = True
    """SMACv2: without it nothing is seen but the time, and that only with `obs_timestep_number`."""
    conic_fov: bool = False
    """SMACv2: agents see and shoot only within a cone, which actions turn."""
    num_fov_actions: int = 12
    """SMACv2: the directions in which a cone can point."""
    use_unit_ranges: bool = False
    """SMACv2: ranges of sight and attack depend on the kind of unit; otherwise they are 9 and 6."""
    min_attack_range: Number = 2
    """SMACv2: the least range of an attack, with `use_unit_ranges`."""
    fully_observable: bool = False
    """SMACv2: every living unit is seen."""
    prob_obs_enemy: Number = 1.0
    """SMACv2: how probable it is that an agent may see an enemy that another one has seen first."""
    action_mask: bool = True
    """SMACv2: without it every living enemy may be attacked; nothing happens if it is out of range."""

    regeneration_pays: bool = True
    """Without negative rewards, a step in which enemies recover more than they lose is rewarded for the difference, for
    SMAC takes the absolute value (issue 72); otherwise such a step is worth 0, as in SMACv2."""
    flipped_enemy_types: bool = True
    """Where there are Stalkers and Zealots only, type bits are (Stalker, Zealot) for allies and (Zealot, Stalker) for
    enemies (issue 33)."""
    healable_shown_as_attackable: bool = True
    """Whether "enemy j can be attacked" in a Medivac's observation means that ally j can be healed; otherwise it is
    always 0."""
    only_medivacs_lose: bool = True
    """On maps with Medivacs, a team without any other unit has lost, even if no enemy is left."""
    last_medivacs: Literal["one", "any", "fight on"] = "one"
    """On maps with Medivacs, a battle is won when one Medivac is the only enemy left (SMAC), when all enemies that are
    left are Medivacs (SMACv2), or only when no enemy is left."""
    surplus_zero: bool = True
    """With `obs_timestep_number`, an unused 0 stands before the time, and announced sizes do not count it."""
    sparse_reward_scaled: bool = True
    """Sparse rewards are scaled like others: a win is 20 divided by the largest return, not 1."""
    sparse_defeat: Number = -1
    """What a loss is worth with sparse rewards; with 0 nothing but a win is paid for, and to run away gains nothing."""
    unseen_enemy_blanks: bool = False
    """An enemy that an agent may not see, or that nobody has seen yet, hides all enemies with a lower number from it.
    SMACv2 does so (issue 50)."""
    cones_by_slope: bool = True
    """SMACv2's cones compare slopes instead of directions: facing west one sees the east too, and near the vertical
    what lies just beyond it."""
    truncated_moves: bool = True
    """Coordinates are cut towards zero, so that a unit beside the western or southern border may move against it."""
    mirrored_sight: bool = True
    """In the visibility matrix, whether two allies see each other is decided by the sight of the one with the lower
    number."""
    measured_cooldowns: bool = True
    """Cooldowns are divided by the maxima that SMAC's authors measured (issue 95), some of which are too small;
    otherwise by the longest time between two attacks that the default `jitter` allows."""
    first_team_scales: bool = True
    """With random teams, rewards are scaled for one team of enemies, the same in all episodes; otherwise for those of
    each. SMACv2 takes the first episode's, as `StarCraft2Env` does; a world takes one that its scenario draws."""

    def __post_init__(self) -> None:
        for name in ("reward_defeat", "reward_negative_scale", "sparse_defeat"):
            self._require(name, math.isfinite(getattr(self, name)), "a finite number")
        for name in ("reward_death_value", "reward_win", "min_attack_range"):
            self._require(name, 0 <= getattr(self, name) < math.inf, "a finite number from 0")
        for name in ("move_amount", "reward_scale_rate"):
            self._require(name, 0 < getattr(self, name) < math.inf, "a finite number above 0")
        self._require("prob_obs_enemy", 0 <= self.prob_obs_enemy <= 1, "a probability, from 0 to 1")
        self._require("num_fov_actions", 2 <= self.num_fov_actions <= 127, "from 2 to 127")
        if (self.obs_pathing_grid or self.obs_terrain_height) and self.move_amount != int(self.move_amount):
            raise QohortError(
                f"`move_amount` is {self.move_amount}, but `obs_pathing_grid` and `obs_terrain_height` show cells that "
                "far away: choose a whole number, or switch them off."
            )
        if not self.obs_starcraft and not self.obs_timestep_number:
            raise QohortError("Without `obs_starcraft` agents would see nothing: set `obs_timestep_number` as well.")

    def _require(self, name: str, holds: bool, what: str) -> None:
        if not holds:
            raise QohortError(f"`{name}` is {getattr(self, name)}, but it must be {what}.")

    @property
    def shows_own_health(self) -> bool:
        """Whether agents see their own health."""
        return self.obs_all_health or self.obs_own_health

    @property
    def hides_enemies(self) -> bool:
        """Whether one has to remember who may see whom."""
        return self.prob_obs_enemy < 1 or self.unseen_enemy_blanks

    @property
    def looks(self) -> int:
        """The number of actions that turn a cone."""
        return self.num_fov_actions if self.conic_fov else 0


def smacv2(**changes: Any) -> Flags:
    """The settings of SMACv2's scenarios, with its own peculiarities."""
    ours = {
        "use_unit_ranges": True,
        "obs_own_pos": True,
        "regeneration_pays": False,
        "last_medivacs": "any",
        "surplus_zero": False,
        "unseen_enemy_blanks": True,
    }
    return Flags(**{**ours, **changes})
