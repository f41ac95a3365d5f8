"""The table of QPLEX's starting points is the one that was measured."""

import json
import pathlib

import pytest

ROOT = pathlib.Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs" / "labs" / "payoff.md").read_text()
MEASURED = json.loads((ROOT / "benchmarks" / "results" / "qplex-starts.json").read_text())


@pytest.mark.parametrize("row", MEASURED["rows"], ids=lambda row: row["setting"])
def test_a_row_of_starting_points(row):
    chosen = sorted(row["chosen"].items(), key=lambda item: -float(item[0]))
    told = (
        f"| {row['setting']} | {row['reproduced']}/{MEASURED['seeds']} "
        f"| {', '.join(f'{float(payoff):g} ({times})' for payoff, times in chosen)} "
        f"| {rounded(min(row['least_weight']))} | {rounded(max(row['greatest_importance']))} |"
    )
    assert told in PAGE


def rounded(value: float) -> str:
    """To one digit, without an exponent where the number stays short."""
    return f"{float(f'{value:.1g}'):.4g}"
