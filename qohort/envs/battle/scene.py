"""A moment of a battle, drawn: who stands where, how well they are, and who shoots at whom.

The team has numbers, its enemies have the letters of their kinds, and numbers too unless they are many; shapes are the
kinds'. Everything is true to scale.
"""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from qohort.envs.battle import combat, emblems
from qohort.envs.battle.healing import MOST_ENERGY
from qohort.envs.battle.landscape import RIM
from qohort.envs.battle.scenario import Group, Scenario
from qohort.envs.battle.state import Snapshot
from qohort.envs.battle.units import SMAC, Kind, Stats
from qohort.scene import Circles, Labels, Layer, Lines, Rectangles, Scene, Tone

FEW = 3
"""Teams of so many at most have rings around them that show how far they shoot; more rings would hide the battle."""
NUMBERED = 12
"""Enemies of so many at most have their numbers, which are those of the actions against them."""
BAR = 0.17
"""The height of a bar, in cells."""
CROSS = 0.2
"""Half the size of the mark where a unit died."""
SPARK = 0.12
"""The size of the mark where a shot hits."""
SIDES = [emblems.SIDES[kind] for kind in Kind]
SCALES = [1.3 if sides == 3 else 1.0 for sides in SIDES]
"""Triangles are drawn larger, or they would look much smaller than their units are."""
TEXT = 0.7
"""The height of the line of text above the ground."""


class Aim(NamedTuple):
    """Who attacks or heals whom."""

    aims: Bool[Array, " n"]
    target: Float[Array, "n 2"]
    hit: Float[Array, "n 2"]
    """A point of the target, near its edge."""
    ahead: Float[Array, "n 2"]
    """Unit vectors."""


def scene(
    snapshot: Snapshot,
    *,
    scenario: Scenario,
    stats: Stats,
    ground: tuple[Layer, ...],
    bounds: tuple[float, float, float, float],
) -> Scene:
    """Draw a moment.

    Args:
        snapshot: the moment.
        scenario: who fights whom.
        stats: of the units.
        ground: the layers below the units; see `landscape`.
        bounds: what is shown.
    """
    n, alive = scenario.n_allies, snapshot.alive
    ours = np.arange(scenario.n_allies + scenario.n_enemies) < n
    at = jnp.stack([snapshot.x, snapshot.y], axis=1)
    tone = np.where(ours, Tone.OURS, Tone.THEIRS)
    aim, kinds = _aim(snapshot, at, stats), scenario.possible_kinds
    large = stats.air | stats.walks_cliffs
    tiers = (alive & large, alive & ~large) if {Kind.MEDIVAC, Kind.COLOSSUS} & {*kinds} else (alive,)
    return Scene(
        layers=(
            *ground,
            _graves(at, tone, ~alive),
            *_rings(at[:n], stats, alive[:n]),
            *_shots(at, aim, tone, stats, beams=Kind.COLOSSUS in kinds),
            *(layer for tier in tiers for layer in _units(snapshot, at, scenario, stats, tier)),
            Circles(aim.hit, SPARK, fill=Tone.ACCENT, outline=Tone.NONE, visible=aim.aims & ~stats.heals),
            _score(alive, snapshot.step, scenario, bounds),
        ),
        bounds=bounds,
        note=note(scenario),
        agents=at[:n],
        reach=_reach(stats, n),
    )


def note(scenario: Scenario) -> str:
    """What the marks mean."""
    kinds = scenario.possible_kinds
    theirs = "letters and numbers" if scenario.n_enemies <= NUMBERED else "letters"
    parts = [f"Yours are blue with numbers, enemies orange with {theirs}; crosses are the dead."]
    if len(kinds) > 1:
        parts.append(f"{emblems.shapes(kinds, letters=True)}.")
    parts.append("Lines: who attacks whom" + ("; dashed green ones heal." if Kind.MEDIVAC in kinds else "."))
    bars = "green health" + (", light blue shield" if _shielded(kinds) else "")
    parts.append(f"Bars: {bars}{', yellow energy' if Kind.MEDIVAC in kinds else ''}.")
    if scenario.n_allies <= FEW:
        parts.append("Rings: how far yours shoot.")
    return " ".join(parts)


def _shielded(kinds: tuple[Kind, ...]) -> bool:
    return any(SMAC[kind].shield for kind in kinds)


def _graves(at: Float[Array, "n 2"], tone: Int[np.ndarray, " n"], dead: Bool[Array, " n"]) -> Lines:
    """A cross where a unit died."""
    arm = np.array([[CROSS, CROSS], [CROSS, -CROSS]])
    middle = jnp.repeat(at, 2, axis=0)
    arms = np.tile(arm, (len(tone), 1))
    return Lines(middle - arms, middle + arms, tone=np.repeat(tone, 2), weight=1.2, visible=jnp.repeat(dead, 2))


def _aim(snapshot: Snapshot, at: Float[Array, "n 2"], stats: Stats) -> Aim:
    whom = jnp.clip(snapshot.aims_at.astype(jnp.int32), 0)
    target = at[whom]
    away = target - at
    distance = jnp.sqrt(jnp.sum(away * away, axis=1, keepdims=True))
    ahead = away / jnp.maximum(distance, 1e-6)
    return Aim(
        aims=(snapshot.aims_at >= 0) & snapshot.alive,
        target=target,
        hit=target - ahead * jnp.minimum(0.8 * stats.radius[whom][:, None], distance),
        ahead=ahead,
    )


def _rings(at: Float[Array, "A 2"], stats: Stats, alive: Bool[Array, " A"]) -> tuple[Circles, ...]:
    """How far agents shoot: whoever touches the ring can be hit."""
    n = len(at)
    if n > FEW:
        return ()
    reach = _reach(stats, n)
    return (Circles(at, reach, fill=Tone.NONE, outline=Tone.FAINT, visible=alive & (reach > 0)),)


