"""One tick of the game, out of the mechanics; and the eight of them that make an environment step."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from qohort.envs.battle import combat, healing, movement, targeting
from qohort.envs.battle.arena import Arena
from qohort.envs.battle.combat import Ground, Shot, Sight
from qohort.envs.battle.movement import Place
from qohort.envs.battle.orders import NOBODY, Order, Orders, side_by_side
from qohort.envs.battle.rows import numbers, part, pick
from qohort.envs.battle.state import BattleState
from qohort.envs.battle.terrain import Terrain
from qohort.envs.battle.units import TICKS_PER_STEP, Kind, Stats

Play = Callable[[Arena, BattleState, Array], BattleState]


class Toll(eqx.Module):
    """What a tick's attacks do to every unit."""

    damage: Float[Array, "n ..."]
    hits: Float[Array, "n ..."]
    by: Int[Array, "e ..."]
    """One of those who hit each enemy, or `NOBODY`."""


def head_start(state: BattleState, stats: Stats, n_allies: int, ticks: float) -> BattleState:
    """The enemies some ticks further on the straight way to where they have been sent."""
    orders = state.orders
    marches = (orders.order == Order.ATTACK_MOVE) & (jnp.arange(len(state.x)) >= n_allies)
    here = Place(x=state.x, y=state.y)
    walk = movement.step_towards(here, Place(x=orders.x, y=orders.y), ticks * stats.speed, marches)
    return dataclasses.replace(state, x=state.x + walk.dx, y=state.y + walk.dy)


def heeded(arena: Arena, orders: Orders) -> Orders:
    """The game ignores orders to shoot at what a weapon cannot hit: units go on with what they do."""
    if not arena.has(Kind.MEDIVAC):
        return orders
    stats = arena.stats
    can_hit = (stats.damage > 0) & (~pick(stats.air, orders.target) | stats.hits_air)
    vain = (orders.order == Order.ATTACK) & ~can_hit
    return dataclasses.replace(orders, order=jnp.where(vain, Order.NONE, orders.order))


def advance(arena: Arena, state: BattleState, key: PRNGKeyArray, *, autonomous: bool) -> BattleState:
    """Eight ticks under the orders that stand.

    Args:
        arena: what the units are.
        state: the battle.
        key: for the time between attacks; a weapon shoots at most once in a step.
        autonomous: whether enemies choose targets by themselves.
    """
    low, high = arena.physics.jitter
    jitter = low + (high - low) * jax.random.uniform(key, state.x.shape)
    fighting = dataclasses.replace(state, opponent=None, permission=None, facing=None)
    fought = _many_battles(functools.partial(eight_ticks, autonomous=autonomous))(arena, fighting, jitter)
    return dataclasses.replace(fought, opponent=state.opponent, permission=state.permission, facing=state.facing)


def eight_ticks(arena: Arena, state: BattleState, jitter: Float[Array, "n ..."], *, autonomous: bool) -> BattleState:
    """An environment step, of one battle or of many that stand side by side in the last axis."""
    state, alarm = call_for_help(arena, state) if autonomous else (state, None)

    def body(k: Int[Array, ""], state: BattleState) -> BattleState:
        return tick(arena, state, k, jitter=jitter, alarm=alarm)

    return jax.lax.fori_loop(0, TICKS_PER_STEP, body, state)


def _many_battles(play: Play) -> Play:
    """Let `vmap` put the battles side by side in the last axis, where loops over pairs of units run at full width."""
    mapped = jax.custom_batching.custom_vmap(play)

    @mapped.def_vmap
    def _(size: int, batched: Any, arena: Arena, state: BattleState, jitter: Array) -> tuple[BattleState, Any]:
        arena = jax.tree.map(
            lambda row, own: row if isinstance(row, Terrain) else jnp.moveaxis(row, 0, -1) if own else row[..., None],
            arena,
            batched[0],
            is_leaf=lambda row: isinstance(row, Terrain),
        )
        aside = jax.tree.map(
            lambda row, own: jnp.moveaxis(row, 0, -1) if own else jnp.broadcast_to(row[..., None], (*row.shape, size)),
            (state, jitter),
            (batched[1], batched[2]),
        )
        fought = play(arena, *aside)
        return jax.tree.map(lambda row: jnp.moveaxis(row, -1, 0), fought), jax.tree.map(lambda _: True, fought)

    return mapped


