"""Attacks, from the decision to the damage.

An attack has a beginning (the unit stands and the cooldown starts), an effect (a hit, or a missile that leaves) and
perhaps a landing (the missile, a Zealot's second hit, a Colossus's beams). All that happens in a tick happens at
once: two units can kill each other.
"""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from qohort.envs.battle.rows import numbers, over, pick, row
from qohort.envs.battle.units import Stats

LEAST_DAMAGE = 0.5
"""Of a hit on health, whatever the armour."""
SHIELD_DELAY = 160.0
"""Ticks without damage until shields come back."""
SHIELD_RATE = 0.125
"""Shield points per tick."""

BLAST_RADIUS = 2.2
BLAST_ON_STRUCTURE = 80.0
BEAM_DELAY = 6.0
"""Ticks from a Colossus's shot to the damage."""
BEAM_HALF = 1.25
"""Half the length of the line that its beams sweep."""
BEAM_WIDTH = 0.15


class Attack(eqx.Module):
    """What the weapons are doing; times are in ticks and infinite where nothing is going on."""

    windup: Float[Array, "n ..."]
    """Until the attack that has begun takes effect."""
    prey: Int[Array, "n ..."]
    """Whom the last attack was meant for."""
    flight: Float[Array, "n ..."]
    """Until what has been launched lands."""
    launched_at: Int[Array, "n ..."]
    """On whom."""


class Sight(eqx.Module):
    """Each unit's target as the unit sees it."""

    dx: Float[Array, "n ..."]
    dy: Float[Array, "n ..."]
    distance: Float[Array, "n ..."]
    gap: Float[Array, "n ..."]
    """From edge to edge."""
    valid: Bool[Array, "n ..."]
    """There is a target, and both are alive."""


def look(
    focus: Int[Array, "n ..."],
    x: Float[Array, "n ..."],
    y: Float[Array, "n ..."],
    alive: Bool[Array, "n ..."],
    radius: Float[Array, "n ..."],
) -> Sight:
    """Where each unit's target is, seen from the unit."""
    dx, dy = pick(x, focus) - x, pick(y, focus) - y
    distance = jnp.sqrt(dx * dx + dy * dy)
    return Sight(
        dx=dx,
        dy=dy,
        distance=distance,
        gap=distance - radius - pick(radius, focus),
        valid=(focus >= 0) & alive & pick(alive, focus),
    )


def attack(
    attack: Attack,
    cooldown: Float[Array, "n ..."],
    focus: Int[Array, "n ..."],
    sight: Sight,
    *,
    armed: Bool[Array, "n ..."],
    jitter: Float[Array, "n ..."],
    stats: Stats,
) -> tuple[Attack, Float[Array, "n ..."], Bool[Array, "n ..."]]:
    """Carry on with attacks, give up those that cannot be finished, begin those that can be.

    An attack that is given up before its effect costs no cooldown: the unit may begin another at once.

    Args:
        attack: what the weapons are doing.
        cooldown: ticks until each may begin an attack.
        focus: whom each unit is to attack.
        sight: that target as it is now.
        armed: whether its weapon can hit that target.
        jitter: what is added to the period of an attack that begins now.
        stats: of the units.

    Returns:
        the weapons, the cooldowns, and whose attack takes effect in this tick.
    """
    reload = jnp.maximum(cooldown - 1.0, 0.0)
    winding = jnp.isfinite(attack.windup)
    able = sight.valid & armed
    keeps = winding & able & (attack.prey == focus) & (sight.gap <= stats.range + stats.slop)
    free = ~keeps & ~jnp.isfinite(_channel(attack, stats))
    reload = jnp.where(winding & ~keeps, 0.0, reload)
    begins = free & able & (sight.gap <= stats.range) & (reload <= 0.0)
    windup = jnp.where(begins, stats.damage_point, jnp.where(keeps, attack.windup - 1.0, jnp.inf))
    strikes = windup <= 0.0
    return (
        Attack(
            windup=jnp.where(strikes, jnp.inf, windup),
            prey=jnp.where(begins, focus, attack.prey),
            flight=attack.flight,
            launched_at=attack.launched_at,
        ),
        jnp.where(begins, stats.period + jitter, reload),
        strikes,
    )


