"""One broken world for each fault that `check_env` knows, and the sentence it gets."""

import itertools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import Array, Float, Int, PRNGKeyArray

from qohort.envs import AbstractEnv, check_env
from qohort.errors import QohortError
from qohort.scene import Circles, Labels, Scene
from qohort.spec import EnvSpec, Observation, Outcome


class Counter(eqx.Module):
    time: Int[Array, ""]
    noise: PRNGKeyArray


class Sound(AbstractEnv):
    """Two agents, of which the second dies after two steps; truncated after five. Its state holds a key."""

    spec: EnvSpec = eqx.field(
        static=True,
        default=EnvSpec(
            name="test/sound",
            agents=("ann", "bob"),
            actions=("rest", "left", "right"),
            obs_features=("time", "noise"),
            state_features=("time",),
            unit_features=("time", "noise"),
            limit=5,
            metrics=("score",),
            no_op=0,
        ),
    )

    def reset(self, key):
        return Counter(jnp.int32(0), key)

    def step(self, key, state, actions):
        reached = Counter(state.time + 1, key)
        score = reached.time.astype(jnp.float32)
        return reached, Outcome(
            reward=score[None],
            terminated=jnp.array(False),
            truncated=reached.time >= 5,
            metrics={"score": score},
        )

    def snapshot(self, state):
        return state

    def observe(self, snapshot):
        time = snapshot.time.astype(jnp.float32)
        features = jnp.stack([jnp.full(2, time), jax.random.normal(snapshot.noise, (2,))], axis=1)
        alive = jnp.stack([jnp.array(True), snapshot.time < 2])
        return Observation(
            obs=features,
            state=time[None],
            units=features,
            avail=jnp.concatenate([jnp.ones((2, 1), bool), jnp.repeat(alive[:, None], 2, axis=1)], axis=1),
            alive=alive,
        )


class Broken(AbstractEnv):
    """A sound world whose functions' results are changed. `tree_at` goes past the types of the contract."""

    spec: EnvSpec = eqx.field(static=True, default=Sound().spec)
    on_reset: object = eqx.field(static=True, default=lambda state, key: state)
    on_step: object = eqx.field(static=True, default=lambda state, outcome, actions: (state, outcome))
    on_observe: object = eqx.field(static=True, default=lambda seen, time: seen)
    on_scene: object = eqx.field(static=True, default=lambda time: None)

    def reset(self, key):
        return self.on_reset(Sound().reset(key), key)  # pyright: ignore[reportCallIssue]

    def step(self, key, state, actions):
        return self.on_step(*Sound().step(key, Counter(state.time, state.noise), actions), actions)  # pyright: ignore[reportCallIssue]

    def snapshot(self, state):
        return state

    def observe(self, snapshot):
        return self.on_observe(Sound().observe(snapshot), snapshot.time)  # pyright: ignore[reportCallIssue]

    def scene(self, snapshot):
        return self.on_scene(snapshot.time)  # pyright: ignore[reportCallIssue]


def showing(*layers_of_time):
    bounds = (0.0, 0.0, 5.0, 1.0)
    return Broken(on_scene=lambda time: Scene(tuple(layer(time) for layer in layers_of_time), bounds))


def somewhere(time):
    return Circles(jnp.stack([time * 1.0, 0.5])[None], 0.5)


def observing(field, change):
    return Broken(on_observe=lambda seen, time: with_field(seen, field, change(getattr(seen, field), time)))


def stepping(field, change):
    def on_step(state, outcome, actions):
        return state, with_field(outcome, field, change(getattr(outcome, field), state.time))

    return Broken(on_step=on_step)


def with_field(node, field, value):
    return eqx.tree_at(lambda n: getattr(n, field), node, value, is_leaf=lambda x: x is getattr(node, field))


def specified(**changes):
    sound = Sound().spec
    kept = {field: getattr(sound, field) for field in sound.__dataclass_fields__}
    return Broken(spec=EnvSpec(**{**kept, **changes}))


def numbers_from_outside(values, time):
    return values + np.random.default_rng().random()


counter = itertools.count()


