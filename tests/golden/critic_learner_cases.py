"""What is the own of learners with a critic beside the agents: QTRAN, and weighted QMIX."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from qohort.algorithms import qtran, weighted_qmix
from qohort.algorithms.q_learning import QLearner
from qohort.algorithms.qtran import QTRAN
from qohort.algorithms.weighted_qmix import WeightedQMIX
from qohort.estimators.exploration import greedy, mask_unavailable
from qohort.interop.pymarl import to_pymarl
from qohort.networks.base import AbstractTeam, TeamOutput
from qohort.replay.window import Window
from qohort.spec import EnvSpec
from tests.golden.cases import Golden
from tests.golden.learner_cases import Family, pick, protocol_of, team_of
from tests.golden.worlds import joint_critic_of, mixer_of


def qtran_config(golden: Golden, *, exact: bool) -> QTRAN:
    return QTRAN(
        **protocol_of(golden, exact=exact),
        lambda_opt=float(golden.setting("opt_loss", default=1)),
        lambda_nopt=float(golden.setting("nopt_min_loss", default=0.1)),
    )


def qtran_params(golden: Golden, net: str, spec: EnvSpec) -> qtran.Params:
    critic = joint_critic_of(golden, golden.under(f"{net}/mixer."), spec)
    return qtran.Params(team=team_of(golden, golden.under(f"{net}/agent."), spec), critic=critic)


def qtran_named(golden: Golden, params: qtran.Params) -> dict[str, np.ndarray]:
    return under("agent", params.team) | under("mixer", params.critic)


def qtran_middle(
    config: QTRAN, learner: QLearner, window: Window, last: jax.Array, looked: dict[str, Any]
) -> dict[str, Any]:
    params, target, seen = learner.params, learner.target, window.observations
    live, behind = (unrolled(net.team, window) for net in (params, target))
    best, best_target = (greedy(values.values, seen.avail) for values in (live, behind))
    following = best if config.double_q else best_target
    alone = {"joint_q": "q_joint", "joint_q_greedy": "q_joint_best", "v": "state_value", "nopt_value": "gap"}
    return {
        "q_agents": live.values,
        "hidden": live.features,
        "q_agents_target": behind.values,
        "greedy_actions": best[..., None],
        "greedy_actions_target": best_target[..., None],
        "max_q_agents": pick(live.values, best)[..., None],
        "q_chosen": pick(live.values[:-1], window.actions),
        "target_joint_q": jax.vmap(jax.vmap(target.critic))(behind.features, seen.state, following)[..., None],
        "targets": looked["target"],
        "td_error": looked["td_error"][..., None],
        "opt_error": looked["opt_error"][..., None],
        "nopt_error": jnp.minimum(looked["gap"], 0)[..., None],
        **{name: looked[name] for name in ("td_loss", "opt_loss", "nopt_loss")},
        **{name: looked[ours][..., None] for name, ours in alone.items()},
    }


def weighted_config(golden: Golden, *, exact: bool) -> WeightedQMIX:
    return WeightedQMIX(
        **protocol_of(golden, exact=exact),
        weighting="ow" if golden.setting("hysteretic_qmix", default=True) else "cw",
        alpha=float(golden.setting("w", default=0.1)),
        mixer_scale=weighted_counts(golden)["qmix_loss"],
        central_scale=weighted_counts(golden)["central_loss"] * (0.5 if golden.pymarl2 else 1.0),
        estimator="td-lambda" if golden.pymarl2 else "one-step",
        td_lambda=float(golden.setting("td_lambda", default=0.6)),
    )


def weighted_counts(golden: Golden) -> dict[str, float]:
    return {name: float(golden.setting(name, default=1)) for name in ("qmix_loss", "central_loss")}


def weighted_params(golden: Golden, net: str, spec: EnvSpec) -> weighted_qmix.Params:
    return weighted_qmix.Params(
        team=team_of(golden, golden.under(f"{net}/agent."), spec),
        mixer=mixer_of(golden, golden.under(f"{net}/mixer."), spec),
        central_team=team_of(golden, golden.under(f"{net}/central_agent."), spec),
        central_mixer=mixer_of(golden, golden.under(f"{net}/central_mixer."), spec),
    )


def weighted_named(golden: Golden, params: weighted_qmix.Params) -> dict[str, np.ndarray]:
    return (
        under("agent", params.team)
        | under("mixer", params.mixer)
        | under("central_agent", params.central_team)
        | under("central_mixer", params.central_mixer)
    )


def weighted_middle(
    config: WeightedQMIX, learner: QLearner, window: Window, last: jax.Array, looked: dict[str, Any]
) -> dict[str, Any]:
    params, target, seen = learner.params, learner.target, window.observations
    live, behind, central = (unrolled(team, window) for team in (params.team, target.team, params.central_team))
    central_target = unrolled(target.central_team, window).values
    best = greedy(live.values, seen.avail)
    most = jnp.max(mask_unavailable(central_target, seen.avail), axis=-1)
    greedy_chosen = pick(central_target, best)
    greedy_value = jax.vmap(jax.vmap(target.central_mixer))(greedy_chosen, most, seen, best).q_tot
    return {
        "q_agents": live.values,
        "hidden": live.features,
        "q_agents_target": behind.values,
        "greedy_actions": best[..., None],
        "q_chosen": pick(live.values[:-1], window.actions),
        "q_central_chosen": pick(central.values[:-1], window.actions)[..., None],
        "q_central_target_chosen": greedy_chosen[..., None],
        "q_tot": looked["q_tot"],
        "q_central": looked["q_central"],
        "q_tot_target": greedy_value,
        "q_central_target_greedy": greedy_value[:-1],
        "is_max_action": jnp.all(window.actions == best[:-1], axis=-1, keepdims=True),
        "target_above_greedy": looked["target"] > greedy_value[:-1],
        "targets": looked["target"],
        "td_error": looked["td_error"],
        "central_td_error": looked["central_td_error"],
        "weights": looked["weights"],
        "qmix_loss": looked["qmix_loss"],
        "central_loss": looked["central_loss"],
    }


def unrolled(team: AbstractTeam, window: Window) -> TeamOutput:
    return team(team.initial(window.first.shape[1]), window.view, window.first)[0]


def under(net: str, module: Any) -> dict[str, np.ndarray]:
    """The arrays of a net under their names in the file; VDN has none."""
    return {f"{net}.{name}": array for name, array in to_pymarl(module).items()}


QTRAN_LEARNER = Family(
    qtran_config,
    qtran_params,
    qtran_named,
    qtran_middle,
    terms=tuple((name, name) for name in ("td_loss", "opt_loss", "nopt_loss")),
)
WEIGHTED_QMIX = Family(
    weighted_config,
    weighted_params,
    weighted_named,
    weighted_middle,
    terms=tuple((name, name) for name in ("qmix_loss", "central_loss")),
    counts=weighted_counts,
)
