"""SMAC's face of a battle: everything that observations, actions and rewards need to know beforehand.

`observe`, `availability`, `commands` and `rewards` are functions of a face and a snapshot.
"""

from collections.abc import Sequence

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Shaped

from qohort.envs.battle.flags import Flags
from qohort.envs.battle.ordering import BY_NAME
from qohort.envs.battle.scenario import Scenario
from qohort.envs.battle.units import Kind, Stats
from qohort.errors import QohortError

SIGHT = 9.0
REACH = 6.0
"""From centre to centre, of whatever an agent does to another unit."""

SIGHTS = {
    Kind.MARINE: 9, Kind.MARAUDER: 10, Kind.MEDIVAC: 11, Kind.STALKER: 10, Kind.ZEALOT: 9, Kind.COLOSSUS: 10,
    Kind.ZERGLING: 8, Kind.BANELING: 8, Kind.HYDRALISK: 9, Kind.SPINE_CRAWLER: 11,
}  # fmt: skip
"""With `use_unit_ranges`. Spine Crawlers are in no scenario of SMACv2; these are their own numbers."""
REACHES = {
    Kind.MARINE: 5, Kind.MARAUDER: 6, Kind.MEDIVAC: 4, Kind.STALKER: 6, Kind.ZEALOT: 0.1, Kind.COLOSSUS: 7,
    Kind.ZERGLING: 0.1, Kind.BANELING: 0.25, Kind.HYDRALISK: 5, Kind.SPINE_CRAWLER: 7,
}  # fmt: skip
MEASURED_COOLDOWNS = {
    Kind.MARINE: 15, Kind.MARAUDER: 25, Kind.STALKER: 35, Kind.ZEALOT: 22, Kind.COLOSSUS: 24, Kind.ZERGLING: 11,
    Kind.BANELING: 1, Kind.HYDRALISK: 10, Kind.SPINE_CRAWLER: 15,
}  # fmt: skip
MAX_ENERGY = 200.0
COOLDOWN_DELAY = 2
"""The ticks by which a weapon can be late, at most."""


class Traits(eqx.Module):
    """What features of some units are measured by, one entry per unit (or kind)."""

    health: Float[Array, " n"]
    shield: Float[Array, " n"]
    """1 for those without, whose shield is 0."""
    readiness: Float[Array, " n"]
    """The longest cooldown; of Medivacs the most energy."""
    heals: Bool[Array, " n"]
    sight: Float[Array, " n"]
    reach: Float[Array, " n"]
    bits: Float[Array, "n b"]
    """Which kind it is, among those that type bits tell apart."""


