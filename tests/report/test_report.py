"""`qohort report` on folders made up by the writers of real runs: numbers, pictures, tables, files and sentences."""

import csv
import json
import pathlib
import re
import shutil
import sys

import numpy as np
import pytest
from PIL import Image

from qohort.cli.main import main
from qohort.errors import QohortError
from qohort.mixers import QMIX, VDN
from qohort.report import compare_curves
from qohort.report.comparison import Comparison, compare
from qohort.report.figures import looks
from qohort.report.gather import gather
from qohort.report.labels import collect
from qohort.report.marl_eval import marl_eval
from qohort.report.table import Table, seconds_shown
from qohort.report.tables import tables
from qohort.report.write_report import write_report
from tests.report.synthetic import learning, with_mixer, write_run

EASY, HARD, GAME = "battle/3m", "battle/5m_vs_6m", "games/two-step"


def compared(root: pathlib.Path, **options) -> Comparison:
    return compare(collect(gather(root), root), **options)


def without_wins(file: pathlib.Path) -> None:
    """Win rates become what Qohort writes for a number that is none."""
    text, count = re.subn(r'("eval/win_rate": )[\d.]+', r"\1null", file.read_text())
    assert count
    file.write_text(text)


@pytest.fixture
def pair(tmp_path) -> pathlib.Path:
    """Two algorithms on one world; by hand: qmix is at 1 where vdn is at 0.5."""
    folder = tmp_path / "runs"
    line = [(0, 0.0), (100, 0.5), (200, 1.0)]
    lower = [(0, 0.0), (100, 0.25), (200, 0.5)]
    write_run(
        folder / "qmix",
        dict.fromkeys(range(4), line),
        name="qmix",
        algorithm=with_mixer(QMIX()),
        absolute={0: 1.0, 1: 0.5, 2: 0.75, 3: 0.25},
    )
    write_run(folder / "vdn", dict.fromkeys(range(4), lower), absolute={0: 0.5, 1: 0.0, 2: 0.25, 3: 0.25})
    return folder


@pytest.fixture(scope="module")
def tree(tmp_path_factory) -> pathlib.Path:
    """Two algorithms on three worlds, one of them without a win rate; one seed stopped early."""
    root, rng = tmp_path_factory.mktemp("tree"), np.random.default_rng(0)
    for world, half in ((EASY, 20_000), (HARD, 60_000)):
        for name, mixer, best in (("qmix", QMIX(), 0.95), ("vdn", VDN(), 0.7)):
            seeds = {seed: learning(rng, best=best, half=half, steps=100_000, every=10_000) for seed in range(5)}
            absolute = {seed: lines[-1][1] for seed, lines in seeds.items()}
            if (world, name) == (EASY, "vdn"):
                seeds[4] = seeds[4][:4]
                del absolute[4]
            write_run(
                root / world / name,
                seeds,
                name=name,
                world=world,
                algorithm=with_mixer(mixer),
                planned=100_000,
                absolute=absolute,
            )
    for name, mixer, best in (("qmix", QMIX(), 1.0), ("vdn", VDN(), 0.9)):
        seeds = {seed: [(0, 0.5), (1000, best)] for seed in range(3)}
        write_run(root / GAME / name, seeds, name=name, world=GAME, algorithm=with_mixer(mixer), wins=False, scale=8.0)
    return root


def test_numbers_of_a_cell_by_hand(pair):
    numbers = compared(pair).cells[EASY, "qmix"]
    assert numbers.score is not None
    assert numbers.score.values.tolist() == [1.0, 0.5, 0.75, 0.25]
    assert numbers.score.iqm.value == 0.625  # of 0.25 0.5 0.75 1 the middle two
    assert numbers.last.iqm.value == 1.0
    assert numbers.best.median.value == 1.0
    assert numbers.area is not None
    assert numbers.area.mean.value == 0.5
    half, high, highest = numbers.reached
    assert (half.value, half.reached, half.runs, half.steps, half.seconds) == (0.5, 4, 4, 100.0, pytest.approx(2.1))
    assert (high.steps, highest.steps) == (200.0, 200.0)
    lower = compared(pair).cells[EASY, "vdn"].reached
    assert [(reached.reached, reached.steps) for reached in lower] == [(4, 200.0), (0, np.inf), (0, np.inf)]


