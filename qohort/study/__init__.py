"""Studies: many runs in one folder, each in a process of its own."""

from qohort.study.file import read_file
from qohort.study.grid import Grid
from qohort.study.study import CellResult, Studied, run_study

__all__ = ["CellResult", "Grid", "Studied", "read_file", "run_study"]
