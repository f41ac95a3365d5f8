"""The sentence for a library that only pictures need."""

from qohort.errors import QohortError


def missing(doing: str, library: str, extra: str) -> QohortError:
    """What to install."""
    return QohortError(
        f"{doing} needs {library}, which is not installed. In the clone, run: pip install -e '.[{extra}]'"
    )
