"""Team networks: what agents see goes in, utilities come out."""

from qohort.networks.feedforward import FeedForward
from qohort.networks.normalised import Normalised
from qohort.networks.recurrent import Recurrent
from qohort.networks.talking import Talking

TeamConfig = Recurrent | FeedForward | Normalised | Talking
"""The settings of every network that agents may have."""

TEAMS: dict[str, TeamConfig] = {
    "recurrent": Recurrent(),
    "feed-forward": FeedForward(),
    "normalised": Normalised(),
    "talking": Talking(),
}
"""What `--team` may name."""

__all__ = ["TEAMS", "FeedForward", "Normalised", "Recurrent", "Talking", "TeamConfig"]
