"""Which settings a name, a world and a preset choose."""

import dataclasses

import pytest

from qohort.algorithms.coma import COMA
from qohort.algorithms.optimiser import Optimiser
from qohort.algorithms.ppo import PPO
from qohort.algorithms.qtran import QTRAN
from qohort.algorithms.registry import METHODS, default_preset, preset
from qohort.algorithms.replay_free import ReplayFree
from qohort.algorithms.value_decomposition import ValueDecomposition
from qohort.envs import make
from qohort.errors import QohortError
from qohort.estimators.exploration import LinearSchedule
from qohort.mixers import QMIX, QPLEX, Importance, Qatten, QPLEXQatten
from qohort.networks.feedforward import FeedForward
from qohort.networks.recurrent import Recurrent
from qohort.replay.samplers import Replayed
from qohort.training.run import Run, grid_of


def settings(name: str, world: str, which: str | None = None) -> ValueDecomposition:
    algorithm = preset(name, world, which).algorithm
    assert isinstance(algorithm, ValueDecomposition)
    return algorithm


def mixer_of(world: str) -> Qatten:
    mixer = settings("qatten", world, "paper").mixer
    assert isinstance(mixer, Qatten)
    return mixer


def test_a_preset_says_so_where_its_source_has_no_such_mixer():
    said = "This mixer is not among what was run there"
    for which, absent in {"paper": ["monotone"], "pymarl2": ["monotone", "qlinear", "qplex-qatten"]}.items():
        names = ("iql", "vdn", "qmix", "qatten", "qlinear", "qplex", "qplex-qatten", "monotone")
        assert [n for n in sorted(names) if said in preset(n, "battle/3m", which).source] == absent


def test_qtran_as_in_pymarl2_is_pymarl_s_with_another_protocol():
    first, second = (preset("qtran", "battle/3m", which).algorithm for which in ("pymarl", "pymarl2"))
    assert isinstance(first, QTRAN)
    assert isinstance(second, QTRAN)
    assert (second.critic, second.lambda_nopt, second.nopt_over) == (first.critic, 0.1, first.nopt_over)
    assert second.optimiser == Optimiser(kind="adam", learning_rate=5e-4, eps=1e-8)
    assert (second.estimator, second.feed) == ("one-step", Replayed(batch=128))
    assert (second.environments, second.update_every, second.target_interval) == (8, 8, 25)


def test_battles_and_small_worlds_have_their_own_defaults():
    assert default_preset("vdn", "battle/3m") == "fast"
    assert default_preset("vdn", "battle/3m?spread=0.5") == "fast"
    assert default_preset("vdn", "games/two-step") == "two-step"
    assert default_preset("vdn", "games/and") == "paper"


def test_fast_updates_oftener_where_acting_alone_is_punished():
    hunt, stags = (
        settings("qmix", world, "fast") for world in ("pursuit/qtran-prey?punishment=1.5", "pursuit/stag-hunt")
    )
    elsewhere = settings("qmix", "pursuit/stag-hunt-300", "fast")
    assert hunt.update_every < stags.update_every < elsewhere.update_every
    assert hunt == settings("qmix", "pursuit/qtran-prey-7x7", "fast")
    assert (
        elsewhere
        == settings("qmix", "pursuit/qtran-prey-300", "fast")
        == settings("qmix", "foraging/8x8-2p-2f-coop", "fast")
    )


def test_the_papers_settings_of_a_map_are_those_of_the_authors():
    usual, odd = (mixer_of(world) for world in ("battle/3m", "battle/MMM2"))
    assert (usual.weighted_head, usual.nonlinear, usual.regulariser) == (False, False, 0.01)
    assert (odd.weighted_head, odd.nonlinear, odd.regulariser) == (True, True, 0.001)
    assert mixer_of("battle/MMM2?spread=0.5") == odd
    weighted = mixer_of("battle/3s5z_vs_3s6z")
    assert (weighted.weighted_head, weighted.nonlinear, weighted.regulariser) == (True, False, 0.0)


