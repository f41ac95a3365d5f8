"""`qohort analyse QUESTION RUN...`: what a trained team's mixer does."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import tyro
from rich.console import Console

from qohort.cli.runs import refuse
from qohort.errors import QohortError
from qohort.training.flags import parse
from qohort.training.load import Which

QUESTIONS = {
    "attention": "whom the heads of an attention mixer look at",
    "igm": "how often the greedy joint action is not the one with the greatest Q_tot",
    "credit": "how well the mixer's credit agrees with each agent's true influence",
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Flags:
    """What all questions have in common."""

    runs: Annotated[tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="RUN [RUN ...]")] = ()
    """Run folders, of one method on one world; every seed counts."""
    seeds: tuple[int, ...] = ()
    """Only these seeds; all that have a checkpoint if not given."""
    which: Which = "best"
    """Of each seed, the team with the best evaluation, or the newest one."""
    episodes: int = 32
    """Greedy episodes of each seed."""
    stream: int = 0
    """Number of the random stream; another one gives other episodes."""
    out: Path | None = None
    """Where the page is written; RUN/analysis of the first run if not given."""

    @property
    def folder(self) -> Path:
        return self.out or self.runs[0] / "analysis"


@dataclasses.dataclass(frozen=True, kw_only=True)
class AttentionFlags(Flags):
    """Whom the heads look at: heat maps, entropies, rank correlations, beside untrained mixers and exchanged keys."""

    shown: int = 0
    """Which of the episodes the heat maps show."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class IGMFlags(Flags):
    """How often the greedy joint action is not the one with the greatest Q_tot, by how much, and where to watch it."""

    moments: int = 256
    """Moments of each seed that are asked."""
    most: int = 20_000
    """With more joint actions than these, a search takes the place of asking all."""
    exploration: float = 0.0
    """How often agents act at random while the moments are met; such episodes cannot be watched again."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class CreditFlags(Flags):
    """How well the mixer's credit agrees with Shapley values and counterfactuals of the true game."""

    moments: int = 64
    """Moments of each seed that are asked."""
    gamma: float | None = None
    """The discount of the rewards that follow; the one that the team was trained with if not given."""
    hold: int = 1
    """In worlds without tables, for so many steps those outside a coalition act at random; longer is louder."""
    draws: int = 16
    """In worlds without tables, how often each coalition is played."""


def main(argv: Sequence[str]) -> int:
    """Find the question, answer it, and say where the answer lies."""
    if not argv or argv[0] in ("-h", "--help"):
        width = max(map(len, QUESTIONS))
        lines = "\n".join(f"  {name:<{width}}  {what}" for name, what in QUESTIONS.items())
        print(f"usage: qohort analyse QUESTION RUN [RUN ...] [flags]\n\n{lines}")
        return 0
    if argv[0] not in QUESTIONS:
        raise QohortError(f"There is no question {argv[0]!r}; there are {', '.join(QUESTIONS)}.")
    return _ANSWERS[argv[0]](argv[1:])


def attention(argv: Sequence[str]) -> int:
    """`qohort analyse attention RUN...`"""
    flags = _flags(AttentionFlags, "attention", argv)
    if not 0 <= flags.shown < flags.episodes:
        raise QohortError(f"--shown is {flags.shown}; the episodes are numbered 0 to {flags.episodes - 1}.")
    from qohort.analyse.attention import look
    from qohort.analyse.attention_page import findings, write_attention
    from qohort.analyse.attention_summary import summarise
    from qohort.analyse.subject import subjects

    teams = subjects(flags.runs, seeds=flags.seeds, which=flags.which)
    summary = summarise([look(team, episodes=flags.episodes, stream=flags.stream) for team in teams])
    return _tell(findings(summary), *write_attention(summary, flags.folder, episode=flags.shown))


def igm(argv: Sequence[str]) -> int:
    """`qohort analyse igm RUN...`"""
    flags = _flags(IGMFlags, "igm", argv)
    from qohort.analyse.igm import audit
    from qohort.analyse.igm_page import findings, write_igm
    from qohort.analyse.subject import subjects

    asked = {name: getattr(flags, name) for name in ("episodes", "stream", "moments", "most", "exploration")}
    audits = [audit(team, **asked) for team in subjects(flags.runs, seeds=flags.seeds, which=flags.which)]
    return _tell(findings(audits), *write_igm(audits, flags.folder))


def credit(argv: Sequence[str]) -> int:
    """`qohort analyse credit RUN...`"""
    flags = _flags(CreditFlags, "credit", argv)
    from qohort.analyse.credit import weigh
    from qohort.analyse.credit_page import findings, write_credit
    from qohort.analyse.influence import Replays
    from qohort.analyse.subject import subjects

    teams = subjects(flags.runs, seeds=flags.seeds, which=flags.which)
    gamma = teams[0].algorithm.gamma if flags.gamma is None else flags.gamma
    how = Replays(gamma=gamma, hold=flags.hold, draws=flags.draws)
    asked = {name: getattr(flags, name) for name in ("episodes", "stream", "moments")}
    found = [weigh(team, **asked, how=how) for team in teams]
    return _tell(findings(found), *write_credit(found, flags.folder, how=how))


def _flags(kind: type, question: str, argv: Sequence[str]) -> Any:
    flags = parse(kind, argv, prog=f"qohort analyse {question}")
    if not flags.runs:
        command = f"qohort analyse {question}"
        raise QohortError(f"`{command}` needs a run folder, as in `{command} runs/battle/3m/...`.")
    refuse(stream=flags.stream, episodes=flags.episodes)
    return flags


def _tell(sentences: Sequence[str], paths: Sequence[Path], no_figures: str) -> int:
    console = Console(highlight=False)
    for sentence in sentences:
        console.print(f"- {sentence}", markup=False, soft_wrap=True)
    console.print()
    for path in paths:
        if path.suffix in (".md", ".json"):
            console.print(f"{path}", markup=False, soft_wrap=True)
    if no_figures:
        raise QohortError(f"The page is written, but no figures. {no_figures}")
    return 0


_ANSWERS: dict[str, Callable[[Sequence[str]], int]] = {"attention": attention, "igm": igm, "credit": credit}
