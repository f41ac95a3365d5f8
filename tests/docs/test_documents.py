"""Everything that a document shows is run."""

import pathlib
import re
import subprocess
import sys

import pytest

from qohort.algorithms.registry import METHODS

ROOT = pathlib.Path(__file__).parent.parent.parent
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCKS = [
    pytest.param(block, id=f"{path.name}-{index}")
    for path in DOCUMENTS
    for index, block in enumerate(re.findall(r"```python\n(.*?)```", path.read_text(), re.DOTALL))
]


def run(arguments: list[str], folder: pathlib.Path) -> str:
    done = subprocess.run([sys.executable, *arguments], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.mark.parametrize("block", BLOCKS)
def test_a_block_of_python_runs(block: str, tmp_path: pathlib.Path):
    (tmp_path / "block.py").write_text(block)
    run(["block.py"], tmp_path)


def test_the_example_of_using_a_team(tmp_path: pathlib.Path):
    out = run([str(ROOT / "examples" / "use_a_team.py")], tmp_path)
    assert "The team plays [1 1], gains 1.0; agent 0 alone plays 1." in out


def test_the_example_of_a_world_is_the_one_in_the_documents():
    example = (ROOT / "examples" / "my_world.py").read_text().strip()
    assert example in (ROOT / "docs" / "own-world.md").read_text()


def test_the_files_that_methods_are_made_of():
    """The table has a row for every method, and its files are there."""
    rows = re.findall(r"^\| (`.*?`) \| (`\w+/.*?`) \|", (ROOT / "CONTRIBUTING.md").read_text(), re.MULTILINE)
    named = {name for methods, _ in rows for name in re.findall(r"`(.+?)`", methods)}
    assert named == {name for name in METHODS if not name.startswith("pqn-")} | {"pqn-..."}
    files = [file for _, cell in rows for file in re.findall(r"`(.+?)`", cell)]
    assert [file for file in files if not (ROOT / "qohort" / file).is_file()] == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(path: pathlib.Path):
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", path.read_text()):
        if not target.startswith("http"):
            assert (path.parent / target).exists(), target
