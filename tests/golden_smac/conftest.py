"""The table at the end: every file, every part of it, the worst errors."""

import json

import pytest

from tests.golden_smac.cases import all_cases

TABLE = "golden SMAC"


def pytest_generate_tests(metafunc):
    if "smac_case" in metafunc.fixturenames:
        metafunc.parametrize("smac_case", all_cases(), ids=str)


@pytest.fixture
def tell(request):
    """Puts a line into the table; reports carry it, so workers of pytest-xdist can tell too."""
    return lambda case, text: request.node.user_properties.append((TABLE, (case.path.stem, case.part, text)))


def pytest_terminal_summary(terminalreporter):
    lines = [
        (*value, status)
        for status in ("passed", "failed")
        for report in terminalreporter.stats.get(status, [])
        for name, value in getattr(report, "user_properties", ())
        if name == TABLE and report.when == "call"
    ]
    if not lines:
        return
    files = len({stem for stem, *_ in lines})
    width = max(len(stem) for stem, *_ in lines)
    terminalreporter.section("SMAC's golden vectors: worst |x - ref| / max(1, |ref|)")
    head = f"{'file':<{width}}  {'part':<36}{'result':<8}{'arrays':>7}{'values':>9}{'worst':>10}{'other bits':>12}"
    terminalreporter.line(head)
    for stem, part, text, status in sorted(lines):
        found = json.loads(text)
        worst = "-" if found["worst"] is None else f"{found['worst']:.1e}"
        terminalreporter.line(
            f"{stem:<{width}}  {part:<36}{status:<8}{found['arrays']:>7}{found['values']:>9}{worst:>10}"
            f"{found['other_bits']:>12}"
        )
    passed = sum(status == "passed" for *_, status in lines)
    terminalreporter.line(f"{files} files, {len(lines)} cases, {passed} passed, {len(lines) - passed} failed")
