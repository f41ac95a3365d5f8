"""Every class that may stand in the configuration of a run: the settings of all methods, and what is in them."""

from qohort.algorithms.registry import METHODS
from qohort.training.run import Run
from qohort.training.settings import classes_in

CONFIG_CLASSES: dict[str, type] = {
    kind.__name__: kind
    for root in (
        Run,
        *(type(build("").algorithm) for method in METHODS.values() for build in method.presets.values()),
    )
    for kind in classes_in(root)
}
