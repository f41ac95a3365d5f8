"""The eight terrains as numbers.

Rows are written `y:x-x`: `8-9:2-29` are the cells 2 to 29 of the rows 8 and 9, `12:0-3,28-31` is a row in two pieces.
Cell k covers the numbers from k to k + 1; y grows to the north; every map has 32 by 32 cells.

What a client would say of these maps is known for one of them only (a `pathing_grid` quoted in smac's issue 11): in the
band, units walk up to the edge of the plateau, and the two outermost columns are closed. The others follow by analogy.
On straight edges that is sure enough; on diagonal ones the truth lies somewhere between `plateau` and `walk`.
"""

import dataclasses

SIZE = 32
INNER = (2, 29)
"""The cells that the border of the map leaves open, in both directions."""

PIT, PLAIN, HIGH = 1.0, 8.0, 10.0
"""Heights of the three cliff levels."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rows:
    """One terrain."""

    walk: str
    """Cells which the map file does not close. Cliffs close blocks of 2 by 2 cells there, so this is too little."""
    plateau: str
    """Cells of cliff level 1 or more."""
    cliffs: str = ""
    """Cells of the plateau on which nobody can stand."""
    heights: tuple[tuple[float, str], ...] = ()
    """Where the plateau is not flat."""


_EVERYWHERE = "0-31:0-31"

TERRAINS: dict[str, Rows] = {
    "band": Rows(walk="8-23:0-31", plateau="7-24:0-31"),
    "open field": Rows(walk=_EVERYWHERE, plateau=_EVERYWHERE),
    "flat": Rows(walk=_EVERYWHERE, plateau=_EVERYWHERE),
    "octagon": Rows(
        walk="6-7:10-21 8-9:8-23 10-21:6-25 22-23:8-23 24-25:10-21",
        plateau="5:9-22 6:8-23 7:7-24 8:6-25 9-22:5-26 23:6-25 24:7-24 25:8-23 26:9-22",
    ),
    "pentagon": Rows(
        walk="8-19:8-19 20-21:10-17 22-23:12-15",
        plateau="7-20:7-20 21:8-19 22:9-18 23:10-17 24:11-16",
    ),
    "small octagon": Rows(
        walk="8-9:10-19 10-17:8-21 18-19:10-19",
        plateau="7:9-20 8:8-21 9-18:7-22 19:8-21 20:9-20",
    ),
    # In `walk`, the choke of 2 by 2 cells touches both rooms with its corners only. In `plateau`, where units play,
    # the rooms share the boundary between the rows 12 and 13 from x = 10 to 16, and the way is 4.2 wide at its
    # narrowest.
    "corridor": Rows(
        walk=(
            "2-11:2-11 12-13:12-13 14-15:14-25 16-17:14-27 18-21:12-29 22-23:14-29 24-25:16-29 26-27:18-29 28-29:20-29"
        ),
        plateau=(
            "1-2:1-14 3:1-13 4-9:1-12 10:1-13 11:1-14 12:1-15 13:10-26 14:11-27 15:12-28 16:12-29 17-22:11-30 "
            "23:12-30 24:13-30 25:14-30 26:15-30 27:16-30 28:17-30 29:18-30 30:19-30"
        ),
    ),
    "diagonal strip": Rows(
        walk="2-3:2-7 4-7:2-11 8-11:4-15 12-15:8-19 16-17:10-19 18-21:14-25 22-23:16-29 24-27:20-29 28-29:22-29",
        plateau=(
            "1:1-8 2:1-9 3-5:1-12 6:1-13 7-8:1-16 9:2-16 10:3-17 11-12:3-20 13:6-20 14-15:7-20 16:7-21 17:8-26 18:9-26 "
            "19:12-26 20:13-27 21-22:13-30 23:14-30 24:15-30 25:18-30 26-28:19-30 29:20-30 30:21-30"
        ),
    ),
    # The high ground, cells 7-24 of the rows 13 to 20, is entered by ramps from the west and from the east. A cliff
    # takes up cells of the lower level, as the one around the band does. So the row below the high ground and its
    # ramps is closed (12), and the low ground behind is reached through the gaps at its two ends. In the rows 19 and
    # 20 the ledges beside the high ground, north of the ramps, are a few cells between two cliffs: closed.
    "ravine": Rows(
        walk="6-7:4-27 8-9:2-29 10-11:0-31 12-13:0-3,28-31 14-15:0-31 16-17:2-29 18-19:8-23",
        plateau="5:3-28 6:2-29 7:1-30 8-17:0-31 18:1-30 19:2-29 20:3-28",
        cliffs="12:4-27 19:2-6,25-29 20:3-6,25-28",
        heights=(
            (HIGH, "13-20:7-24"),
            (PLAIN + 1 / 3, "13-18:4-4,27-27"),
            (PLAIN + 1, "13-18:5-5,26-26"),
            (PLAIN + 5 / 3, "13-18:6-6,25-25"),
        ),
    ),
}  # fmt: skip