def _reach(stats: Stats, n: int) -> Float[Array, " A"]:
    """How far agents shoot; 0 for those that fight hand to hand."""
    return jnp.where(stats.range[:n] > 1, stats.range[:n] + stats.radius[:n], 0.0)


def _shots(
    at: Float[Array, "n 2"], aim: Aim, tone: Int[np.ndarray, " n"], stats: Stats, *, beams: bool
) -> tuple[Lines, ...]:
    """Lines to targets; a Colossus sweeps another one across."""
    marks = [
        Lines(
            at,
            aim.hit,
            tone=jnp.where(stats.heals, Tone.GOOD, tone),
            weight=jnp.where(stats.heals, 2.5, 1.3),
            dashed=stats.heals,
            visible=aim.aims,
        )
    ]
    if beams:
        across = combat.BEAM_HALF * jnp.stack([-aim.ahead[:, 1], aim.ahead[:, 0]], axis=1)
        middle = aim.target
        visible = aim.aims & stats.beams
        marks.append(Lines(middle - across, middle + across, tone=Tone.ACCENT, weight=2.5, visible=visible))
    return tuple(marks)


def _units(
    snapshot: Snapshot, at: Float[Array, "n 2"], scenario: Scenario, stats: Stats, visible: Bool[Array, " n"]
) -> tuple[Layer, ...]:
    """Shapes with bars; on those of agents their numbers, on those of enemies the letters of their kinds."""
    n, m, kinds = scenario.n_allies, scenario.n_enemies, scenario.possible_kinds
    kind = snapshot.kind.astype(jnp.int32)
    numbers = tuple(str(k + 1) for k in range(max(n, m)))
    ours, theirs = (_size(groups, kinds) for groups in (scenario.allies, scenario.enemies))
    if m <= NUMBERED:
        letters = tuple(emblems.LETTERS[kind] + number for kind in Kind for number in numbers[:m])
        which, theirs = kind[n:] * m + np.arange(m), 0.85 * theirs
    else:
        letters, which = tuple(emblems.LETTERS[kind] for kind in Kind), kind[n:]
    tone = np.repeat([Tone.OURS, Tone.THEIRS], [n, m])
    above = at + jnp.stack([jnp.zeros_like(stats.radius), 0.2 * stats.radius], axis=1)
    return (
        Circles(
            at, stats.radius * jnp.asarray(SCALES)[kind], fill=tone, sides=jnp.asarray(SIDES)[kind], visible=visible
        ),
        *_bars(snapshot, at, stats, kinds, visible),
        Labels(above[:n], numbers[:n], size=ours, tone=Tone.PAPER, visible=visible[:n]),
        Labels(above[n:], letters, size=theirs, which=which, tone=Tone.INK, visible=visible[n:]),
    )


def _size(groups: tuple[Group, ...], possible: tuple[Kind, ...]) -> float:
    """Of letters that fit on the smallest kind."""
    kinds = [group.kind for group in groups] or possible
    return min(SMAC[kind].radius * (0.95 if emblems.SIDES[kind] == 3 else 1.25) for kind in kinds)


def _bars(
    snapshot: Snapshot, at: Float[Array, "n 2"], stats: Stats, kinds: tuple[Kind, ...], visible: Bool[Array, " n"]
) -> tuple[Rectangles, ...]:
    """Health, and above it shields or energy, on units that have lost some; on Medivacs always."""
    hurt = (snapshot.health < stats.health) | (snapshot.shield < stats.shield)
    visible = visible & (hurt | stats.heals)
    low = at - jnp.stack([0.65 * stats.radius, 0.65 * stats.radius], axis=1)
    size = jnp.stack([1.3 * stats.radius, jnp.full_like(stats.radius, BAR)], axis=1)
    rows = [(snapshot.health, stats.health, Tone.GOOD, 0, visible)]
    if _shielded(kinds):
        rows.append((snapshot.shield, stats.shield, Tone.SHIELD, 1, visible & (stats.shield > 0)))
    if Kind.MEDIVAC in kinds:
        rows.append((snapshot.energy, jnp.full_like(stats.health, MOST_ENERGY), Tone.ACCENT, 1, visible & stats.heals))
    return tuple(
        Rectangles(
            low + np.array([[0.0, row * BAR]]),
            low + np.array([[0.0, row * BAR]]) + size,
            full=value / jnp.maximum(most, 1e-6),
            fill=tone,
            empty=Tone.INK,
            visible=shown,
        )
        for value, most, tone, row, shown in rows
    )


def _score(
    alive: Bool[Array, " n"], step: Int[Array, ""], scenario: Scenario, bounds: tuple[float, float, float, float]
) -> Labels:
    """Who is left, and how long it has taken."""
    n, m, limit = scenario.n_allies, scenario.n_enemies, scenario.limit
    left, _, right, top = bounds
    return Labels(
        [[left + 5.0, top - RIM / 2], [(left + right) / 2, top - RIM / 2], [right - 5.0, top - RIM / 2]],
        (
            *(f"yours: {k} of {n}" for k in range(n + 1)),
            *(f"step {k} of {limit}" for k in range(limit + 1)),
            *(f"enemies: {k} of {m}" for k in range(m + 1)),
        ),
        size=TEXT,
        which=jnp.stack(
            [
                jnp.sum(alive[:n], dtype=jnp.int32),
                n + 1 + jnp.clip(step, 0, limit).astype(jnp.int32),
                n + limit + 2 + jnp.sum(alive[n:], dtype=jnp.int32),
            ]
        ),
        tone=Tone.PAPER,
    )
