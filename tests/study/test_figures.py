"""What is read from metric files, and what is told of it."""

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from qohort.study.cells import Cell, resolve
from qohort.study.display import StudyDisplay, View, duration, failures, progress, results, summary
from qohort.study.estimate import Progress, time_left
from qohort.study.figures import Figures, Watch
from tests.study.tiny import tiny


@pytest.fixture
def cell() -> Cell:
    return resolve([tiny("iql", seeds=2)])[0][0]


def write(path: Path, *lines: dict, rest: str = "") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines) + rest)


def evaluation(step: int, score: float | None) -> dict:
    return {"seed": 0, "step": step, "eval/return": score, "eval/length": 2.0}


def test_a_cell_from_nothing_to_the_end(cell, tmp_path):
    watch = Watch(cell, tmp_path)
    figures = watch.look()
    assert (figures.steps, figures.total, figures.done, figures.mean("last")) == (0, 400, 0, None)

    metrics, timing = tmp_path / "seed-0" / "metrics.jsonl", tmp_path / "seed-0" / "timing.jsonl"
    begun = [evaluation(0, 3.0), {"seed": 0, "step": 50, "train/loss": 1.0}, evaluation(100, 7.0)]
    write(metrics, *begun, rest='{"seed": 0, "st')
    write(timing, {"step": 0, "seconds": 2.0}, {"step": 0, "seconds": 4.0, "steps_per_second": 25.0})
    seed = watch.look().seeds[0]
    assert (seed.step, seed.last, seed.best, seed.seconds, seed.rate) == (100, 7.0, 7.0, 4.0, 25.0)
    assert (seed.metric, seed.done) == ("return", False)

    write(metrics, *begun, evaluation(200, 5.0))
    write(
        timing,
        {"step": 0, "seconds": 2.0},
        {"step": 0, "seconds": 4.0},
        {"step": 0, "seconds": 1.5},
        {"step": 0, "seconds": 2.5},
    )  # a second process
    write(tmp_path / "seed-0" / "absolute.json", {"steps": 200, "eval/return": 6.5})
    write(tmp_path / "seed-1" / "metrics.jsonl", evaluation(0, 1.0))
    figures = watch.look()
    assert (figures.steps, figures.done, figures.current, figures.seconds) == (200, 1, 1, 6.5)
    assert [figures.mean(name) for name in ("last", "best", "absolute")] == [5.0, 7.0, 6.5]

    write(tmp_path / "seed-1" / "absolute.json", {"steps": 200, "eval/return": 2.5})
    assert Watch(cell, tmp_path).look().mean("absolute") == 4.5
    assert Watch(resolve([tiny("iql", seeds=2, steps=300)])[0][0], tmp_path).look().done == 0


def test_a_file_that_is_cut_back(cell, tmp_path):
    """Also when it is longer than it was by the time one looks again."""
    watch, path = Watch(cell, tmp_path), tmp_path / "seed-0" / "metrics.jsonl"
    write(path, evaluation(0, 3.0), evaluation(100, 7.0))
    assert watch.look().seeds[0].best == 7.0
    write(path, evaluation(0, 3.0))
    assert watch.look().seeds[0].best == 3.0
    write(path, evaluation(0, 3.0), evaluation(100, 6.5), evaluation(200, 5.0))
    assert watch.look().seeds[0].best == 6.5


def test_a_damaged_line_is_not_the_end_of_the_study(cell, tmp_path):
    """The run itself refuses it; here it is left out."""
    path = tmp_path / "seed-0" / "metrics.jsonl"
    write(path, evaluation(0, 3.0), rest="\x00\x00\n[]\n" + json.dumps(evaluation(100, 7.0)) + "\n")
    assert Watch(cell, tmp_path).look().seeds[0].last == 7.0


def test_worlds_that_can_be_won_and_values_that_are_no_numbers(cell, tmp_path):
    won = {"step": 0, "eval/return": 3.0, "eval/win_rate": 0.25}
    write(tmp_path / "seed-0" / "metrics.jsonl", won, {**won, "step": 100, "eval/win_rate": 0.75})
    write(tmp_path / "seed-1" / "metrics.jsonl", evaluation(0, None))
    figures = Watch(cell, tmp_path).look()
    assert (figures.metric, figures.seeds[0].best, figures.seeds[1].best) == ("win_rate", 0.75, None)


def test_odd_files_are_not_the_end_of_the_study(cell, tmp_path):
    write(tmp_path / "seed-0" / "metrics.jsonl", {"step": 0, "eval/return": 3.0, "eval/win_rate": None})
    write(tmp_path / "seed-0" / "timing.jsonl", {"step": 0}, {"step": 1, "seconds": None}, {"step": 2, "seconds": 5.0})
    for content in ("null", "[]", "3"):
        (tmp_path / "seed-0" / "absolute.json").write_text(content)
        figures = Watch(cell, tmp_path).look()
        assert (figures.seeds[0].last, figures.seeds[0].seconds, figures.done) == (3.0, 5.0, 0)


