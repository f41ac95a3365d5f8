"""The table at the end: every file, every case, the worst errors."""

import json

import pytest

from tests.golden.cases import all_cases

TABLE = "golden"
KINDS = ("value", "gradient", "step")


def pytest_generate_tests(metafunc):
    if "golden_case" in metafunc.fixturenames:
        metafunc.parametrize("golden_case", all_cases(), ids=str)


@pytest.fixture
def tell(request):
    """Puts a line into the table; reports carry it, so workers of pytest-xdist can tell too."""
    return lambda case, text: request.node.user_properties.append((TABLE, (str(case), text)))


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
    width = max(len(case) for case, _, _ in lines)
    terminalreporter.section("golden vectors: worst max|x − ref| / max|ref|")
    terminalreporter.line(f"{'case':<{width}}  {'result':<8}{'arrays':>7}" + "".join(f"{kind:>10}" for kind in KINDS))
    for case, text, status in sorted(lines):
        found = json.loads(text)
        errors = "".join(f"{'-' if found[kind] is None else format(found[kind], '.1e'):>10}" for kind in KINDS)
        left_out = f"  not compared: {', '.join(found['left_out'])}" if found["left_out"] else ""
        terminalreporter.line(f"{case:<{width}}  {status:<8}{found['arrays']:>7}{errors}{left_out}")
