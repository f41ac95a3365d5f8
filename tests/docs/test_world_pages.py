"""The pages of worlds tell every option and no other, every name, and the sizes; each has a picture."""

import inspect
import pathlib
import re
import runpy

import pytest
from PIL import Image

from qohort.envs import make, names
from qohort.envs.games import Relay
from qohort.envs.games.matrix import penalty
from qohort.envs.games.partial_matrix import two_matrices
from qohort.envs.games.squeeze import GaussianSqueeze
from qohort.envs.games.two_step import two_step
from qohort.envs.grids import Foraging, QtranPrey, StagHunt
from qohort.envs.particles import RoverTower, Treasure
from qohort.envs.traffic import TrafficJunction

DOCS = pathlib.Path(__file__).parent.parent.parent / "docs"
OVERVIEW = (DOCS / "worlds.md").read_text()
PAGES = {path.stem: path.read_text() for path in (DOCS / "worlds").glob("*.md")}
FACTORIES = {
    "payoff": penalty,
    "two-step": two_step,
    "two-matrices": two_matrices,
    "relay": Relay,
    "gaussian-squeeze": GaussianSqueeze,
    "qtran-prey": QtranPrey,
    "stag-hunt": StagHunt,
    "foraging": Foraging,
    "traffic": TrafficJunction,
    "treasure": Treasure,
    "rover-tower": RoverTower,
}
SMALL = [name for name in names() if not name.startswith("battle/")]


def cells(page: str) -> list[list[str]]:
    rows = [line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in row] for row in rows]


def options(page: str) -> dict[str, str]:
    """The table of options: every name with what stands in the column of defaults."""
    found = {}
    _, _, table = page.partition("\n| option |")
    for line in table.partition("\n\n")[0].splitlines()[2:]:
        told, defaults, *_ = line.strip("|").split(" | ")
        option_names = re.findall(r"`(\w+)`", told)
        each = defaults.strip().split(", ")
        found |= dict(
            zip(option_names, each if len(each) == len(option_names) else [""] * len(option_names), strict=True)
        )
    return found


@pytest.mark.parametrize("page", FACTORIES)
def test_every_option_is_told(page):
    fixed = {"name", "difficulty"}  # what the world's name says
    assert sorted(options(PAGES[page])) == sorted(set(inspect.signature(FACTORIES[page]).parameters) - fixed)


@pytest.mark.parametrize("page", FACTORIES)
def test_defaults_that_are_numbers_or_words_are_those_of_the_code(page):
    parameters = inspect.signature(FACTORIES[page]).parameters
    for option, told in options(PAGES[page]).items():
        default = parameters[option].default
        written = told.strip('`"').replace("−", "-")
        if re.fullmatch(r"-?[\d.]+", written):
            assert float(written) == default, option
        elif isinstance(default, bool) and written:
            assert written == str(default).lower(), option
        elif isinstance(default, str) and written:
            assert written == default, option


@pytest.mark.parametrize("name", SMALL)
def test_the_overview_has_the_sizes_of_every_world(name):
    spec = make(name).spec
    [row] = [row for row in cells(OVERVIEW) if row[0] == f"`{name}`"]
    assert row[1:6] == [
        str(size) for size in (spec.n_agents, spec.n_actions, spec.obs_size, spec.state_size, spec.limit)
    ]


def test_every_world_is_on_the_page_of_its_kind():
    everything = "\n".join(PAGES.values())
    assert [name for name in SMALL if f"`{name}`" not in everything] == []


@pytest.mark.parametrize("page", PAGES)
def test_every_page_is_linked_and_all_but_tables_have_a_picture(page):
    assert f"](worlds/{page}.md)" in OVERVIEW
    assert page == "tabular" or re.search(r"!\[[^\]]+\]\(\.\./images/[\w-]+\.png\)", PAGES[page])


@pytest.mark.parametrize("name", [name for name in SMALL if name.startswith(("traffic/", "particles/"))])
def test_the_sizes_on_the_pages_of_communication(name):
    spec = make(name).spec
    [row] = [row for page in PAGES.values() for row in cells(page) if row[0] == f"`{name}`" and len(row) == 7]
    sizes = [str(size) for size in (spec.n_actions, spec.obs_size, spec.state_size, spec.limit)]
    assert row[2:] == [*sizes, spec.reward]


@pytest.mark.parametrize("name", [name for name in SMALL if name.startswith(("pursuit/qtran", "foraging/"))])
def test_the_tables_of_boards(name):
    env = make(name)
    page = PAGES["qtran-prey" if "qtran" in name else "foraging"]
    [row] = [row for row in cells(page) if row[0] == f"`{name}`"]
    if isinstance(env, QtranPrey):
        size, sees = env.board.size, "everywhere" if env.vision is None else f"{env.vision} cells"
        assert row[1:] == [str(env.spec.n_agents), str(env.prey), f"{size} × {size}", sees]
    elif isinstance(env, Foraging):
        sees = "everywhere" if env.sight >= env.board.size else f"{env.sight} cells"
        assert row[1:] == [str(env.spec.n_agents), str(env.foods), sees, "yes" if env.coop else "no"]
    else:
        raise TypeError(name)


def test_the_script_draws_the_pictures_that_are_shown(tmp_path):
    space = runpy.run_path(str(DOCS / "images" / "draw.py"))
    space["main"](tmp_path)
    drawn = sorted(path.name for path in tmp_path.iterdir())
    assert drawn == ["payoff.png", "relay.png", "two-matrices.png", "two-step.png"]
    for name in drawn:
        with Image.open(tmp_path / name) as one, Image.open(DOCS / "images" / name) as other:
            assert one.size == other.size


def test_pictures_are_small():
    for path in (DOCS / "images").glob("*.png"):
        assert path.stat().st_size < 170_000, path
