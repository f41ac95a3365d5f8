"""A learner file: everything on the way to the loss, gradients, and two steps of the optimiser."""

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from qohort.algorithms.optimiser import Optimiser
from qohort.algorithms.q_learning import QLearner
from qohort.algorithms.value_decomposition import Params, ValueDecomposition
from qohort.estimators.exploration import greedy, mask_unavailable
from qohort.interop.pymarl import agent_from_pymarl, to_pymarl
from qohort.mixers import MixerOutput
from qohort.networks.base import AbstractTeam
from qohort.networks.recurrent import Recurrent
from qohort.replay.window import Window
from qohort.spec import EnvSpec
from tests.golden.cases import Golden
from tests.golden.comparison import Comparison
from tests.golden.mixer_cases import add_gradient, dialect_in
from tests.golden.worlds import batch_spec, learner_mixer_of, window_of


@dataclasses.dataclass(frozen=True)
class Family:
    """Learners that are compared alike, and what is their own."""

    config: Callable[..., Any]
    """From a file, and whether γ is exact, to our settings."""
    params: Callable[[Golden, str, EnvSpec], Any]
    """The weights under `param` or `target`."""
    named: Callable[[Golden, Any], dict[str, np.ndarray]]
    """The arrays of weights or gradients under their names in the file."""
    middle: Callable[..., dict[str, Any]]
    """What can be seen on the way to the loss, under its names in the file."""
    terms: tuple[tuple[str, str], ...] = ()
    """Parts of the loss whose gradients are stored: their names, and ours."""
    counts: Callable[[Golden], dict[str, float]] = lambda golden: {}
    """What such a part counts in the loss, if ours is told with that and theirs without."""


def compare_learner(family: Family, golden: Golden, variant: str, comparison: Comparison) -> None:
    spec = batch_spec(golden)
    config = family.config(golden, exact=comparison.x64)
    params, target = (family.params(golden, net, spec) for net in ("param", "target"))
    learner = QLearner(
        params=params,
        target=target,
        opt_state=config.optimiser.init(params),
        learning_rate=jnp.asarray(config.optimiser.learning_rate),
        updates=jnp.zeros((), jnp.int32),
    )
    window = window_of(golden, spec)
    last = jnp.array(golden.arrays["batch/actions"][:, -1, :, 0])
    prefix = f"f64/{variant}/" if comparison.x64 else f"{variant}/"
    stored = counted(golden.under(prefix), family.counts(golden))

    terms = tuple(
        (name, ours) for name, ours in family.terms if any(path.startswith(f"grad_of_{name}/") for path in stored)
    )
    out = run(family, config, learner, window, last, terms=terms)
    comparison.add("value", "loss", out["loss"], stored["loss"])
    comparison.add("gradient", "grad_norm", out["grad_norm"], stored["grad_norm"])
    compare_middle(golden, variant, comparison, found=out["middle"], stored=stored)

    for term, gradient in out["gradients"].items():
        compare_gradients(golden, comparison, term, found=family.named(golden, gradient), stored=stored)

    after = [learner.params, out["learner"].params]
    if any(name.startswith("step2/") for name in stored) or "step2_loss" in stored:
        second = run(family, config, out["learner"], window, last, terms=terms)
        comparison.add("value", "step2_loss", second["loss"], stored["step2_loss"])
        after.append(second["learner"].params)
    free = undecided(golden, variant, stored, config.optimiser, x64=comparison.x64)
    ours = [family.named(golden, params) for params in after]
    compare_steps(golden, comparison, ours=ours, stored=stored, free=free, rate=config.optimiser.learning_rate)


def counted(stored: dict[str, np.ndarray], counts: dict[str, float]) -> dict[str, np.ndarray]:
    """The arrays of a variant, with parts of the loss and their gradients times what they count."""
    return {
        path: array * math.prod(c for name, c in counts.items() if path.startswith((f"mid/{name}", f"grad_of_{name}/")))
        for path, array in stored.items()
    }


def config_of(golden: Golden, *, exact: bool) -> ValueDecomposition:
    second = golden.pymarl2
    chained = "q-lambda-pymarl2" if golden.setting("q_lambda", default=False) else "td-lambda"
    return ValueDecomposition(
        **protocol_of(golden, exact=exact),
        unavailable_targets=golden.qplex and not golden.setting("double_q", default=True),
        estimator=chained if second and not golden.is_of("q_learner") else "one-step",
        td_lambda=float(golden.setting("td_lambda", default=0.6)),
        loss_scale=0.5 if second else 1.0,
    )


def protocol_of(golden: Golden, *, exact: bool) -> dict[str, Any]:
    """The published settings. γ(1 − d) is in single precision in one-step targets even where all else is double."""
    gamma = float(golden.setting("gamma", default=0.99))
    one_step = not golden.pymarl2 or golden.is_of("q_learner", "qtran_learner")
    return {
        "gamma": float(np.float32(gamma)) if exact and one_step else gamma,
        "double_q": golden.setting("double_q", default=True),
        "optimiser": optimiser_of(golden, "lr"),
    }


