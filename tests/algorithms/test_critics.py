"""The losses of QTRAN and weighted QMIX on numbers worked out by hand: two agents, two actions, one step."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import Array, Bool, Float

from qohort.algorithms import qtran, weighted_qmix
from qohort.algorithms.qtran import QTRAN
from qohort.algorithms.weighted_qmix import WeightedQMIX
from qohort.errors import QohortError
from qohort.mixers import VDN, Independent, VDNMixer
from qohort.networks.base import AbstractTeam, Carry, TeamOutput, View
from qohort.networks.joint_critic import JointCritic
from qohort.networks.perceptron import Perceptron
from qohort.replay.window import Window
from qohort.spec import Observation
from tests.references.moments import spec_of

SPEC = spec_of(agents=2, actions=2, obs=1, state=1, units=1)


class Fixed(AbstractTeam):
    """The same utilities in every frame of an episode."""

    utilities: Float[Array, "N A"]

    @property
    def talks(self) -> bool:
        return False

    def initial(self, batch: int) -> Carry:
        return ()

    def __call__(self, carry: Carry, view: View, first: Bool[Array, "T B"]) -> tuple[TeamOutput, Carry]:
        values = jnp.broadcast_to(self.utilities, (*first.shape, *self.utilities.shape))
        return TeamOutput(values=values, features=jnp.zeros((*values.shape[:3], 1))), carry


def critic(payoff: list[list[float]], value: float) -> JointCritic:
    """Exactly this table: hidden unit 2a + b is 1 where agent 0 does a and agent 1 does b, else 0."""
    joint, state_value = Perceptron((5, 4, 4, 1), jax.random.key(0)), Perceptron((1, 1), jax.random.key(0))
    both = jnp.array([[0.0, 1, 0, 1, 0], [0, 1, 0, 0, 1], [0, 0, 1, 1, 0], [0, 0, 1, 0, 1]])
    exact: Any = (both, -jnp.ones(4), jnp.eye(4), jnp.zeros(4), jnp.ravel(jnp.array(payoff))[None], jnp.zeros(1))
    joint = eqx.tree_at(lambda net: [a for layer in net.layers for a in (layer.weight, layer.bias)], joint, exact)
    of_state: Any = (jnp.zeros((1, 1)), jnp.array([value]))
    state_value = eqx.tree_at(lambda net: (net.layers[0].weight, net.layers[0].bias), state_value, of_state)
    return JointCritic(None, None, joint, state_value, n_actions=2)


def step(actions: tuple[int, int], *, reward: float, terminated: bool = False, avail: Any = True) -> Window:
    """One decision, and the frame after it; `avail` is that of every frame."""
    may = jnp.broadcast_to(jnp.asarray(avail), (2, 1, 2, 2))
    return Window(
        observations=Observation(
            obs=jnp.zeros((2, 1, 2, 1)),
            state=jnp.zeros((2, 1, 1)),
            units=jnp.zeros((2, 1, 2, 1)),
            avail=may,
            alive=jnp.ones((2, 1, 2), bool),
        ),
        last_action=jnp.full((2, 1, 2), -1),
        first=jnp.array([[True], [False]]),
        actions=jnp.array([[actions]]),
        reward=jnp.array([[[reward]]]),
        terminated=jnp.array([[terminated]]),
        truncated=jnp.zeros((1, 1), bool),
        valid=jnp.ones((1, 1), bool),
        exploration=jnp.zeros((1, 1)),
    )


LIVE = qtran.Params(Fixed(jnp.array([[1.0, 2.0], [3.0, 0.0]])), critic([[4.0, 7.0], [6.0, 9.0]], 0.5))
BEHIND = qtran.Params(Fixed(jnp.array([[8.0, 1.0], [1.0, 5.0]])), critic([[10.0, 20.0], [30.0, 40.0]], 0.0))
"""Live, the greedy actions are 1 and 0, worth Q' = 5 and Q = 6. Of the target, they are 0 and 1."""