def tick(
    arena: Arena,
    state: BattleState,
    now: Int[Array, ""],
    *,
    jitter: Float[Array, "n ..."],
    alarm: Int[Array, "e ..."] | None,
) -> BattleState:
    """What happens in a sixteenth of a second: decide, fight, heal, move.

    Args:
        arena: what the units are.
        state: the battle.
        now: the number of the tick within the step.
        jitter: what is added to the period of an attack that begins.
        alarm: the attacker each enemy has heard of; None if enemies do not decide for themselves.
    """
    before = state.focus
    if alarm is not None:
        state = choose(arena, state, now, alarm)
    state = follow_orders(arena, state, autonomous=alarm is not None)
    if arena.has(Kind.MEDIVAC):
        state = dataclasses.replace(state, healing=state.healing & (state.focus == before))
    stats, alive = arena.stats, state.alive
    sight = combat.look(state.focus, state.x, state.y, alive, stats.radius)
    attack, lands = combat.land(state.attack, state.focus, sight, alive, stats)
    may_attack = (state.orders.order != Order.HEAL) & (stats.damage > 0)
    attack, cooldown, strikes = combat.attack(
        attack, state.cooldown, state.focus, sight, armed=may_attack, jitter=jitter, stats=stats
    )
    attack, at_once = combat.launch(attack, strikes, sight, stats)
    hits = jnp.where(lands, jnp.where(stats.beams, stats.strikes, 1.0), at_once.astype(jnp.float32))
    victim = jnp.where(lands, attack.launched_at, attack.prey)
    bursts = (strikes & stats.explodes & alive) | state.bursting
    taken = toll(arena, state, victim=victim, hits=hits, bursts=bursts)
    state = dataclasses.replace(state, attack=attack, cooldown=cooldown)
    state = wound(arena, state, taken, strikes & stats.explodes, sight)
    return move(arena, state, sight)


def follow_orders(arena: Arena, state: BattleState, *, autonomous: bool) -> BattleState:
    """Orders name targets; an order that has been carried out is done, and its unit stands."""
    orders = state.orders
    aimed = (orders.order == Order.ATTACK) | (orders.order == Order.HEAL)
    dead = aimed & ~pick(state.alive, orders.target)
    square = (orders.x - state.x) ** 2 + (orders.y - state.y) ** 2
    crowd = arena.physics.arrival**2 * (len(state.x) - arena.n_allies)
    near = jnp.where(orders.order == Order.ATTACK_MOVE, crowd, 0.0)
    there = ((orders.order == Order.MOVE) | (orders.order == Order.ATTACK_MOVE)) & (square <= near)
    chosen = state.focus if autonomous else jnp.full_like(state.focus, NOBODY)
    chosen = jnp.where(numbers(len(chosen), chosen) < arena.n_allies, NOBODY, chosen)
    walks = orders.order == Order.MOVE
    return dataclasses.replace(
        state,
        orders=dataclasses.replace(orders, order=jnp.where(dead | there, Order.STOP, orders.order)),
        focus=jnp.where(aimed, jnp.where(dead, NOBODY, orders.target), jnp.where(walks, NOBODY, chosen)),
    )


def choose(arena: Arena, state: BattleState, now: Int[Array, ""], alarm: Int[Array, "e ..."]) -> BattleState:
    """Let enemies without a command choose targets and forget them; allies never do.

    Who cannot walk forgets a target that is out of range.
    """
    a, physics, stats, orders = arena.n_allies, arena.physics, arena.stats, state.orders
    x, y, focus, order = state.x[a:], state.y[a:], state.focus[a:], orders.order[a:]
    anchor_x, anchor_y = state.anchor_x[a:], state.anchor_y[a:]
    free = (order == Order.STOP) | (order == Order.ATTACK_MOVE)
    led_away = (focus >= 0) & ((x - anchor_x) ** 2 + (y - anchor_y) ** 2 > physics.leash**2)
    keeps = free & (focus >= 0) & pick(state.alive, focus) & ~led_away
    at_war = keeps
    sight = jnp.maximum(jnp.maximum(stats.range[a:], stats.scan[a:]), physics.scan)
    reach = sight[:, None] + stats.radius[a:, None] + stats.radius[None, :a]
    turn = now % physics.scan_period
    looking = targeting.in_turn((x, y, reach, arena.theirs), turn, physics.scan_period)
    seen = targeting.scan(
        *looking[:2], state.x[:a], state.y[:a], reach=looking[2], meeting=looking[3], alive=state.alive[:a]
    )
    seen = targeting.back_in_line(seen, turn, physics.scan_period, len(x))
    heard = jnp.where(state.attacker >= 0, state.attacker, alarm)
    away = out_of_range(arena, state)
    answers = away & ~stats.structure[a:] & (heard >= 0) & physics.turns_on_attackers
    changes = away & (seen >= 0) & given_up(arena, state)
    found = jnp.where((seen < 0) | (keeps & answers), heard, seen)
    keeps = keeps & ~(changes | answers | (away & stats.structure[a:]))
    takes = free & ~keeps & ~led_away & (found >= 0) & (stats.damage[a:] > 0)
    sets_out = takes & ~at_war
    focus = jnp.where(takes, found, jnp.where(keeps, focus, NOBODY))
    if arena.has(Kind.MEDIVAC):
        patient = healing.choose_patient(
            jnp.where(focus >= a, focus - a, NOBODY), x, y, state.health[a:], stats=part(stats, slice(a, None))
        )
        focus = jnp.where(free & stats.heals[a:], jnp.where(patient >= 0, patient + a, NOBODY), focus)
    returns = free & led_away & (order == Order.STOP)
    after = Orders(
        order=jnp.where(returns, Order.MOVE, order),
        target=orders.target[a:],
        x=jnp.where(returns, anchor_x, orders.x[a:]),
        y=jnp.where(returns, anchor_y, orders.y[a:]),
    )
    return dataclasses.replace(
        state,
        focus=jnp.concatenate([state.focus[:a], focus]),
        anchor_x=jnp.concatenate([state.anchor_x[:a], jnp.where(sets_out, x, anchor_x)]),
        anchor_y=jnp.concatenate([state.anchor_y[:a], jnp.where(sets_out, y, anchor_y)]),
        orders=side_by_side(part(orders, slice(None, a)), after),
    )