def optimiser_of(golden: Golden, rate: str) -> Optimiser:
    """The optimiser whose learning rate has this name; PyMARL2's Adam has an eps of its own."""
    return Optimiser(
        kind="adam" if golden.adam else "rmsprop",
        learning_rate=float(golden.setting(rate, default=5e-4)),
        eps=1e-8 if golden.adam else float(golden.setting("optim_eps", default=1e-5)),
        clip=float(golden.setting("grad_norm_clip", default=10)),
    )


def params_of(golden: Golden, net: str, spec: EnvSpec) -> Params:
    mixer = learner_mixer_of(golden, golden.under(f"{net}/mixer."), spec)
    return Params(team=team_of(golden, golden.under(f"{net}/agent."), spec), mixer=mixer)


def team_of(golden: Golden, arrays: dict[str, np.ndarray], spec: EnvSpec) -> AbstractTeam:
    seen = Recurrent(
        hidden=arrays["fc1.weight"].shape[0],
        last_action=golden.setting("obs_last_action", default=True),
        agent_id=golden.setting("obs_agent_id", default=True),
    )
    return agent_from_pymarl(arrays, spec, seen)


def named(golden: Golden, params: Params) -> dict[str, np.ndarray]:
    """The arrays under their names in the file."""
    arrays = {f"agent.{name}": array for name, array in to_pymarl(params.team).items()}
    if jax.tree.leaves(params.mixer):
        arrays |= {
            f"mixer.{name}": array
            for name, array in to_pymarl(params.mixer, dialect_in(golden, "param/mixer.")).items()
        }
    return arrays


@eqx.filter_jit
def run(
    family: Family, config: Any, learner: QLearner, window: Window, last: jax.Array, *, terms: tuple = ()
) -> dict[str, Any]:
    """One update, and what can be seen on the way; the gradients of some terms of the loss alone."""
    names = ("grad", *(f"grad_of_{name}" for name, _ in terms))

    def parts(params: Any) -> tuple[jax.Array, dict[str, Any]]:
        loss, looked = config.loss(params, learner.target, window)
        return jnp.stack([loss, *(looked[ours] for _, ours in terms)]), looked

    gradients, looked = jax.jacrev(parts, has_aux=True)(learner.params)
    updated, metrics = config.update(learner, window, jax.random.key(0))
    return {
        "loss": metrics["loss"],
        "grad_norm": metrics["grad_norm"],
        "gradients": {name: jax.tree.map(lambda leaf, i=i: leaf[i], gradients) for i, name in enumerate(names)},
        "learner": updated,
        "middle": {"mask": window.valid[..., None], **family.middle(config, learner, window, last, looked)},
    }


def middle_of(
    config: ValueDecomposition, learner: QLearner, window: Window, last: jax.Array, looked: dict[str, Any]
) -> dict[str, Any]:
    params, target = learner.params, learner.target
    seen, batch = window.observations, window.first.shape[1]
    live, behind = (net.team(net.team.initial(batch), window.view, window.first)[0] for net in (params, target))
    allowed = jnp.ones_like(seen.avail) if config.unavailable_targets else seen.avail
    best = greedy(live.values if config.double_q else behind.values, allowed)
    taken = jnp.concatenate([window.actions, last[None]])

    def mixed(utilities: jax.Array, actions: jax.Array) -> MixerOutput:
        most = jnp.max(mask_unavailable(behind.values, allowed), axis=-1)
        return jax.vmap(jax.vmap(target.mixer))(utilities, most, seen, actions)

    target_chosen = pick(behind.values, best)
    following = mixed(target_chosen, best)
    middle = {
        "mask": jnp.broadcast_to(window.valid[..., None], looked["td_error"].shape),
        "q_agents": live.values,
        "hidden": live.features,
        "q_agents_target": behind.values,
        "greedy_actions": best[..., None],
        "q_chosen": pick(live.values, taken)[:-1],
        "q_target_chosen": target_chosen,
        "q_agents_target_chosen": target_chosen,
        "q_tot": looked["q_tot"],
        "q_tot_target": following.q_tot,
        "q_tot_target_taken": mixed(pick(behind.values, taken), taken).q_tot,
        "targets": looked["target"],
        "td_error": looked["td_error"],
        "attend_mag_reg": looked["regulariser"],
    }
    if "mixer/entropies" in looked:
        middle["head_entropies"] = jnp.mean(looked["mixer/entropies"], axis=(0, 1))
    if "mixer/adv_tot" in looked:
        middle |= qplex_middle(window, live.values, looked, following)
    return middle


def qplex_middle(window: Window, values: jax.Array, looked: dict[str, Any], following: MixerOutput) -> dict[str, Any]:
    """What QPLEX's learner has on the way, beside what others have."""
    avail = window.observations.avail[:-1]
    most = greedy(values[:-1], avail)
    hits = jnp.mean(most == window.actions, axis=-1) * window.valid
    return {
        "v_tot": looked["mixer/v_tot"][..., None],
        "adv_tot": looked["mixer/adv_tot"][..., None],
        "target_v_tot": following.aux["v_tot"][..., None],
        "target_adv_tot": following.aux["adv_tot"][..., None],
        "max_q_agents": pick(values[:-1], most),
        "max_actions": most[..., None],
        "hit_prob": jnp.sum(hits) / jnp.sum(window.valid),
    }


