"""The curve of each method's page: `python docs/images/method_curves.py WORLD REPORT.json...`. Needs the extra `plots`.

Reports are what `qohort report` wrote. A method that several have is drawn with the most seeds.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from qohort.report.figures import FAINT, MUTED, dress, footnote, looks, save, short, styled

PAGES = {
    "coma": ("coma",),
    "maac": ("maac",),
    "monotone": ("monotone", "qmix"),
    "ppo": ("mappo", "ippo"),
    "qatten": ("qatten", "qlinear"),
    "qmix": ("qmix",),
    "qplex": ("qplex", "qplex-qatten"),
    "qtran": ("qtran", "qtran-alt"),
    "replay-free": ("pqn-qatten", "pqn-qplex", "pqn-qmix", "pqn-vdn", "pqn-iql"),
    "tarmac": ("tarmac",),
    "vdn": ("vdn", "iql"),
    "weighted-qmix": ("ow-qmix", "cw-qmix"),
}
"""The methods of each page."""


def main(world: str, reports: Sequence[Path]) -> None:
    """Draw a picture for each page of which all methods are there."""
    found = [cell for report in reports for cell in json.loads(report.read_text())["cells"] if cell["world"] == world]
    cells = {cell["algorithm"]: cell for cell in sorted(found, key=lambda cell: len(cell["seeds_planned"]))}
    for page, methods in PAGES.items():
        absent = [method for method in methods if method not in cells]
        if absent:
            print(f"{page}: not drawn, no report has {', '.join(absent)} on {world}")
            continue
        path = Path(__file__).parent / f"curve-{page}.png"
        draw(cells, methods, path)
        print(path)


def draw(cells: dict[str, Any], methods: tuple[str, ...], path: Path) -> None:
    """The page's methods in colours, the others faint behind them."""
    from matplotlib.figure import Figure

    with styled(11):
        figure = Figure(figsize=(6.4, 3.6), layout="constrained")
        axes = figure.subplots()
        dress(axes, rates=True)
        for name, cell in cells.items():
            if name not in methods:
                curve = cell["curves"]["steps"]
                axes.plot(curve["grid"], curve["band"]["value"], color=FAINT, linewidth=1.2)
        for name, look in looks(methods).items():
            curve = cells[name]["curves"]["steps"]
            grid, band = curve["grid"], curve["band"]
            seeds = len(cells[name]["seeds_planned"])
            label = f"{name}, {seeds} seeds" if seeds > 1 else f"{name}, 1 seed"
            axes.plot(grid, band["value"], color=look.colour, linestyle=look.dashes, linewidth=2.25, label=label)
            if seeds > 1:
                axes.fill_between(grid, band["low"], band["high"], color=look.colour, alpha=0.15, linewidth=0)
        end = max(cells[name]["curves"]["steps"]["grid"][-1] for name in methods)
        axes.set_xlim(-0.02 * end, 1.03 * end)
        axes.xaxis.set_major_formatter(lambda value, _: short(value))
        axes.set_xlabel("environment steps")
        axes.set_ylabel("win rate")
        figure.legend(frameon=False, fontsize=10, loc="outside upper center", ncols=3, labelcolor=MUTED)
        world = cells[methods[0]]["world"]
        footnote(figure, f"{world}: greedy evaluations, interquartile mean, 95 % interval. Faint: other methods.")
        save(figure, [path])
    with Image.open(path) as picture:
        few = picture.convert("RGB").quantize(64, dither=Image.Dither.NONE)
    few.save(path, optimize=True)


if __name__ == "__main__":
    main(sys.argv[1], [Path(name) for name in sys.argv[2:]])
