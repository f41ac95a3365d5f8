"""How pictures tell kinds of units apart without colours: by shapes, and by letters."""

from collections.abc import Sequence

from qohort.envs.battle import roster
from qohort.envs.battle.units import Kind

SIDES: dict[Kind, int] = {
    # Kinds that meet in one battle differ in shape; 0 is round.
    Kind.MARINE: 0,
    Kind.MARAUDER: 5,
    Kind.MEDIVAC: 4,
    Kind.STALKER: 4,
    Kind.ZEALOT: 5,
    Kind.COLOSSUS: 6,
    Kind.ZERGLING: 3,
    Kind.BANELING: 0,
    Kind.HYDRALISK: 4,
    Kind.SPINE_CRAWLER: 8,
}
SHAPES = {0: "round", 3: "triangles", 4: "squares", 5: "pentagons", 6: "hexagons", 8: "octagons"}
LETTERS: dict[Kind, str] = {
    Kind.MARINE: "M",
    Kind.MARAUDER: "A",
    Kind.MEDIVAC: "+",
    Kind.STALKER: "S",
    Kind.ZEALOT: "Z",
    Kind.COLOSSUS: "C",
    Kind.ZERGLING: "G",
    Kind.BANELING: "B",
    Kind.HYDRALISK: "H",
    Kind.SPINE_CRAWLER: "P",
}


def shapes(kinds: Sequence[Kind], *, letters: bool = False) -> str:
    """`Marines are round, Medivacs are squares`; with `letters`, those are told too."""
    told = {kind: f" ({LETTERS[kind]})" if letters else "" for kind in kinds}
    return ", ".join(f"{roster.plural(kind)}{told[kind]} are {SHAPES[SIDES[kind]]}" for kind in kinds)