def test_improvement_by_hand(pair):
    """Of 16 pairs, 1 > all four, 0.75 > all four, 0.5 ties one and beats three, 0.25 beats one and ties two."""
    improvement = compared(pair).improvement[EASY]
    assert improvement["qmix", "vdn"].value == pytest.approx((4 + 4 + 3.5 + 2) / 16)
    assert improvement["vdn", "qmix"].value == pytest.approx(1 - 13.5 / 16)


def test_curves_stop_where_runs_do(tree):
    numbers = compared(tree).cells[EASY, "vdn"]
    curve = numbers.curves["steps"]
    assert curve.grid.tolist() == list(range(0, 100_001, 10_000))
    assert curve.band.alive.tolist() == [5] * 4 + [4] * 7
    assert numbers.area is not None
    assert len(numbers.area.seeds) == 4
    assert numbers.score is not None
    assert numbers.score.seeds == (0, 1, 2, 3)


def test_runs_on_other_grids_are_joined_by_straight_lines(tmp_path):
    write_run(tmp_path / "a", {0: [(0, 0.0), (100, 1.0)], 1: [(0, 0.0), (50, 0.0), (100, 0.5)]}, name="vdn")
    curve = compared(tmp_path).cells[EASY, "vdn"].curves["steps"]
    assert curve.grid.tolist() == [0, 50, 100]
    assert curve.band.value.tolist() == [0.0, 0.25, 0.75]


def test_a_return_is_scaled_by_its_extremes_or_by_what_is_given(tree):
    found = compared(tree).scales[GAME]
    assert (found.metric, found.low, found.high, found.given) == ("eval/return", 4.0, 8.0, False)
    given = compared(tree, bounds={GAME: (0.0, 8.0)})
    assert given.scales[GAME].share(np.array([2.0, 8.0])).tolist() == [0.25, 1.0]
    assert given.cells[GAME, "vdn"].reached[1].value == 6.0
    with pytest.raises(QohortError, match="--bounds names 'games/nowhere'"):
        compared(tree, bounds={"games/nowhere": (0.0, 1.0)})
    with pytest.raises(QohortError, match="the first must be less"):
        compared(tree, bounds={GAME: (1.0, 1.0)})


def test_a_world_on_which_all_are_equal_tells_nothing(tree, tmp_path, capsys):
    same = {seed: [(0, 0.7), (100, 0.7)] for seed in range(3)}
    for name, mixer in (("qmix", QMIX()), ("vdn", VDN())):
        folder = tmp_path / "flat" / name
        write_run(folder, same, name=name, world="games/and", algorithm=with_mixer(mixer), wins=False, scale=10.0)
    alone = compared(tmp_path)
    note = "All runs on games/and have the same eval/return, 7, so nothing tells what counts as 0 and as 1 there"
    assert any(note in sentence for sentence in alone.notes)
    assert alone.cells["games/and", "vdn"].reached == ()
    assert alone.aggregate == ()
    given = compared(tmp_path, bounds={"games/and": (0.0, 8.0)})
    assert given.cells["games/and", "vdn"].reached[1].reached == 3
    both = compare(collect([*gather(tree), *gather(tmp_path)], pathlib.Path(tree.anchor)))
    assert both.counted == [world for world in both.worlds if world != "games/and"]
    assert both.aggregate[0].iqm == compared(tree).aggregate[0].iqm
    assert qohort(capsys, "report", tmp_path)[0] == 0
    assert note.replace("_", "\\_") in (tmp_path / "report" / "report.md").read_text()


def test_seeds_without_the_number_that_is_compared_are_named(tmp_path):
    folder = write_run(tmp_path / "run", {seed: [(0, 0.0), (100, 1.0)] for seed in range(3)})
    without_wins(folder / "seed-0" / "metrics.jsonl")
    without_wins(folder / "seed-2" / "absolute.json")
    notes = compared(tmp_path).notes
    assert f"vdn on {EASY}: seed 0 without any number for eval/win_rate, not counted." in notes
    assert f"vdn on {EASY}: seed 2 finished, but without an absolute metric; scores are of the others." in notes