class Face(eqx.Module):
    """What a scenario looks like to its agents and to training."""

    flags: Flags = eqx.field(static=True)
    n_allies: int = eqx.field(static=True)
    n_enemies: int = eqx.field(static=True)
    limit: int = eqx.field(static=True)
    kinds: tuple[Kind, ...] | None = eqx.field(static=True)
    """Of the agents and the enemies, in their order; None if teams are drawn for each episode."""
    bits: tuple[Kind, ...] = eqx.field(static=True)
    """The kinds that type bits tell apart, in the order of the bits of allies."""
    shielded: tuple[bool, bool] = eqx.field(static=True)
    """Whether allies, and enemies, have a column for shields."""
    medivacs: bool = eqx.field(static=True)
    """Whether there are Medivacs, so that the rules about them hold."""
    healers: bool = eqx.field(static=True)
    """Whether there are any among the allies, so that allies are targets too."""
    n_targets: int = eqx.field(static=True)
    """The number of actions that aim at somebody."""
    traits: Traits
    """Of the units, or with random teams of all kinds."""
    full: Float[Array, " n"]
    """Health and shield at the beginning, likewise."""
    pathing: Bool[Array, "X Y"]
    height: Float[Array, "X Y"]

    def __init__(
        self,
        scenario: Scenario,
        flags: Flags,
        *,
        stats: Stats,
        pathing: Shaped[Array | np.ndarray, "X Y"],
        height: Shaped[Array | np.ndarray, "X Y"],
    ) -> None:
        """Read a scenario.

        Args:
            scenario: who fights whom.
            flags: what is seen and what is paid.
            stats: the statistics of all kinds of unit.
            pathing: whether one can walk in a cell; the first axis is x.
            height: how high a cell lies, from 0 to 1.
        """
        allies, enemies = scenario.kinds or (scenario.possible_kinds,) * 2
        present = set(scenario.possible_kinds)
        self.flags, self.limit = flags, scenario.limit
        if scenario.teams is None:
            self.kinds = (*sorted(allies, key=BY_NAME.index), *enemies)
            self.n_allies, self.n_enemies = len(allies), len(enemies)
            self.bits = type_bits(allies, enemies)
        else:
            self.kinds, self.bits = None, scenario.teams.kinds
            self.n_allies, self.n_enemies = scenario.teams.allies, scenario.teams.enemies
        if not (self.n_allies and self.n_enemies):
            raise QohortError(
                f"{scenario.name}: {self.n_allies} allies against {self.n_enemies} enemies are no battle; "
                "each side needs at least 1 unit."
            )
        shields = {kind for kind in present if float(stats.shield[kind]) > 0}
        self.shielded = (not shields.isdisjoint(allies), not shields.isdisjoint(enemies))
        self.medivacs = Kind.MEDIVAC in present
        self.healers = Kind.MEDIVAC in allies
        self.n_targets = max(self.n_enemies, self.n_allies) if self.healers else self.n_enemies
        self.traits = self._traits(stats)
        rows = self.kinds or tuple(Kind)
        self.full = jnp.asarray([float(stats.health[kind] + stats.shield[kind]) for kind in rows], jnp.float32)
        self.pathing, self.height = jnp.asarray(pathing, bool), jnp.asarray(height, jnp.float32)

    def _traits(self, stats: Stats) -> Traits:
        rows = self.kinds or tuple(Kind)
        flags, n_allies = self.flags, self.n_allies
        flip = flags.flipped_enemy_types and self.kinds is not None and set(self.bits) == {Kind.STALKER, Kind.ZEALOT}
        bits = np.array([[kind == bit for bit in self.bits] for kind in rows], np.float32).reshape(len(rows), -1)
        if flip:
            bits[n_allies:] = bits[n_allies:, ::-1]
        shield = np.array([float(stats.shield[kind]) for kind in rows])
        if flags.use_unit_ranges:
            sight = [SIGHTS[kind] for kind in rows]
            reach = [max(REACHES[kind], flags.min_attack_range) for kind in rows]
        else:
            sight, reach = [SIGHT] * len(rows), [REACH] * len(rows)
        return Traits(
            health=jnp.asarray([float(stats.health[kind]) for kind in rows], jnp.float32),
            shield=jnp.asarray(np.where(shield > 0, shield, 1), jnp.float32),
            readiness=jnp.asarray([self._readiness(kind, stats) for kind in rows], jnp.float32),
            heals=jnp.asarray([kind == Kind.MEDIVAC for kind in rows]),
            sight=jnp.asarray(sight, jnp.float32),
            reach=jnp.asarray(reach, jnp.float32),
            bits=jnp.asarray(bits),
        )

    def _readiness(self, kind: Kind, stats: Stats) -> float:
        if kind == Kind.MEDIVAC:
            return MAX_ENERGY
        if self.flags.measured_cooldowns:
            return float(MEASURED_COOLDOWNS[kind])
        return float(stats.period[kind]) + COOLDOWN_DELAY

    @property
    def n_actions(self) -> int:
        return self.first_target + self.n_targets

    @property
    def first_target(self) -> int:
        """The first action that aims at somebody: no-op, stop, four moves and the turns of a cone come before."""
        return 6 + self.flags.looks

    def traits_of(self, kind: Int[Array, " n"]) -> Traits:
        """The traits of the units in a snapshot."""
        if self.kinds is not None:
            return self.traits
        t = self.traits
        return Traits(
            health=t.health[kind],
            shield=t.shield[kind],
            readiness=t.readiness[kind],
            heals=t.heals[kind],
            sight=t.sight[kind],
            reach=t.reach[kind],
            bits=t.bits[kind],
        )

    def full_points(self, kind: Int[Array, " n"]) -> Float[Array, " n"]:
        """Health and shield of units when nothing has happened to them."""
        return self.full if self.kinds is not None else self.full[kind]


def type_bits(allies: Sequence[Kind], enemies: Sequence[Kind]) -> tuple[Kind, ...]:
    """The kinds that bits tell apart: all that fight, by name, if one side has several; else none, as in SMAC."""
    if len(set(allies)) <= 1 and len(set(enemies)) <= 1:
        return ()
    return tuple(sorted({*allies, *enemies}, key=BY_NAME.index))