def launch(
    attack: Attack, strikes: Bool[Array, "n ..."], sight: Sight, stats: Stats
) -> tuple[Attack, Bool[Array, "n ..."]]:
    """Let effects become hits at once, or something that lands later.

    Returns:
        the weapons, and who hits its prey at once: those with neither missile nor beam.
    """
    flies = jnp.isfinite(stats.missile)
    later = jnp.where(
        stats.beams,
        BEAM_DELAY,
        jnp.where(
            flies,
            jnp.maximum(sight.gap, 0.0) / stats.missile,
            jnp.where(stats.strikes > 1, stats.second_strike, jnp.inf),
        ),
    )
    return (
        Attack(
            windup=attack.windup,
            prey=attack.prey,
            flight=jnp.where(strikes, later, attack.flight),
            launched_at=jnp.where(strikes, attack.prey, attack.launched_at),
        ),
        strikes & ~flies & ~stats.beams & ~stats.explodes,
    )


def land(
    attack: Attack, focus: Int[Array, "n ..."], sight: Sight, alive: Bool[Array, "n ..."], stats: Stats
) -> tuple[Attack, Bool[Array, "n ..."]]:
    """What was launched comes nearer; who is hit by it now.

    A missile arrives even if its shooter is dead. A second hit is part of an attack that its unit must go on with.
    """
    channels = jnp.isfinite(_channel(attack, stats))
    goes_on = alive & (focus == attack.launched_at) & sight.valid & (sight.gap <= stats.range + stats.slop)
    flight = jnp.where(channels & ~goes_on, jnp.inf, attack.flight - 1.0)
    lands = flight <= 0.0
    return (
        Attack(
            windup=attack.windup,
            prey=attack.prey,
            flight=jnp.where(lands, jnp.inf, flight),
            launched_at=attack.launched_at,
        ),
        lands,
    )


def _channel(attack: Attack, stats: Stats) -> Float[Array, "n ..."]:
    """Ticks until a second hit; infinite if there is none to come. A unit stands still for it."""
    return jnp.where(stats.second_strike > 0, attack.flight, jnp.inf)


def occupied(attack: Attack, stats: Stats) -> Bool[Array, "n ..."]:
    """Whether a unit stands still because of its attack."""
    return jnp.isfinite(attack.windup) | jnp.isfinite(_channel(attack, stats))


def dealt(
    victim: Int[Array, "a ..."], hits: Float[Array, "a ..."], strength: Float[Array, "a v ..."]
) -> tuple[Float[Array, "v ..."], Float[Array, "v ..."]]:
    """Damage before armour, and the number of hits, that each victim takes.

    Args:
        victim: whom each attacker hits, numbered within the other side.
        hits: how many times; 0 for who hits nobody.
        strength: damage of each attacker's hit on each victim.
    """
    other = numbers(strength.shape[1], victim)

    def by(number: Int[Array, ""]) -> tuple[Array, Array]:
        landed = jnp.where(row(victim, number) == other, row(hits, number), 0.0)
        return landed * strength[number], landed

    damage, times = over(len(victim), by, ("sum", "sum"))
    return damage, times


def hit_by(victim: Int[Array, "a ..."], hits: Float[Array, "a ..."], n_victims: int) -> Int[Array, "v ..."]:
    """One of those who hit each victim, or -1."""
    other = numbers(n_victims, victim)

    def by(number: Int[Array, ""]) -> tuple[Array]:
        return (jnp.where((row(victim, number) == other) & (row(hits, number) > 0), number, -1),)

    return over(len(victim), by, ("max",))[0]


def suffer(
    damage: Float[Array, "n ..."],
    hits: Float[Array, "n ..."],
    shield: Float[Array, "n ..."],
    armour: Float[Array, "n ..."],
) -> tuple[Float[Array, "n ..."], Float[Array, "n ..."]]:
    """Shield and health lost to `hits` hits of `damage` in all.

    Shields come first and have no armour. What they do not absorb is reduced by the armour for each hit that gets
    through, which then takes at least half a point. Exact for hits of equal strength; of unequal ones, those that
    shields absorb are counted as if they were average.
    """
    absorbed = jnp.minimum(shield, damage)
    through = damage - absorbed
    piercing = hits * through / jnp.maximum(damage, 1e-6)
    whole = jnp.floor(piercing + 1e-4)
    rest = jnp.where(piercing - whole > 1e-4, through - whole * damage / jnp.maximum(hits, 1.0), 0.0)
    health = jnp.maximum(through - rest - whole * armour, LEAST_DAMAGE * whole)
    return absorbed, health + jnp.where(rest > 0.0, jnp.maximum(rest - armour, LEAST_DAMAGE), 0.0)


