"""The command line in this process."""

from tests.cli.conftest import qohort

__all__ = ["qohort"]
