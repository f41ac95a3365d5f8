"""The page on small worlds tells every option, and no other."""

import inspect
import pathlib
import re

import pytest

from qohort.envs import names
from qohort.envs.games.squeeze import GaussianSqueeze
from qohort.envs.grids import Foraging, QtranPrey, StagHunt

PAGE = (pathlib.Path(__file__).parent.parent.parent / "docs" / "small-worlds.md").read_text()


@pytest.mark.parametrize(
    ("heading", "world"),
    [
        ("Gaussian squeezes", GaussianSqueeze),
        ("QTRAN's predator-prey", QtranPrey),
        ("Stag hunt", StagHunt),
        ("Level-based foraging", Foraging),
    ],
)
def test_every_option_is_told(heading, world):
    [section] = re.findall(rf"^## {heading}$(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE)
    told = [name for row in re.findall(r"^\| (`.*?) \|", section, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)]
    assert sorted(told) == sorted(set(inspect.signature(world).parameters) - {"name"})


def test_every_small_world_of_the_registry_is_named():
    for name in names():
        family, _, which = name.partition("/")
        if family in ("pursuit", "foraging") or name.endswith("squeeze"):
            assert name in PAGE or f"`{which}`" in PAGE or f"`-{which.rpartition('-')[2]}`" in PAGE
