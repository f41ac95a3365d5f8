"""The stream of frames, and the samplers that make windows of it."""

from qohort.replay.frames import Frame as Frame
from qohort.replay.frames import Ring as Ring
from qohort.replay.fresh import Fresh as Fresh
from qohort.replay.samplers import Replayed as Replayed
from qohort.replay.window import Window as Window