def given_up(arena: Arena, state: BattleState) -> Bool[Array, "e ..."]:
    """Which enemies would let a target go that is out of range; one has been reached while the weapon cools down."""
    reached = state.cooldown[arena.n_allies :] > 0
    match arena.physics.follows:
        case "unreached":
            return reached
        case "none":
            return jnp.ones_like(reached)
        case "all":
            return jnp.zeros_like(reached)


def out_of_range(arena: Arena, state: BattleState) -> Bool[Array, "e ..."]:
    """Which enemies would have to walk to attack their targets."""
    sight = combat.look(state.focus, state.x, state.y, state.alive, arena.stats.radius)
    return (sight.gap > arena.stats.range)[arena.n_allies :]


def toll(
    arena: Arena,
    state: BattleState,
    *,
    victim: Int[Array, "n ..."],
    hits: Float[Array, "n ..."],
    bursts: Bool[Array, "n ..."],
) -> Toll:
    """Add up what every unit takes in this tick.

    Args:
        arena: what the units are.
        state: where they are.
        victim: whom each unit's weapon hits now.
        hits: how often; 0 for most.
        bursts: which Banelings explode.
    """
    a, n, stats = arena.n_allies, len(state.x), arena.stats
    ours, theirs, sums = slice(0, a), slice(a, n), []
    shot = Shot(x=state.x, y=state.y, to_x=pick(state.x, victim), to_y=pick(state.y, victim))
    for side, other, meeting in ((theirs, ours, arena.theirs), (ours, theirs, arena.ours)):
        offset = other.start
        damage, count = combat.dealt(victim[side] - offset, hits[side], meeting.strength)
        ground = Ground(
            x=state.x[other],
            y=state.y[other],
            reach=stats.radius[other] if arena.physics.splash_reaches_edges else jnp.zeros_like(stats.radius[other]),
            grounded=state.alive[other] & ~stats.air[other],
        )
        if arena.has(Kind.BANELING):
            blown, times = combat.blast(
                bursts[side],
                state.x[side],
                state.y[side],
                ground,
                strength=meeting.strength,
                structure=stats.structure[other],
            )
            damage, count = damage + blown, count + times
        if arena.has(Kind.COLOSSUS):
            beams = jnp.where(stats.beams[side], hits[side], 0.0)
            burnt, times = combat.burn(
                beams, victim[side] - offset, part(shot, side), ground, strength=meeting.strength
            )
            damage, count = damage + burnt, count + times
        sums.append((damage, count))
    damage, count = (jnp.concatenate(sides) for sides in zip(*sums, strict=True))
    by = combat.hit_by(victim[ours] - a, hits[ours], n - a)
    return Toll(damage=damage, hits=count, by=by)


