"""Mixers: from the agents' utilities to the value of the joint action. One paper, one file."""

from qohort.mixers.base import AbstractMixer, AbstractMixerConfig, MixerOutput
from qohort.mixers.central import Central, CentralMixer
from qohort.mixers.independent import Independent, IndependentMixer
from qohort.mixers.monotone import Monotone, MonotoneMixer
from qohort.mixers.qatten import Qatten, QattenMixer
from qohort.mixers.qlinear import Qlinear, QlinearMixer
from qohort.mixers.qmix import QMIX, QMIXMixer
from qohort.mixers.qplex import QPLEX, Importance, QPLEXMixer
from qohort.mixers.qplex_qatten import QPLEXQatten, QPLEXQattenMixer
from qohort.mixers.vdn import VDN, VDNMixer

MixerConfig = Independent | VDN | QMIX | Qatten | Qlinear | QPLEX | QPLEXQatten | Monotone
"""The settings of every mixer whose utilities agents may act by."""

__all__ = [
    "QMIX",
    "QPLEX",
    "VDN",
    "AbstractMixer",
    "AbstractMixerConfig",
    "Central",
    "CentralMixer",
    "Importance",
    "Independent",
    "IndependentMixer",
    "MixerConfig",
    "MixerOutput",
    "Monotone",
    "MonotoneMixer",
    "QMIXMixer",
    "QPLEXMixer",
    "QPLEXQatten",
    "QPLEXQattenMixer",
    "Qatten",
    "QattenMixer",
    "Qlinear",
    "QlinearMixer",
    "VDNMixer",
]
