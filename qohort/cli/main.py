"""`qohort`: one word, one file that does it."""

import importlib
import os
import pathlib
import sys
import warnings
from collections.abc import Sequence
from typing import Any

from qohort.errors import QohortError, QohortWarning

COMMANDS: dict[str, tuple[str, str]] = {
    "train": ("qohort.cli.train:main", "train a team, or go on with a run that was stopped"),
    "study": ("qohort.cli.study:main", "train a grid of algorithms, worlds and options, or go on with it"),
    "resume": ("qohort.cli.runs:resume", "go on with a run, given its folder"),
    "eval": ("qohort.cli.runs:evaluate", "play greedy episodes with a trained team"),
    "watch": ("qohort.cli.watch:main", "an episode as a page: the game, values, credit, attention"),
    "report": ("qohort.cli.report:main", "compare all runs below a folder: curves, intervals, tables"),
    "analyse": ("qohort.cli.analyse:main", "question a trained team: attention, IGM, credit"),
    "lab": ("qohort.cli.lab:main", "what mixers can say and what they find; Qatten's theorem in numbers"),
    "list": ("qohort.cli.listing:main", "algorithms, environments, maps and presets"),
    "preview": ("qohort.cli.preview:main", "a picture of a battlefield, or a film of a battle"),
    "check-env": ("qohort.cli.check:main", "try whether a world keeps the contract"),
    "doctor": ("qohort.cli.doctor:main", "versions, device, and a self-test of a few seconds"),
    "bench": ("qohort.cli.bench:main", "measure speed on this machine"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; what a person can put right ends with a sentence and exit code 2."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if not arguments or arguments[0] in ("-h", "--help"):
        print(_help())
        return 0
    if arguments[0] == "--version":
        import qohort

        print(f"qohort {qohort.__version__}")
        return 0
    try:
        module, function = _find(arguments[0]).split(":")
        _keep_programs()
        with warnings.catch_warnings():
            warnings.filterwarnings("always", category=QohortWarning)
            others = warnings.showwarning

            def show(message: Any, category: type[Warning], *where: Any) -> None:
                if issubclass(category, QohortWarning):
                    print(f"qohort: {message}", file=sys.stderr)
                else:
                    others(message, category, *where)

            warnings.showwarning = show
            return getattr(importlib.import_module(module), function)(arguments[1:])
    except QohortError as error:
        print(f"qohort: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("qohort: stopped at once.", file=sys.stderr, flush=True)
        os._exit(130)  # leaving politely, JAX would wait for a program that still runs
    except BrokenPipeError:  # somebody piped the output into `head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _find(name: str) -> str:
    if name in COMMANDS:
        return COMMANDS[name][0]
    from qohort.algorithms.registry import unknown

    raise QohortError(unknown("command", name, COMMANDS, see="qohort --help"))


def _help() -> str:
    width = max(map(len, COMMANDS))
    lines = "\n".join(f"  {name:<{width}}  {what}" for name, (_, what) in COMMANDS.items())
    return (
        "Cooperative multi-agent reinforcement learning by value decomposition.\n\n"
        f"usage: qohort COMMAND [...]\n\n{lines}\n\n"
        "`qohort COMMAND --help` explains one. For a first try: qohort train qatten games/relay"
    )


def _keep_programs() -> None:
    """Keep compiled programs between processes, unless the user has said where (or said no)."""
    if "JAX_COMPILATION_CACHE_DIR" in os.environ or "JAX_ENABLE_COMPILATION_CACHE" in os.environ:
        return
    import jax

    home = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache")
    jax.config.update("jax_compilation_cache_dir", str(home / "qohort" / "programs"))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


if __name__ == "__main__":
    sys.exit(main())