def losses(algorithm: QTRAN, window: Window) -> list[float]:
    looked = algorithm.loss(LIVE, BEHIND, window)[1]
    return [float(looked[name]) for name in ("td_loss", "opt_loss", "nopt_loss")]


def test_qtran_base_by_hand():
    """Taken are 0 and 1: Q' = 1, Q = 7, D = 1 − 7 + 0.5 = −5.5; of the greedy actions D = 5 − 6 + 0.5 = −0.5.

    The target joint critic gives the live greedy actions 30: y = 2 + 0.9 × 30 = 29, and the TD error is 7 − 29.
    """
    found = losses(QTRAN(gamma=0.9), step((0, 1), reward=2.0))
    np.testing.assert_allclose(found, [22.0**2, 0.5**2, 5.5**2], rtol=1e-5)


def test_qtran_base_lets_gaps_above_zero_be():
    """Taken are 0 and 0: D = 4 − 4 + 0.5 = 0.5."""
    found = losses(QTRAN(gamma=0.9), step((0, 0), reward=2.0, terminated=True))
    np.testing.assert_allclose(found, [(4.0 - 2.0) ** 2, 0.25, 0.0], rtol=1e-5)


def test_qtran_alt_by_hand():
    """Taken are 0 and 0. Agent 0 instead: D = 0.5, or 5 − 6 + 0.5 = −0.5; agent 1: 0.5, or 1 − 7 + 0.5 = −5.5."""
    window = step((0, 0), reward=2.0, terminated=True)
    assert losses(QTRAN(variant="alt"), window)[2] == pytest.approx((0.5**2 + 5.5**2) / 2, rel=1e-5)
    loss = QTRAN(variant="alt", lambda_opt=2.0, lambda_nopt=0.1).loss(LIVE, BEHIND, window)[0]
    assert float(loss) == pytest.approx(4.0 + 2 * 0.25 + 0.1 * 15.25, rel=1e-5)


def test_qtran_alt_leaves_out_what_cannot_be_chosen():
    """Agent 1 may do nothing but 0: the least gap of agent 0 counts alone. With no choice at all nothing is left."""
    only = step((0, 0), reward=2.0, avail=[[True, True], [True, False]])
    assert losses(QTRAN(variant="alt"), only)[2] == pytest.approx(0.25, rel=1e-5)
    none = step((0, 0), reward=2.0, avail=[[True, False], [True, False]])
    assert losses(QTRAN(variant="alt"), none)[2] == 0


def test_qtran_alt_over_all_agents():
    """As published: those without a choice count D(u) = 0.5."""
    none = step((0, 0), reward=2.0, avail=[[True, False], [True, False]])
    assert losses(QTRAN(variant="alt", nopt_over="all"), none)[2] == pytest.approx(0.25, rel=1e-5)
    both = step((0, 0), reward=2.0)
    assert losses(QTRAN(variant="alt", nopt_over="all"), both)[2] == pytest.approx((0.5**2 + 5.5**2) / 2, rel=1e-5)
    one = step((0, 0), reward=2.0, avail=[[True, False], [True, True]])
    assert losses(QTRAN(variant="alt", nopt_over="all"), one)[2] == pytest.approx((0.5**2 + 5.5**2) / 2, rel=1e-5)
    assert losses(QTRAN(variant="alt"), one)[2] == pytest.approx(5.5**2, rel=1e-5)


def test_what_follows_a_step_of_qtran():
    """Single Q: the target's own greedy actions, 0 and 1, are worth 20.

    The authors add up the target's maxima, 8 + 5. For QTRAN-alt they let one agent do something else, if that is
    worth more: agent 0, which makes it 40.
    """
    window = step((0, 1), reward=2.0)
    cases: dict[float, dict[str, Any]] = {
        2 + 0.9 * 30: {},
        2 + 0.9 * 20: {"double_q": False},
        2 + 0.9 * 13: {"target": "authors"},
        2 + 0.9 * 40: {"target": "authors", "variant": "alt"},
    }
    for wanted, settings in cases.items():
        target = QTRAN(gamma=0.9, **settings).loss(LIVE, BEHIND, window)[1]["target"]
        assert float(target[0, 0, 0]) == pytest.approx(wanted, rel=1e-5)


