"""What a unit can be told to do."""

import enum


class Order(enum.IntEnum):
    """The orders; the first is for commands only and leaves a unit with the order it has."""

    NONE = 0
    STOP = 1
    MOVE = 2
    """Go to a place and stay."""
    ATTACK = 3
    """Walk until a unit is in range, attack it, and follow it until it is dead."""
    HEAL = 4
    """The same with healing."""
    ATTACK_MOVE = 5
    """Go to a place, and attack on the way whatever the unit chooses."""