def test_each_group_of_seeds_counts_its_clock_once(tmp_path):
    four = resolve([tiny("iql", seeds=4)])[0][0]
    for seed in range(4):
        write(tmp_path / f"seed-{seed}" / "timing.jsonl", {"step": 0, "seconds": 3.0})
    for group in ("seeds-0-to-1", "seeds-2-to-3"):
        (tmp_path / group).mkdir()
    figures = Watch(four, tmp_path).look()
    assert (figures.seconds, figures.together) == (6.0, False)


def test_seeds_that_train_together_share_their_time(cell, tmp_path):
    for seed in (0, 1):
        write(tmp_path / f"seed-{seed}" / "timing.jsonl", {"step": 0, "seconds": 3.0})
    assert Watch(cell, tmp_path).look().seconds == 6.0
    (tmp_path / "seeds-0-to-1").mkdir()
    assert Watch(cell, tmp_path).look().seconds == 3.0


def of(world: str, steps: int, seconds: float, *, open: bool = True) -> Progress:  # noqa: A002
    return Progress(world, steps, 100, seconds, open=open)


@pytest.mark.parametrize(
    ("cells", "jobs", "seconds"),
    [
        ([], 1, 0.0),
        ([of("a", 0, 0.0)], 1, None),
        ([of("a", 50, 10.0)], 1, 10.0),
        ([of("a", 50, 10.0), of("a", 0, 0.0)], 1, 30.0),
        ([of("a", 50, 10.0), of("a", 0, 0.0)], 2, 20.0),
        ([of("a", 100, 10.0, open=False), of("b", 100, 30.0, open=False), of("b", 0, 0.0)], 1, 30.0),
        ([of("a", 100, 10.0, open=False), of("b", 0, 0.0)], 1, 10.0),
        ([of("a", 20, 10.0, open=False)], 1, 0.0),
    ],
)
def test_the_time_that_is_left(cells, jobs, seconds):
    assert time_left(cells, jobs=jobs) == seconds


def views(cell: Cell, folder: Path) -> list[View]:
    test_a_cell_from_nothing_to_the_end(cell, folder)
    done = Watch(cell, folder).look()
    half = Figures({0: done.seeds[0], 1: Watch(cell, folder / "none").look().seeds[1]}, (), 400)
    return [
        View("a/one", "finished", done, 200),
        View("a/two", "running", half, 200),
        View("a/three", "failed", half, 200, "qohort: [no] memory"),
        View("a/four", "waiting", half, 200, "its folder is in use by process 7"),
    ]


def test_what_is_told(cell, tmp_path):
    made = views(cell, tmp_path)
    assert progress(made[1]) == "seed 1 (2 of 2), 0/200 steps, 0:06 left"
    assert progress(made[0]).startswith("seed 1 (2 of 2), 0/200 steps, 0:06 left, eval return 1 (best 1)")
    assert summary(made, 65.0) == "1 of 4 cells finished, 1 failed; about 1:05 left"
    assert [duration(seconds) for seconds in (0.4, 65.0, 7265.0)] == ["0:00", "1:05", "2:01:05"]


def test_plain_lines_and_tables(cell, tmp_path):
    file = io.StringIO()
    console = Console(file=file, width=200)
    made = views(cell, tmp_path)
    with StudyDisplay(console) as display:
        for view in made:
            display.changed(view)
        display.update(made, left=None)
    console.print(results(made), failures(made))
    text = file.getvalue()
    assert "a/one: finished, eval return last 3, best 4, absolute 4.5; 0:06\n" in text
    assert "a/two: running\n" in text
    assert text.count("a/two: ") == 1  # the next line about it is due in half a minute
    assert "a/three: failed, qohort: [no] memory" in text
    rows = [line.split() for line in text.splitlines()]
    assert ["a/one", "finished", "2/2", "200", "3", "4", "4.5", "0:06"] in rows
    assert ["a/two", "running", "1/2", "0/200", "5", "7", "6.5", "0:06"] in rows
    assert ["a/three", "qohort:", "[no]", "memory"] in rows


def test_a_terminal_that_is_too_low_shows_what_is_at_work(cell, tmp_path):
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, width=100, height=6)
    made = views(cell, tmp_path)
    with StudyDisplay(console) as display:
        display.update(made, left=65.0)
    text = file.getvalue()
    assert "seed 1 (2 of 2), 0/200 steps" in text
    assert "a/one" not in text
    assert "… and 2 more cells" in text
    assert "about 1:05 left" in text