FAULTS = {
    "obs shape": (
        observing("obs", lambda obs, t: obs[:, :1]),
        r"`obs` has the shape \(2, 1\), but the spec asks for \(2, 2\) \(agents, obs_features\)",
    ),
    "obs type": (observing("obs", lambda obs, t: obs.astype(int)), r"`obs` has the type int32.*must be float"),
    "state shape": (
        specified(state_features=("a", "b")),
        r"`state` has the shape \(1,\), but the spec asks for \(2,\) \(state_features\)",
    ),
    "units shape": (specified(unit_features=("a",)), r"`units` has the shape \(2, 2\).*\(2, 1\)"),
    "avail shape": (specified(actions=("rest", "go")), r"`avail` has the shape \(2, 3\).*\(2, 2\) \(agents, actions\)"),
    "avail type": (observing("avail", lambda avail, t: avail.astype(int)), "`avail` has the type int32.*must be bool"),
    "alive type": (observing("alive", lambda alive, t: alive * 1.0), "`alive` has the type float32.*must be bool"),
    "no observation": (
        Broken(on_observe=lambda seen, time: seen.obs),
        "`observe` returns a .*; it must return a qohort.spec.Observation",
    ),
    "nothing available": (
        observing("avail", lambda avail, t: avail & (t < 3)),
        r"`avail` has no available action for 'ann' at step 3 of an episode",
    ),
    "nothing available to the dead": (
        observing("avail", lambda avail, t: avail & jnp.stack([jnp.array(True), t < 2])[:, None]),
        r"`avail` has no available action for 'bob \(not alive\)' at step 2 of an episode.*`spec.no_op`",
    ),
    "obs not finite": (
        observing("obs", lambda obs, t: obs.at[1, 0].add(jnp.where(t == 4, jnp.nan, 0.0))),
        r"`obs`: 'time' of 'bob' is not finite at step 4",
    ),
    "state not finite": (
        observing("state", lambda state, t: state / (t < 5)),
        r"`state`: 'time' is not finite at step 5",
    ),
    "units not finite": (
        observing("units", lambda units, t: units.at[0, 1].divide(t)),
        r"`units`: 'noise' of 'ann' is not finite at step 0",
    ),
    "no outcome": (
        Broken(on_step=lambda state, outcome, actions: (state, outcome.reward)),
        "`step` returns a .* beside the state; it must be a qohort.spec.Outcome",
    ),
    "no pair": (
        Broken(on_step=lambda state, outcome, actions: state),
        "`step` returns a Counter; it must return a pair",
    ),
    "reward shape": (
        specified(reward="individual"),
        r"`reward` has the shape \(1,\), but the spec asks for \(2,\) \(reward=\"individual\"\)",
    ),
    "reward type": (stepping("reward", lambda reward, t: reward.astype(int)), "`reward` has the type int32"),
    "reward not finite": (
        stepping("reward", lambda reward, t: jnp.where(t == 3, jnp.nan, reward)),
        "`reward` is nan at step 2 of an episode",
    ),
    "terminated shape": (
        stepping("terminated", lambda flag, t: flag[None]),
        r"`terminated` has the shape \(1,\), but the spec asks for \(\)",
    ),
    "truncated type": (stepping("truncated", lambda flag, t: flag * 1.0), "`truncated` has the type float32"),
    "metrics unnamed": (specified(metrics=("won",)), "`metrics` holds 'score', but `spec.metrics` names 'won'"),
    "metrics missing": (
        stepping("metrics", lambda metrics, t: {}),
        "`metrics` holds nothing, but `spec.metrics` names 'score'",
    ),
    "metric no scalar": (
        stepping("metrics", lambda metrics, t: {"score": jnp.zeros(3)}),
        r"`metrics\['score'\]` has the shape \(3,\)",
    ),
    "metric not finite": (
        stepping("metrics", lambda metrics, t: {"score": jnp.where(t == 5, jnp.inf, 0.0)}),
        r"`metrics\['score'\]` is inf at step 4",
    ),
    "never ends": (
        stepping("truncated", lambda flag, t: jnp.array(False)),
        "After 5 steps, the limit in `spec.limit`, neither `terminated` nor `truncated` is set",
    ),
    "no compiling scene": (
        Broken(on_scene=lambda time: Scene((), (0, 0, time.item(), 1))),
        "`scene` cannot be compiled: ConcretizationTypeError",
    ),
    "no scene": (
        Broken(on_scene=somewhere),
        "`scene` returns a Circles; it must return a qohort.scene.Scene, or None",
    ),
    "scene not finite": (
        showing(somewhere, lambda t: Circles(jnp.stack([1 / (t - 3), 0.5])[None], 0.5)),
        "`scene` cannot be drawn at step 3 of an episode",
    ),
    "scene with a tone that is none": (
        showing(lambda t: Circles(np.zeros((1, 2)), 0.5, fill=t * 5)),
        "`scene` cannot be drawn at step 3 of an episode",
    ),
    "scene with a word that is none": (
        showing(lambda t: Labels(np.zeros((1, 2)), ("one", "two"), size=1.0, which=t)),
        "`scene` cannot be drawn at step 2 of an episode",
    ),
    "ends too late": (specified(limit=4), "After 4 steps, the limit in `spec.limit`"),
    "state structure": (
        Broken(on_step=lambda state, outcome, actions: ((state.time, state.noise), outcome)),
        "`step` changes the structure of the state",
    ),
    "state type": (
        Broken(on_step=lambda s, outcome, actions: (with_field(s, "time", s.time * 1.0), outcome)),
        r"`step` changes the state's leaf `.time` from int32\[\] to float32\[\]",
    ),
    "state shape of the carry": (
        Broken(on_step=lambda s, outcome, actions: (with_field(s, "time", actions), outcome)),
        r"`step` changes the state's leaf `.time` from int32\[\] to int32\[2\]",
    ),
    "no compiling reset": (
        Broken(on_reset=lambda state, key: with_field(state, "time", state.time.item())),
        "`reset` cannot be compiled: ConcretizationTypeError",
    ),
    "no compiling step": (
        Broken(on_step=lambda s, outcome, actions: (s, outcome if actions[0] > 0 else None)),
        "`step` cannot be compiled: TracerBoolConversionError.*jnp.where",
    ),
    "no compiling observe": (
        Broken(on_observe=lambda seen, t: with_field(seen, "obs", np.sort(seen.obs))),
        "`observe` cannot be compiled: TracerArrayConversionError",
    ),
    "no vmapping": (
        stepping("reward", lambda reward, t: reward + not_for_many(reward)),
        "`step` cannot be vmapped: .*many copies of a world",
    ),
    "reset from outside": (
        Broken(on_reset=lambda s, key: with_field(s, "time", s.time + next(counter))),
        "`reset` gives different results for the same arguments",
    ),
    "step from outside": (
        stepping("reward", numbers_from_outside),
        "`step` gives different results for the same arguments",
    ),
    "observe from outside": (
        observing("obs", numbers_from_outside),
        "`observe` gives different results for the same arguments",
    ),
    "called back to a counter": (
        stepping("reward", lambda reward, t: reward + counted()),
        "Two rollouts from the same key differ",
    ),
}