def test_the_papers_settings_of_qplex_are_those_of_its_release():
    elsewhere, battle = (settings("qplex", world, "paper") for world in ("games/qtran-matrix", "battle/3m"))
    assert (elsewhere.updates, battle.updates) == (1, 2)
    assert elsewhere.mixer == QPLEX(importance=Importance(kernels=10, layers=3))
    assert battle.mixer == QPLEX(importance=Importance(kernels=4, layers=1))
    on_qatten = settings("qplex-qatten", "battle/MMM2", "paper").mixer
    attention = Qatten(weighted_head=True, nonlinear=True, regulariser=0.001)
    assert on_qatten == QPLEXQatten(attention=attention, importance=Importance(kernels=4, layers=1))
    assert settings("qplex", "battle/3m", "pymarl2").mixer == QPLEX(importance=Importance(kernels=4, layers=2))


def test_qplex_learns_games_under_full_exploration():
    game = preset("qplex", "games/qtran-matrix", "paper")
    assert (game.algorithm.exploration().at(0), game.algorithm.exploration().at(210_000)) == (1.0, 1.0)
    assert game.run["steps"] == 210_000


def test_pymarl2_did_not_tune_iql():
    found = settings("iql", "battle/3m", "pymarl2")
    assert (found.estimator, found.optimiser.learning_rate, found.feed.batch) == ("one-step", 5e-4, 32)
    assert settings("vdn", "battle/3m", "pymarl2").estimator == "td-lambda"


def test_the_papers_qtran_takes_the_targets_greedy_action():
    published = preset("qtran-alt", "battle/3m", "paper").algorithm
    assert isinstance(published, QTRAN)
    assert (published.double_q, published.nopt_over) == (False, "all")
    copied = preset("qtran", "battle/3m", "pymarl").algorithm
    assert isinstance(copied, QTRAN)
    assert copied.double_q


@pytest.mark.parametrize(("world", "adds"), [("battle/3m", False), ("battle/crowd", True), ("games/relay", True)])
@pytest.mark.parametrize("which", ["paper", "pymarl", "fast"])
def test_comas_critic_adds_last_actions_where_the_state_does_not_tell_them(world: str, adds: bool, which: str):
    coma = preset("coma", world, which).algorithm
    assert isinstance(coma, COMA)
    assert coma.critic.last_action is adds
    assert any(" last: " in name for name in make(world).spec.state_features) is not adds


def test_maac_collects_treasure_for_as_many_episodes():
    for world, steps in (("particles/treasure", 100), ("particles/rover-tower", 25)):
        published = preset("maac", world, "authors")
        assert 0 <= published.run["steps"] - 50_000 * steps < 12 * steps * 10  # whole intervals of twelve environments


@pytest.mark.parametrize(
    "world",
    ["games/and", "games/two-step", "pursuit/qtran-prey", "pursuit/stag-hunt", "particles/treasure", "battle/3m"],
)
def test_every_preset_can_be_started_as_it_is(world: str):
    for name, method in METHODS.items():
        for which in method.presets:
            found = preset(name, world, which)
            run = Run(**found.run)
            found.algorithm.feed.check_chunk(run.chunk)
            assert grid_of(run, found.algorithm.environments).steps == run.steps, (name, which)


def test_another_network_keeps_the_normalisation_that_learning_without_replay_needs():
    for team in ("recurrent", "feed-forward"):
        for name, needed in (("pqn-qmix", True), ("qmix", False)):
            algorithm = preset(name, "games/relay", "fast", team=team).algorithm
            assert isinstance(algorithm, ReplayFree | ValueDecomposition)
            assert isinstance(algorithm.team, Recurrent | FeedForward)
            assert algorithm.team.norm is needed


