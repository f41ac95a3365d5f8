"""`qohort list`: what there is."""

import dataclasses
from collections.abc import Sequence
from typing import Annotated, Literal

import tyro
from rich import box
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from qohort.algorithms.registry import METHODS, WORLD_DEFAULTS
from qohort.envs import make, names
from qohort.envs.battle import crowd, roster
from qohort.envs.battle.catalogue import CATALOGUE
from qohort.envs.registry import BUILT_IN
from qohort.training.flags import parse

What = Literal["all", "algorithms", "environments", "maps", "presets"]


@dataclasses.dataclass(frozen=True)
class ListFlags:
    """Show algorithms, environments, maps and presets."""

    what: Annotated[What, tyro.conf.Positional] = "all"
    """Which of them."""


def main(argv: Sequence[str]) -> int:
    """Print the tables."""
    what = parse(ListFlags, argv, prog="qohort list").what
    console = Console()
    tables = {"algorithms": _algorithms, "environments": _environments, "maps": _maps, "presets": _presets}
    for name, table in tables.items():
        if what in ("all", name):
            console.print(table(), highlight=False)
    return 0


def _algorithms() -> Table:
    table = _table("Algorithms", "name", "what it is", "presets", folded=("what it is", "presets"))
    for name, method in METHODS.items():
        table.add_row(name, method.summary, ", ".join(method.presets))
    return table


def _environments() -> Table:
    table = _table("Environments", "name", "agents", "actions", "obs", "state", "limit", "reward")
    table.caption, table.caption_justify = "Battles are listed by `qohort list maps`.", "left"
    for name in names():
        if name.startswith("battle/"):
            continue
        spec = make(name).spec
        sizes = (spec.n_agents, spec.n_actions, spec.obs_size, spec.state_size, spec.limit)
        table.add_row(name, *map(str, sizes), spec.reward)
    return table


def _maps() -> Table:
    table = _table(
        "Maps of battles", "name", "terrain", "allies", "enemies", "limit", folded=("terrain", "allies", "enemies")
    )
    for name, battle in CATALOGUE.items():
        table.add_row(
            f"battle/{name}", battle.terrain, roster.allies(battle), roster.enemies(battle), str(battle.limit)
        )
    for name in ("battle/crowd", "battle/crowd-300"):
        size = BUILT_IN[name].options.get("size", crowd.SIZE)
        table.add_row(name, "flat", f"{size} Marines", "as many; see its options", str(crowd.LIMIT))
    table.add_row("battle/custom", "any", "a scenario of your own:", "a JSON file", "any")
    return table


def _presets() -> Group:
    """Paragraphs: where settings come from takes whole sentences."""
    rows: dict[tuple[str, str], list[str]] = {}
    for name, method in METHODS.items():
        for which, build in method.presets.items():
            rows.setdefault((which, build("").source), []).append(name)
    parts: list[RenderableType] = [Text("Presets", "bold"), ""]
    for which in dict.fromkeys(which for which, _ in rows):
        worlds = [world for world, preset in WORLD_DEFAULTS.items() if preset == which]
        default = ", ".join(worlds) or ("all other worlds" if which == "paper" else "")
        parts.append(Text.assemble((which, "bold"), f": the default for {default}" if default else ""))
        for (name, source), methods in rows.items():
            if name == which:
                parts += [Padding(f"of {', '.join(methods)}", (0, 0, 0, 2)), Padding(source, (0, 0, 1, 4))]
    return Group(*parts)


def _table(title: str, *columns: str, folded: Sequence[str] = ()) -> Table:
    """For 80 columns: only those that are named may be folded, and where there are none the others stand close."""
    space = (0, 1) if folded else 0
    table = Table(
        title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, show_edge=False, padding=space
    )
    for column in columns:
        table.add_column(column, overflow="fold", no_wrap=column not in folded)
    return table