def counted() -> Float[Array, ""]:
    scalar = jax.ShapeDtypeStruct((), jnp.float32)
    return jax.pure_callback(lambda: np.float32(next(counter)), scalar, vmap_method="sequential")


def not_for_many(value):
    return jax.pure_callback(np.asarray, jax.ShapeDtypeStruct(value.shape, value.dtype), value)


def test_a_sound_world_passes():
    check_env(Sound())
    check_env(Broken())
    check_env(showing(somewhere, lambda t: Circles(jnp.full((1, 2), jnp.nan), 0.5, visible=False)))


@pytest.mark.parametrize("fault", FAULTS)
def test_a_broken_world_gets_its_sentence(fault):
    env, sentence = FAULTS[fault]
    with pytest.raises(QohortError, match=sentence) as told:
        check_env(env)
    assert str(told.value).startswith("test/sound: 1 fault found.\n  1. ")


def test_all_faults_are_told_at_once():
    def on_observe(seen, time):
        return with_field(with_field(seen, "obs", seen.obs[0]), "alive", seen.alive[:1])

    with pytest.raises(QohortError, match=r"(?s)2 faults found\.\n  1\. `obs`.*\n  2\. `alive`"):
        check_env(Broken(on_observe=on_observe))


def test_what_is_no_world():
    with pytest.raises(QohortError, match="A dict is no world"):
        check_env({})


def test_what_has_no_spec():
    env = object.__new__(Broken)
    object.__setattr__(env, "spec", "2 agents")
    with pytest.raises(QohortError, match=r"Broken: `spec` is a str; it must be a qohort.spec.EnvSpec"):
        check_env(env)


def test_the_key_decides_what_is_played():
    """A fault that only some actions bring out is found by some key, and the same key finds it again."""

    def on_step(state, outcome, actions):
        return state, with_field(outcome, "reward", jnp.where((actions == 2).all(), jnp.nan, outcome.reward))

    for _ in range(2):
        with pytest.raises(QohortError, match="`reward` is nan"):
            check_env(Broken(on_step=on_step), key=jax.random.key(7))
    check_env(
        Broken(on_step=lambda s, o, a: (s, with_field(o, "reward", jnp.where((a == 3).any(), jnp.nan, o.reward))))
    )


def test_fewer_steps_than_the_limit_say_nothing_about_the_limit():
    never_ends, sentence = FAULTS["never ends"]
    check_env(never_ends, steps=4)
    with pytest.raises(QohortError, match=sentence):
        check_env(never_ends, steps=5)
