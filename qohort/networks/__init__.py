"""Team networks: what agents see goes in, utilities come out."""

from qohort.networks.feedforward import FeedForward
from qohort.networks.recurrent import Recurrent

TeamConfig = Recurrent | FeedForward

__all__ = ["FeedForward", "Recurrent", "TeamConfig"]
