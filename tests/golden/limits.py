"""Settings of the published code that have one value here: a file with another is refused, not compared."""

import dataclasses
from collections.abc import Callable
from typing import Any

from tests.golden.cases import Golden


@dataclasses.dataclass(frozen=True)
class Limit:
    name: str
    allowed: Callable[[Any], bool]
    reason: str
    where: Callable[[Golden], bool] = lambda golden: True
    """In which files the published code reads it."""


def weighted(golden: Golden) -> bool:
    return golden.is_of("max_q_learner")


def central(golden: Golden) -> bool:
    return weighted(golden) or golden.is_of("qmix_central_no_hyper", "qmix_central_attention")


def softplus(golden: Golden) -> bool:
    return golden.setting("qmix_pos_func") == "softplus"


LIMITS = (
    Limit(
        "optim_alpha",
        lambda value: value == 0.99,
        "the optimiser's RMSprop keeps 0.99 of its second moment",
        lambda golden: not golden.adam,
    ),
    Limit("weight_decay", lambda value: not value, "no Q-learner has weight decay", lambda golden: golden.adam),
    Limit("qmix_loss", lambda value: value > 0, "the monotone mixer always learns", weighted),
    Limit("central_loss", lambda value: value > 0, "the unrestricted mixer always learns by itself", weighted),
    Limit("central_action_embed", lambda value: value == 1, "agents give one number for each action", central),
    Limit("qmix_pos_func_beta", lambda value: value == 1, "QMIX's softplus has the slope 1", softplus),
    Limit(
        "use_layer_norm",
        lambda value: not value,
        "the recurrent agent that takes PyMARL's weights is not normalised",
        lambda golden: golden.setting("agent") == "n_rnn",
    ),
    Limit("n_step", lambda value: value == 1, "targets of this learner look one step ahead"),
    Limit("recurrent_critic", lambda value: not value, "COMA's critic has no memory"),
)


def refused(golden: Golden) -> list[str]:
    """A sentence for each setting that nothing here computes."""
    return [
        f"{limit.name} is {golden.settings[limit.name]!r}, which is not computed here: {limit.reason}."
        for limit in LIMITS
        if golden.settings.get(limit.name) is not None
        and limit.where(golden)
        and not limit.allowed(golden.settings[limit.name])
    ]
