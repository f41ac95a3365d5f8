"""How every command reads its flags."""

from qohort.training.flags import parse

__all__ = ["parse"]