def test_pymarl2_has_the_settings_that_its_qmix_was_published_with_on_a_map():
    usual = settings("qmix", "battle/3m", "pymarl2")
    assert (usual.td_lambda, usual.epsilon.steps, usual.team) == (0.6, 100_000, Recurrent(hidden=64))
    assert usual.mixer == QMIX(embed=32, hypernet_hidden=64)
    longer = dataclasses.replace(usual, td_lambda=0.3, epsilon=LinearSchedule(start=1.0, end=0.05, steps=500_000))
    assert settings("qmix", "battle/6h_vs_8z", "pymarl2") == longer
    assert settings("qmix", "battle/6h_vs_8z?spread=0.5", "pymarl2") == longer
    larger = dataclasses.replace(usual, team=Recurrent(hidden=256), mixer=QMIX(embed=64, hypernet_hidden=256))
    assert settings("qmix", "battle/3s5z_vs_3s6z", "pymarl2") == larger


@pytest.mark.parametrize("name", ["vdn", "qatten", "qplex"])
def test_pymarl2_has_its_other_methods_alike_on_all_maps(name: str):
    usual = settings(name, "battle/3m", "pymarl2")
    assert usual == settings(name, "battle/6h_vs_8z", "pymarl2") == settings(name, "battle/3s5z_vs_3s6z", "pymarl2")


def test_fast_knows_battles():
    assert settings("vdn", "battle/8m").environments > settings("vdn", "games/relay").environments
    assert settings("vdn", "battle/3m?spread=0.5").update_every < settings("vdn", "battle/8m").update_every


@pytest.mark.parametrize(
    ("world", "steps"),
    [
        ("battle/3m", 153_600),
        ("battle/2m_vs_1z", 204_800),
        ("battle/3s_vs_3z", 307_200),
        ("battle/8m", 307_200),
        ("battle/8m?spread=0.5", 307_200),
        ("battle/8m_vs_9m", 512_000),
        ("battle/2s_vs_1sc", 1_024_000),
    ],
)
def test_fast_trains_as_long_as_its_results_took(world: str, steps: int):
    run = preset("qatten", world).run
    assert run["steps"] == steps
    assert run["steps"] % run["eval_every"] == 0


def test_unknown_names_are_told_the_nearest():
    with pytest.raises(QohortError, match="qatten"):
        preset("qaten", "battle/3m")
    with pytest.raises(QohortError, match="pymarl2"):
        preset("qatten", "battle/3m", "pymarl")


@pytest.mark.parametrize("name", ["ippo", "mappo", "tarmac"])
def test_in_traffic_steps_of_actor_critics_fall_until_the_run_ends(name: str):
    elsewhere, traffic = preset(name, "games/relay", "fast"), preset(name, "traffic/hard?vision=0", "fast")
    assert isinstance(elsewhere.algorithm, PPO)
    assert isinstance(traffic.algorithm, PPO)
    falling = traffic.algorithm.optimiser
    assert (falling.final_learning_rate, falling.anneal_steps) == (0.0, traffic.run["steps"])
    assert dataclasses.replace(traffic.algorithm, optimiser=elsewhere.algorithm.optimiser) == elsewhere.algorithm


@pytest.mark.parametrize(("world", "steps"), [("battle/3m", 614_400), ("battle/2s3z", 1_228_800)])
@pytest.mark.parametrize("method", ["pqn-qatten", "pqn-iql"])
def test_without_replay_the_rate_falls_to_0_as_the_run_ends(method: str, world: str, steps: int):
    fast = preset(method, world, "fast")
    assert isinstance(fast.algorithm, ReplayFree)
    falling = fast.algorithm.optimiser
    assert (falling.final_learning_rate, falling.anneal_steps, fast.run["steps"]) == (0.0, steps, steps)


@pytest.mark.parametrize(("world", "share"), [("battle/3m", 2), ("battle/2s3z", 1)])
def test_qtran_makes_smaller_updates_and_more_on_three_marines(world: str, share: int):
    mixers, critic = settings("vdn", world, "fast"), preset("qtran", world, "fast").algorithm
    assert isinstance(critic, QTRAN)
    assert isinstance(mixers.feed, Replayed)
    assert critic.feed == dataclasses.replace(mixers.feed, batch=mixers.feed.batch // share)
    assert critic.update_every == mixers.update_every // share