def compare_gradients(
    golden: Golden, comparison: Comparison, term: str, *, found: dict[str, np.ndarray], stored: dict[str, np.ndarray]
) -> None:
    largest = max(np.abs(array).max(initial=0.0) for array in found.values())
    for name in golden.under("param/"):
        add_gradient(
            comparison, f"{term}/{name}", found.get(name), wanted=stored.get(f"{term}/{name}"), largest=largest
        )


def pick(values: jax.Array, actions: jax.Array) -> jax.Array:
    return jnp.take_along_axis(values, actions[..., None], axis=-1)[..., 0]


def compare_middle(
    golden: Golden, variant: str, comparison: Comparison, *, found: dict[str, Any], stored: dict[str, np.ndarray]
) -> None:
    """Values where they count: at filled frames, or at steps in the mask; utilities of available actions."""
    filled = golden.arrays["batch/filled"][..., 0] > 0
    mask = golden.arrays[f"{variant}/mid/mask"][..., 0] > 0
    avail = golden.arrays["batch/avail_actions"] > 0
    for path, wanted in stored.items():
        name = path.removeprefix("mid/")
        if name == path:
            continue
        if name not in found:
            comparison.left_out.append(path)
            continue
        ours = np.asarray(found[name])
        if ours.ndim < 2:
            comparison.add("value", path, ours, wanted)
            continue
        ours = np.swapaxes(ours, 0, 1)
        where = filled if wanted.shape[1] == filled.shape[1] else mask
        frames = slice(ours.shape[1] - wanted.shape[1], None)
        if name == "q_agents_target":
            where = where[..., None, None] & avail[:, frames]
        comparison.add("value", path, ours[:, frames], wanted, where)


def undecided(
    golden: Golden, variant: str, stored: dict[str, np.ndarray], optimiser: Optimiser, *, x64: bool
) -> dict[str, np.ndarray]:
    """Which entries of which weights move in a direction that rounding decides.

    Adam's first step is g / (|g| + 1e-8). It makes a step of up to the learning rate of a gradient that is noise: that
    of weights on which the loss does not depend (PyMARL2's key biases: exactly zero, stored as 1e-9 of the largest
    gradient and less), and, in single precision, of single entries below 1e-6. Whatever `meta` calls sensitive is
    counted among them. How far these move is checked, not where to.
    """
    told = golden.meta.get("rounding_sensitive", {}).get(variant, ())
    exact = golden.under(f"f64/{variant}/grad/") or {
        name.removeprefix("grad/"): array for name, array in stored.items() if name.startswith("grad/")
    }
    largest = max(np.abs(array).max(initial=0.0) for array in exact.values())
    scale = min(1.0, optimiser.clip / float(stored["grad_norm"]))
    single = optimiser.kind == "adam" and not x64
    entries = {}
    for name, array in exact.items():
        size = np.abs(array)
        if name in told or size.max(initial=0.0) < 1e-12 * largest:
            entries[name] = np.ones(array.shape, bool)
        else:
            entries[name] = single & (size > 0) & (size * scale < 1e-6)
    return entries


def compare_steps(
    golden: Golden,
    comparison: Comparison,
    *,
    ours: list[dict[str, np.ndarray]],
    stored: dict[str, np.ndarray],
    free: dict[str, np.ndarray],
    rate: float,
) -> None:
    """What each update changed."""
    start = {name: np.asarray(array, float) for name, array in golden.under("param/").items()}
    theirs = [start, *({name: stored.get(f"step{i}/{name}") for name in start} for i in (1, 2))]
    for i in range(1, len(ours)):
        for name in start:
            before, wanted = theirs[i - 1][name], theirs[i][name]
            if wanted is None or before is None:
                continue
            change = np.asarray(wanted, float) - before
            label = f"step{i}/{name}"
            if name not in ours[i]:
                comparison.bound("step", label, np.abs(change).max(initial=0.0), 1e-12)
                continue
            moved = np.asarray(ours[i][name], float) - np.asarray(ours[i - 1][name], float)
            loose = free.get(name, np.zeros(moved.shape, bool))
            if loose.any():
                largest = np.abs(moved[loose]).max()
                comparison.bound("step", f"{label} ({loose.sum()} entries of noise)", largest, rate * (1 + 1e-3))
            if not loose.all():
                # A change is the difference of two stored weights, each of them rounded; so is ours.
                rounding = 2 * np.finfo(wanted.dtype).eps * np.abs(wanted).max()
                comparison.add("step", label, moved, change, ~loose, rounding=rounding)


VALUE = Family(config_of, params_of, named, middle_of, terms=(("attend_mag_reg", "regulariser"),))
"""Value decomposition."""