def wound(arena: Arena, state: BattleState, toll: Toll, spent: Bool[Array, "n ..."], sight: Sight) -> BattleState:
    """Subtract the damage, and add what heals.

    Args:
        arena: what the units are.
        state: the battle.
        toll: the damage.
        spent: who dies of its own attack.
        sight: of those whom Medivacs heal.
    """
    stats, alive, health, shield, calm = arena.stats, state.alive, state.health, state.shield, state.calm
    energy, is_healing = state.energy, state.healing
    absorbed = jnp.zeros_like(shield)
    lost = toll.damage - toll.hits * stats.armour
    if arena.has_shields:
        absorbed, lost = combat.suffer(toll.damage, toll.hits, shield, stats.armour)
        calm = jnp.where(toll.damage > 0, 0.0, calm + 1.0)
        shield = combat.recover(shield - absorbed, calm, alive, stats.shield)
    else:
        lost = jnp.maximum(lost, combat.LEAST_DAMAGE * toll.hits)
    left = health - lost
    if arena.regenerates:
        left = left + stats.regenerates
    if arena.has(Kind.MEDIVAC):
        given, used, is_healing = healing.heal(
            state.focus,
            sight,
            energy,
            health,
            is_healing,
            stats=stats,
            to_edges=arena.physics.heal_reaches_edges,
        )
        left = left + jnp.where(left > 0, given, 0.0)
        energy = jnp.where(stats.heals, jnp.minimum(energy - used + healing.ENERGY_RATE, healing.MOST_ENERGY), 0.0)
    left = jnp.where(alive & ~spent & (health - lost > 0), jnp.minimum(left, stats.health), 0.0)
    return dataclasses.replace(
        state,
        health=left,
        shield=shield,
        calm=calm,
        energy=energy,
        healing=is_healing,
        bursting=stats.explodes & alive & ~spent & (left <= 0),
        attacker=jnp.where(toll.by >= 0, toll.by, state.attacker),
    )


def move(arena: Arena, state: BattleState, sight: Sight) -> BattleState:
    """Let everyone walk who has somewhere to go and no attack to finish."""
    stats, orders, terrain, physics = arena.stats, state.orders, arena.terrain, arena.physics
    wanted = jnp.where(stats.heals, healing.CAST_RANGE, stats.range)
    gap = jnp.where(stats.heals, healing.gap(sight, stats, physics.heal_reaches_edges), sight.gap)
    chases = sight.valid & (gap > wanted)
    marches = ~sight.valid & ((orders.order == Order.MOVE) | (orders.order == Order.ATTACK_MOVE))
    busy = combat.occupied(state.attack, stats)
    moving = state.alive & ~busy & ~stats.structure & (chases | marches)
    speed = stats.speed
    if arena.has(Kind.MEDIVAC):
        speed = movement.pace(state.speed, moving, stats.acceleration, stats.speed)
    freely = stats.air | stats.walks_cliffs
    here = Place(x=state.x, y=state.y)
    goal = Place(
        x=jnp.where(chases, state.x + sight.dx, orders.x),
        y=jnp.where(chases, state.y + sight.dy, orders.y),
    )
    to = movement.heading(here, goal, terrain, freely)
    # At full speed into their range, not just up to it: else whoever walks away is never caught.
    walk = movement.step_towards(here, to, speed, moving)
    pushed = movement.push_apart(
        Place(x=here.x + walk.dx, y=here.y + walk.dy),
        walk,
        room=arena.room,
        friends=arena.friends,
        alive=state.alive,
        fixed=stats.structure | busy | (sight.valid & ~chases & (stats.damage > 0)),
        push=physics.push,
        sidestep=physics.sidestep,
        turns=state.turns,
    )
    there = movement.keep_inside(pushed, here, terrain, freely)
    return dataclasses.replace(state, x=there.x, y=there.y, speed=speed if arena.has(Kind.MEDIVAC) else state.speed)


def call_for_help(arena: Arena, state: BattleState) -> tuple[BattleState, Int[Array, "e ..."]]:
    """Enemies that were hit in the last step alert their friends, each only so often.

    Returns:
        the battle with its list of attackers empty again, and whom each enemy knows to be attacking: its own attacker,
        or that of a friend nearby.
    """
    a, physics = arena.n_allies, arena.physics
    attacker, until_call = state.attacker, state.until_call - TICKS_PER_STEP
    calls = state.alive[a:] & (attacker >= 0) & (until_call <= 0)
    heard = targeting.answer_calls(state.x[a:], state.y[a:], calls, attacker, radius=physics.help_radius)
    known = jnp.where(attacker >= 0, attacker, heard)
    until_call = jnp.where(calls, physics.help_period, until_call)
    return (
        dataclasses.replace(
            state,
            attacker=jnp.full_like(state.attacker, NOBODY),
            until_call=until_call,
        ),
        jnp.where(pick(state.alive, known), known, NOBODY),
    )
