"""Everything that a document shows is run."""

import json
import pathlib
import re
import subprocess
import sys

import numpy as np
import pytest

from qohort.algorithms.registry import METHODS, preset, preset_names
from qohort.training.run import Run
from qohort.training.settings import config_hash, config_to_dict
from qohort.training.train import CHANGEABLE

ROOT = pathlib.Path(__file__).parent.parent.parent
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
QUICKSTART = (ROOT / "docs" / "quickstart.md").read_text()
RESULTS = ROOT / "benchmarks" / "results"
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


def test_what_computes_a_method_s_equations_is_where_its_page_says():
    """`advantage.advantages` and the like, of the estimators."""
    modules = {path.stem: path for path in (ROOT / "qohort" / "estimators").glob("*.py")}
    for page in sorted((ROOT / "docs" / "methods").glob("*.md")):
        equations = page.read_text().partition("## Equations")[2].partition("\n## ")[0]
        for module, name in re.findall(r"`(?:\w+\.)*?(\w+)\.([a-z_]\w*)`", equations):
            if module in modules:
                assert re.search(rf"^(def|class) {name}\b", modules[module].read_text(), re.M), f"{page.name}: {name}"


def test_every_preset_is_told():
    rows = re.findall(
        r"^\| `([\w-]+)` \|", (ROOT / "docs" / "algorithms.md").read_text().partition("## Presets")[2], re.M
    )
    assert sorted(rows) == sorted(preset_names())
    [told] = re.findall(r"^\| presets \| (.*) \|$", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert sorted(re.findall(r"`([\w-]+)`", told)) == sorted(preset_names())


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(path: pathlib.Path):
    """Those of a page lead to files of the site, which is made of `docs` alone."""
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", path.read_text()):
        if not target.startswith("http"):
            found = (path.parent / target).resolve()
            assert found.exists(), target
            assert path.name == "README.md" or found.is_relative_to(ROOT / "docs"), target


def test_the_folder_of_the_quickstart_is_the_one_that_its_command_makes():
    """Where this fails, settings have changed: run its commands, keep the run, and take over what they print."""
    chosen = preset("qatten", "games/relay")
    settings = {"algorithm": config_to_dict(chosen.algorithm), "run": config_to_dict(Run(**chosen.run))}
    config = {"name": "qatten", "world": "games/relay", **settings}
    made = f"qatten-{config_hash(config, may_change=CHANGEABLE)}"
    assert set(re.findall(r"qatten-[0-9a-f]{8}", QUICKSTART)) == {made}
    assert (RESULTS / "quickstart" / made / "config.json").is_file()


def test_the_lines_of_the_quickstart_are_those_of_the_kept_run():
    [run] = (RESULTS / "quickstart").glob("qatten-*")
    lines = (run / "seed-0" / "metrics.jsonl").read_text().splitlines()
    evaluations = {row["step"]: row for row in map(json.loads, lines) if "eval/return" in row}
    told = re.findall(
        r"^seed 0: step ([\d,]+): eval return ([\d.]+), eval win rate ([\d.]+)$", QUICKSTART, re.MULTILINE
    )
    assert len(told) == 3
    for step, gained, won in told:
        row = evaluations[int(step.replace(",", ""))]
        assert (f"{row['eval/return']:.4g}", f"{row['eval/win_rate']:.4g}") == (gained, won)
    episodes = json.loads((RESULTS / "quickstart" / "eval.json").read_text())
    for name in ("hurdles", "length", "return"):
        assert re.search(rf"^  {name} +{np.mean(episodes[name]):.4g} ± ", QUICKSTART, re.MULTILINE)
