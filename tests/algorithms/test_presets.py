"""Which settings a name, a world and a preset choose."""

import pytest

from qohort.algorithms.registry import default_preset, preset
from qohort.algorithms.value_decomposition import ValueDecomposition
from qohort.errors import QohortError
from qohort.mixers import Qatten


def settings(name: str, world: str, which: str | None = None) -> ValueDecomposition:
    algorithm = preset(name, world, which).algorithm
    assert isinstance(algorithm, ValueDecomposition)
    return algorithm


def mixer_of(world: str) -> Qatten:
    mixer = settings("qatten", world, "paper").mixer
    assert isinstance(mixer, Qatten)
    return mixer


def test_battles_and_small_worlds_have_their_own_defaults():
    assert default_preset("vdn", "battle/3m") == "fast"
    assert default_preset("vdn", "battle/3m?spread=0.5") == "fast"
    assert default_preset("vdn", "games/two-step") == "two-step"
    assert default_preset("vdn", "games/and") == "paper"


def test_the_papers_settings_of_a_map_are_those_of_the_authors():
    usual, odd = (mixer_of(world) for world in ("battle/3m", "battle/MMM2"))
    assert (usual.weighted_head, usual.nonlinear, usual.regulariser) == (False, False, 0.01)
    assert (odd.weighted_head, odd.nonlinear, odd.regulariser) == (True, True, 0.001)
    assert mixer_of("battle/MMM2?spread=0.5") == odd
    weighted = mixer_of("battle/3s5z_vs_3s6z")
    assert (weighted.weighted_head, weighted.nonlinear, weighted.regulariser) == (True, False, 0.0)


def test_fast_knows_battles():
    assert settings("vdn", "battle/8m").environments > settings("vdn", "games/relay").environments
    assert preset("vdn", "battle/8m").run["steps"] > preset("vdn", "battle/3m").run["steps"]
    assert settings("vdn", "battle/3m?spread=0.5").update_every < settings("vdn", "battle/8m").update_every


def test_unknown_names_are_told_the_nearest():
    with pytest.raises(QohortError, match="qatten"):
        preset("qaten", "battle/3m")
    with pytest.raises(QohortError, match="pymarl2"):
        preset("qatten", "battle/3m", "pymarl")