@pytest.mark.parametrize(
    ("avail", "worth"),
    [
        ([[True, False], [True, True]], 20.0),  # agent 0 must stay: 10 or 20
        ([[True, True], [True, False]], 30.0),  # agent 1 stays at 0, and agent 0 leaves 10 for 30
    ],
)
def test_the_authors_exchange_available_actions_only(avail: list[list[bool]], worth: float):
    algorithm = QTRAN(gamma=0.9, variant="alt", target="authors")
    target = algorithm.loss(LIVE, BEHIND, step((0, 0), reward=2.0, avail=avail))[1]["target"]
    assert float(target[0, 0, 0]) == pytest.approx(2 + 0.9 * worth, rel=1e-5)


def test_one_agent_at_most_is_exchanged():
    """From 0 and 0 the best single change is worth 30; both at once would be worth 40."""
    swapped = qtran.Params(Fixed(jnp.array([[8.0, 1.0], [5.0, 1.0]])), BEHIND.critic)
    target = QTRAN(gamma=0.9, variant="alt", target="authors").loss(LIVE, swapped, step((0, 1), reward=2.0))[1]
    assert float(target["target"][0, 0, 0]) == pytest.approx(2 + 0.9 * 30, rel=1e-5)


SUM = VDNMixer(value=None, feed="state")
TEAMS = weighted_qmix.Params(LIVE.team, SUM, Fixed(jnp.array([[1.0, 1.0], [4.0, 2.0]])), SUM)
TARGETS = weighted_qmix.Params(BEHIND.team, SUM, Fixed(jnp.array([[2.0, 5.0], [1.0, 7.0]])), SUM)
"""Both mixers are sums. The live greedy actions 1 and 0 are worth 5 + 1 = 6 to the target's unrestricted one."""


@pytest.mark.parametrize(
    ("weighting", "actions", "reward", "weight"),
    [
        ("ow", (0, 1), 0.0, 1.0),  # Q_tot = 1 is below y = 5.4
        ("ow", (1, 0), -2.0, 0.1),  # Q_tot = 5 is above y = 3.4
        ("cw", (1, 0), -2.0, 1.0),  # what is greedy
        ("cw", (0, 1), 0.0, 0.1),  # y = 5.4 is no more than 6
        ("cw", (0, 1), 1.0, 1.0),  # y = 6.4 is
    ],
)
def test_weights_by_hand(weighting: Any, actions: tuple[int, int], reward: float, weight: float):
    algorithm = WeightedQMIX(weighting=weighting, mixer=VDN(), central=VDN(), gamma=0.9, central_scale=0.5)
    loss, looked = algorithm.loss(TEAMS, TARGETS, step(actions, reward=reward))
    q_tot, q_central, y = {(0, 1): 1.0, (1, 0): 5.0}[actions], {(0, 1): 3.0, (1, 0): 5.0}[actions], reward + 0.9 * 6
    assert float(looked["target"][0, 0, 0]) == pytest.approx(y, rel=1e-5)
    assert float(looked["weights"][0, 0, 0]) == pytest.approx(weight)
    assert float(loss) == pytest.approx(weight * (q_tot - y) ** 2 + 0.5 * (q_central - y) ** 2, rel=1e-4)


@pytest.mark.parametrize(
    ("refused", "sentence"),
    [
        (lambda: QTRAN(lambda_nopt=-0.1), "lambda_nopt is -0.1; it must be at least 0"),
        (lambda: WeightedQMIX(alpha=1.5), "alpha is 1.5; it must lie between 0 and 1"),
        (lambda: WeightedQMIX(central_scale=0.0), "central_scale is 0.0; it must be greater than 0"),
        (lambda: WeightedQMIX(mixer=Independent()).check(SPEC), "mixer gives 2 values, one for each agent"),
    ],
)
def test_what_cannot_be_is_refused(refused: Any, sentence: str):
    with pytest.raises(QohortError, match=sentence):
        refused()
