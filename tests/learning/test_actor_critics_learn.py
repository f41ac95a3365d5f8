"""Actor-critics learn to coordinate under their fast presets."""

import pytest

from tests.learning.test_presets_learn import scores


@pytest.mark.parametrize("name", ["coma", "maac"])
def test_both_agents_come_to_the_only_rewarded_choice(name: str):
    """Each by itself gains nothing by it until the other does the same."""
    assert scores(name, "games/and", "fast", 6_400)[1]["optimal"] == 1.0


@pytest.mark.slow
def test_maac_takes_the_branch_that_needs_both_in_the_two_step_game():
    """8 where agents coordinate; COMA's policies settle for the safe 7."""
    assert scores("maac", "games/two-step", "fast", 32_000)[1]["return"] == 8.0