def test_worlds_count_the_same_however_many_runs_they_have(tree):
    comparison = compared(tree)
    qmix, vdn = comparison.aggregate
    assert (qmix.label, qmix.runs, vdn.runs) == ("qmix", 13, 12)
    shares = [score.values for world in (EASY, HARD) if (score := comparison.cells[world, "vdn"].score)]
    worlds = [*shares, np.array([0.8, 0.8, 0.8])]
    assert [len(scores) for scores in worlds] == [4, 5, 3]
    every = np.sort(np.concatenate([np.repeat(scores, 60 // len(scores)) for scores in worlds]))
    assert vdn.iqm.value == pytest.approx(every[45:135].mean())
    assert vdn.optimality_gap.value == pytest.approx(1 - every.mean())
    assert vdn.profile.value[50] == pytest.approx(np.mean(every > 0.5))
    assert (
        f"vdn has 4, 5 and 3 scores on {EASY}, {HARD} and {GAME}; the worlds count the same in its aggregates."
        in comparison.notes
    )


def test_a_label_that_lacks_a_world_is_left_out_of_the_aggregate(tree, tmp_path):
    write_run(tmp_path / "a", {0: [(0, 0.0), (10, 1.0)]}, world=EASY, name="iql")
    records = [*gather(tree), *gather(tmp_path)]
    everything = pathlib.Path(tree.anchor)
    comparison = compare(collect(records, everything))
    assert [one.label for one in comparison.aggregate] == ["qmix", "vdn"]
    assert any(
        f"iql is left out of the aggregate over worlds: it has no score on {HARD}" in note for note in comparison.notes
    )


def test_before_anything_is_finished_scores_are_last_evaluations(tmp_path):
    write_run(tmp_path / "run", {0: [(0, 0.0), (10, 0.5)]}, planned=100, absolute={})
    comparison = compared(tmp_path)
    assert comparison.score == "last evaluation"
    score = comparison.cells[EASY, "vdn"].score
    assert score is not None
    assert score.values.tolist() == [0.5]
    assert np.isnan(score.iqm.low)


def test_another_metric(tree):
    assert compared(tree, metric="length").scales[EASY].metric == "eval/length"
    assert compared(tree, metric="eval/return").scales[EASY].metric == "eval/return"
    comparison = compared(tree, metric="win_rate")
    assert comparison.worlds == [EASY, HARD]
    assert f"{GAME} is left out: its runs have no values of eval/win_rate." in comparison.notes
    with pytest.raises(QohortError, match=r"No run has values of 'eval/gold'. Known are: eval/length, eval/return"):
        compared(tree, metric="gold")


def test_a_metric_that_is_never_a_number_is_named(tmp_path):
    folder = write_run(tmp_path / "run", {0: [(0, 0.0), (10, 1.0)]})
    without_wins(folder / "seed-0" / "metrics.jsonl")
    with pytest.raises(QohortError, match=r"No run has a number for eval/win_rate. Known names are: eval/length, "):
        compared(tmp_path, metric="win_rate")


# ---- figures


def test_colour_and_marker_each_tell_seven_apart_and_colour_and_dashes_more():
    found = looks([f"a{index}" for index in range(14)])
    assert len({(look.colour, str(look.dashes)) for look in found.values()}) == 14
    first = list(found.values())[:7]
    assert len({look.colour for look in first}) == len({look.marker for look in first}) == 7


def test_stretches_meet_so_that_a_paler_line_goes_on():
    found = compare_curves.stretches(np.array([True, True, False, False, True, True]))
    assert found == [(0, 1, True), (1, 4, False), (4, 5, True)]
    assert compare_curves.stretches(np.array([False])) == [(0, 0, False)]


def colours_of(path: pathlib.Path, colour: tuple[int, int, int], *, within: int = 12) -> np.ndarray:
    with Image.open(path) as picture:
        image = np.asarray(picture.convert("RGB")).astype(int)
    return np.abs(image - np.array(colour)).max(axis=-1) < within


def test_a_curve_is_where_it_should_be_and_paler_where_seeds_are_missing(tmp_path):
    """A run that always wins half is a line in the middle; from half way on, one of its two seeds is gone."""
    lines = {0: [(0, 0.5), (50, 0.5), (100, 0.5)], 1: [(0, 0.5), (50, 0.5)]}
    write_run(tmp_path / "run", lines, absolute={0: 0.5})
    assert compare_curves.draw_worlds(compared(tmp_path), "steps", [tmp_path / "curves.png"])
    blue = colours_of(tmp_path / "curves.png", (0, 114, 178))
    rows = np.flatnonzero(blue.sum(axis=1) > 0.3 * blue.shape[1])
    assert 3 <= len(rows) <= 8
    columns = np.flatnonzero(blue[rows[0]])
    assert columns.max() < 0.65 * blue.shape[1]  # what is paler is another colour
    pale = colours_of(tmp_path / "curves.png", (140, 191, 220))
    assert np.flatnonzero(pale[rows[0] : rows[-1] + 1].any(axis=0)).max() > 0.9 * blue.shape[1]


def test_there_are_no_curves_without_a_clock(tmp_path):
    write_run(tmp_path / "run", {0: [(0, 0.5), (50, 0.5)]}, seconds=None)
    assert not compare_curves.draw_worlds(compared(tmp_path), "seconds", [tmp_path / "curves.png"])
    assert not (tmp_path / "curves.png").exists()


# ---- tables


def named(comparison: Comparison) -> dict[str, Table]:
    return {table.name: table for table in tables(comparison)}


def test_a_table_says_what_was_computed(pair):
    found = named(compared(pair))
    assert [*found] == [
        "scores",
        "evaluations",
        "thresholds",
        "throughput",
        f"improvement-{EASY.replace('/', '-')}",
        "runs",
    ]
    scores = found["scores"].rows[0]
    assert scores[:5] == (
        EASY,
        "qmix",
        "win rate",
        "4",
        "62.5 % [25.0, 100.0]",
    )  # three or four of four are the best: 13/256
    assert scores[-2:] == ("200", "320")
    reached = {row[1:3]: row[3:] for row in found["thresholds"].rows}
    assert reached["qmix", "50 %"] == ("4 of 4", "100", "2.1 s")
    assert reached["vdn", "75 %"] == ("0 of 4", "never", "never")
    assert found["improvement-battle-3m"].rows[0][:2] == ("qmix", "–")
    assert found["improvement-battle-3m"].rows[0][2].startswith("0.84 [")
    assert found["runs"].rows[0][2:6] == ("qmix", "0", "finished", "200 of 200")


def test_csv_has_the_numbers_in_full(pair):
    lines = list(csv.DictReader(named(compared(pair))["thresholds"].csv().splitlines()))
    assert lines[0]["median_steps"] == "100.0"
    assert lines[-1]["median_steps"] == "inf"
    assert float(lines[0]["median_seconds"]) == pytest.approx(2.1)


def test_latex_is_whole_and_names_are_escaped(tree):
    for table in tables(compared(tree)):
        text = table.latex()
        assert text.count(r"\begin{table}") == text.count(r"\end{table}") == 1
        assert [text.count(rule) for rule in (r"\toprule", r"\midrule", r"\bottomrule")] == [1, 1, 1]
        depth = 0
        for brace in re.findall(r"(?<!\\)[{}]", text):
            depth += 1 if brace == "{" else -1
            assert depth >= 0
        assert depth == 0
        body = text[text.index(r"\toprule") : text.index(r"\bottomrule")]
        rows = [line for line in body.splitlines() if line.endswith(r"\\")]
        assert len(rows) == 1 + len(table.rows)
        assert {len(re.findall(r"(?<!\\)&", row)) for row in rows} == {len(table.header) - 1}
        columns = re.search(r"\\begin\{tabular\}\{([lr]+)\}", text)
        assert columns is not None
        assert len(columns[1]) == len(table.header)
        assert not re.search(r"(?<!\\)[%#_]", body)
        assert text.isascii()
    assert r"5m\_vs\_6m" in named(compared(tree))["scores"].latex()


def test_latex_does_not_take_a_name_for_the_length_of_a_line():
    table = Table(name="t", title="", caption="", header=("a", "b"), rows=(("[ours]", "1"),), records=())
    assert r"    {}[ours] & 1 \\" in table.latex().splitlines()


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(119.4, "119 s"), (119.6, "2 min"), (179.0, "3 min"), (7199.0, "2 h 0 min"), (9000.0, "2 h 30 min")],
)
def test_minutes_are_rounded(seconds, shown):
    assert seconds_shown(seconds) == shown


def test_bounds_on_a_win_rate_are_said_and_what_is_scaled_is_no_rate(pair, tmp_path):
    comparison = compared(pair, bounds={"battle/3m": (0.5, 1.0)})
    write_report(comparison, tmp_path / "out", [])
    page = (tmp_path / "out" / "report.md").read_text()
    assert "0 and 1 of aggregates and of thresholds are 0.5 and 1, which were given" in page


def test_what_an_earlier_report_had_and_this_one_has_not_goes(pair, tmp_path):
    out = tmp_path / "out"
    write_report(compared(pair), out, [])
    (out / "tables" / "mine.txt").write_text("kept")
    old = {path.name for path in (out / "tables").iterdir()}
    shutil.rmtree(pair / "vdn")
    write_report(compared(pair), out, [])
    new = {path.name for path in (out / "tables").iterdir()}
    assert {"improvement-battle-3m.csv", "improvement-battle-3m.tex"} <= old - new
    assert "mine.txt" in new


def test_a_number_that_is_none_in_the_absolute_metric_is_left_out_of_marl_eval(tmp_path):
    folder = write_run(tmp_path / "run", {seed: [(0, 0.0), (100, 1.0)] for seed in range(2)})
    without_wins(folder / "seed-0" / "absolute.json")
    content, _ = marl_eval(compared(tmp_path))
    assert "win_rate" not in json.dumps(content, allow_nan=False)


def test_markdown_keeps_its_columns(tmp_path):
    write_run(tmp_path / "run", {0: [(0, 0.0), (10, 1.0)]}, name="a|b", world="mine/x|y")
    table = named(compared(tmp_path))["scores"]
    lines = table.markdown().splitlines()
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in lines} == {len(table.header) + 1}


# ---- marl-eval


def test_the_json_of_marl_eval_is_of_one_shape(tree):
    content, notes = marl_eval(compared(tree))
    assert [*content] == ["battle", "games"]
    assert [*content["battle"]] == ["3m", "5m_vs_6m"]
    for task in content["battle"].values():
        assert [*task] == ["qmix", "vdn"]
        for runs in task.values():
            assert [*runs] == ["run_0", "run_1", "run_2", "run_3"]
            for run in runs.values():
                assert [*run] == [f"step_{index}" for index in range(11)] + ["absolute_metrics"]
                assert (
                    {*run["step_3"]} - {"step_count"} == {*run["absolute_metrics"]} == {"win_rate", "return", "length"}
                )
                assert run["step_3"]["step_count"] == 30_000
    assert notes == ["battle: the first 4 finished seeds of each algorithm; 3 more left out."]


def test_unequal_grids_are_cut_to_what_all_share(tmp_path):
    write_run(tmp_path / "a", {0: [(0, 0.0), (50, 0.5), (100, 1.0)]}, name="a,b")
    write_run(tmp_path / "b", {0: [(0, 0.0), (25, 0.5), (100, 1.0)]}, name="vdn")
    content, notes = marl_eval(compared(tmp_path))
    assert [*content["battle"]["3m"]] == ["a;b", "vdn"]
    run = content["battle"]["3m"]["vdn"]["run_0"]
    assert [run[step]["step_count"] for step in ("step_0", "step_1")] == [0, 100]
    assert run["step_1"]["win_rate"] == [1.0]
    assert notes == ["battle: 2 evaluations of each run, at steps that all runs of a task share."]


# ---- the command


def qohort(capsys, *words: str | pathlib.Path) -> tuple[int | str | None, str, str]:
    try:
        code = main([str(word) for word in words])
    except SystemExit as leave:
        code = leave.code
    said = capsys.readouterr()
    return code, said.out, said.err


def test_everything_is_written_and_twice_the_same(tree, tmp_path, capsys):
    out = tmp_path / "out"
    code, said, _ = qohort(capsys, "report", tree, "--out", out)
    assert code == 0
    files = sorted(path for path in out.rglob("*") if path.is_file())
    names = {path.relative_to(out).as_posix() for path in files}
    drawn = ["curves", "curves-seconds", "scores", "aggregate-curve", "aggregate", "profiles", "improvement"]
    assert {f"figures/{name}.{ending}" for name in drawn for ending in ("png", "svg")} <= names
    assert {"report.md", "report.json", "marl_eval.json", "tables/scores.csv", "tables/scores.tex"} <= names
    assert not [name for name in names if "writing" in name]
    assert "qmix" in said
    assert str(out / "report.md") in said.replace("\n", "")
    page = (out / "report.md").read_text()
    for target in re.findall(r"\]\(([^)]+)\)", page):
        assert (out / target).is_file(), target
    assert "vdn on battle/3m: 4 of 5 seeds are finished; seed 4 stopped at 30,000 of 100,000 steps" in page
    assert f"{GAME} is scored by return; 0 and 1 of aggregates and of thresholds are 4 and 8" in page
    numbers = json.loads((out / "report.json").read_text())
    cell = next(cell for cell in numbers["cells"] if (cell["world"], cell["algorithm"]) == (EASY, "vdn"))
    assert cell["curves"]["steps"]["band"]["alive"][-1] == 4
    before = [path.read_bytes() for path in files]
    assert qohort(capsys, "report", tree, "--out", out)[0] == 0
    assert [path.read_bytes() for path in files] == before


def test_flags(pair, capsys):
    words = ("--labels", "vdn=VDN", "qmix=QMIX, ours", "--threshold", "0.25", "--metric", "return")
    code, said, _ = qohort(capsys, "report", pair, *words, "--bounds", f"{EASY}=0:20")
    assert code == 0
    assert said.index("VDN") < said.index("QMIX, ours")
    with (pair / "report" / "tables" / "thresholds.csv").open() as file:
        lines = list(csv.DictReader(file))
    assert [(line["algorithm"], line["threshold"], line["median_steps"]) for line in lines] == [
        ("VDN", "5.0", "100.0"),
        ("QMIX, ours", "5.0", "100.0"),
    ]
    # A report beside the runs is not taken for one.
    assert qohort(capsys, "report", pair)[0] == 0


def test_one_seed_of_one_algorithm_is_a_report_too(finished, tmp_path, capsys):
    code, said, _ = qohort(capsys, "report", finished, "--out", tmp_path / "out")
    assert code == 0
    assert "Every algorithm has 2 seeds" in said
    page = (tmp_path / "out" / "report.md").read_text()
    assert page.startswith("# vdn on games/relay")
    assert "Probability of improvement on" not in page


def test_a_report_is_not_put_into_a_run_folder(pair, capsys):
    before = sorted(path.name for path in (pair / "qmix").iterdir())
    code, _, said = qohort(capsys, "report", pair, "--out", pair / "qmix")
    assert code == 2
    assert "which is a run folder; give the report a folder of its own" in said.replace("\n", " ")
    assert sorted(path.name for path in (pair / "qmix").iterdir()) == before


def test_labels_are_names_and_no_formulae(pair, capsys):
    assert qohort(capsys, "report", pair, "--labels", r"vdn=$\foo$")[0] == 0
    assert (pair / "report" / "figures" / "curves.png").is_file()


def test_links_of_a_world_with_options_are_paths(tmp_path, capsys):
    for name, mixer in (("qmix", QMIX()), ("vdn", VDN())):
        lines = {0: [(0, 0.0), (10, 1.0)]}
        write_run(tmp_path / name, lines, name=name, world="games/relay?runners=3", algorithm=with_mixer(mixer))
    assert qohort(capsys, "report", tmp_path)[0] == 0
    page = (tmp_path / "report" / "report.md").read_text()
    targets = re.findall(r"\]\(([^)]+)\)", page)
    assert any("runners=3" in target for target in targets)
    for target in targets:
        assert "?" not in target
        assert (tmp_path / "report" / target).is_file(), target


def test_without_matplotlib_there_are_still_tables(pair, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    out = tmp_path / "out"
    code, _, said = qohort(capsys, "report", pair, "--out", out)
    assert code == 2
    assert re.search(r"Tables and numbers are written, but no figures\. .*pip install -e '\.\[plots\]'", said)
    assert (out / "tables" / "scores.csv").is_file()
    assert "There are no figures" in (out / "report.md").read_text()
    assert not list((out / "figures").iterdir())


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "needs the folder that holds the runs"),
        (["nowhere"], "nowhere is not a folder"),
        (["."], "There are no runs below ."),
        ([".", "--threshold", "1.5"], "--threshold is 1.5; it must lie above 0, up to 1"),
        ([".", "--labels", "qmix"], "--labels has 'qmix'; a new name is given as OLD=NEW"),
        ([".", "--bounds", "games/and=1"], "bounds are given as WORLD=LOW:HIGH"),
    ],
)
def test_a_sentence_and_exit_code_2(words, sentence, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    if "--labels" in words or "--bounds" in words:
        write_run(tmp_path / "run", {0: [(0, 0.0), (10, 1.0)]})
    code, _, said = qohort(capsys, "report", *words)
    assert code == 2
    assert sentence in said