class Ground(eqx.Module):
    """Where those stand who may be hit by what strikes an area."""

    x: Float[Array, "v ..."]
    y: Float[Array, "v ..."]
    reach: Float[Array, "v ..."]
    """How far beyond the area their centres may be."""
    grounded: Bool[Array, "v ..."]
    """Who is alive and does not fly."""


def blast(
    bursts: Bool[Array, "a ..."],
    x: Float[Array, "a ..."],
    y: Float[Array, "a ..."],
    ground: Ground,
    *,
    strength: Float[Array, "a v ..."],
    structure: Bool[Array, "v ..."],
) -> tuple[Float[Array, "v ..."], Float[Array, "v ..."]]:
    """What exploding Banelings do to the other side: all of it within a circle, nothing beyond.

    Args:
        bursts: who explodes.
        x: where they are.
        y: likewise.
        ground: the other side.
        strength: damage on each victim that is not a structure.
        structure: who takes the damage meant for structures instead, whatever its armour.

    Returns:
        the damage, and the number of hits that armour reduces.
    """
    square = (BLAST_RADIUS + ground.reach) ** 2

    def by(number: Int[Array, ""]) -> tuple[Array, Array]:
        dx, dy = ground.x - row(x, number), ground.y - row(y, number)
        inside = row(bursts, number) & (dx * dx + dy * dy <= square) & ground.grounded
        damage = jnp.where(structure, BLAST_ON_STRUCTURE, strength[number])
        return jnp.where(inside, damage, 0.0), jnp.where(inside & ~structure, 1.0, 0.0)

    damage, times = over(len(bursts), by, ("sum", "sum"))
    return damage, times


class Shot(eqx.Module):
    """Where units stand and where their targets do."""

    x: Float[Array, "a ..."]
    y: Float[Array, "a ..."]
    to_x: Float[Array, "a ..."]
    to_y: Float[Array, "a ..."]


def burn(
    beams: Float[Array, "a ..."],
    target: Int[Array, "a ..."],
    shot: Shot,
    ground: Ground,
    *,
    strength: Float[Array, "a v ..."],
) -> tuple[Float[Array, "v ..."], Float[Array, "v ..."]]:
    """What the beams of Colossi do to all but the target: each of a Colossus's beams, or none.

    They sweep a line across the line of fire. In the game each passes along it in 5 ticks, one from each end, and burns
    4 ticks later whom it has passed. Here they burn all at once, with the target, and the line goes with the target.

    Args:
        beams: how many of each unit do damage now.
        target: who is hit otherwise.
        shot: of each unit at its target.
        ground: the other side.
        strength: damage of a beam on each victim.

    Returns:
        the damage before armour, and the number of hits.
    """
    fire_x, fire_y = shot.to_x - shot.x, shot.to_y - shot.y
    length = jnp.maximum(jnp.sqrt(fire_x * fire_x + fire_y * fire_y), 1e-6)
    line_x, line_y = -fire_y / length, fire_x / length
    other, square = numbers(len(ground.x), target), (BEAM_WIDTH + ground.reach) ** 2

    def by(number: Int[Array, ""]) -> tuple[Array, Array]:
        along_x, along_y = row(line_x, number), row(line_y, number)
        dx, dy = ground.x - row(shot.to_x, number), ground.y - row(shot.to_y, number)
        along = jnp.clip(dx * along_x + dy * along_y, -BEAM_HALF, BEAM_HALF)
        off_x, off_y = dx - along * along_x, dy - along * along_y
        hit = (off_x * off_x + off_y * off_y <= square) & ground.grounded & (row(target, number) != other)
        landed = jnp.where(hit, row(beams, number), 0.0)
        return landed * strength[number], landed

    damage, times = over(len(beams), by, ("sum", "sum"))
    return damage, times


def recover(
    shield: Float[Array, "n ..."], calm: Float[Array, "n ..."], alive: Bool[Array, "n ..."], most: Float[Array, "n ..."]
) -> Float[Array, "n ..."]:
    """Shields after a tick: they come back when nothing has hurt the unit for ten seconds."""
    back = alive & (calm >= SHIELD_DELAY)
    return jnp.where(back, jnp.minimum(shield + SHIELD_RATE, most), shield)
