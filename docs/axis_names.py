"""For the reference: names of axes, as in `Float[Array, "T *rest"]`, are shown as they are written."""

from typing import Any

import griffe


class AxisNames(griffe.Extension):
    """Griffe reads strings in annotations as Python, but for modules that postpone the evaluation of theirs."""

    def on_module_instance(self, *, mod: griffe.Module, **_: Any) -> None:
        """Make a module look like one of those."""
        mod.set_member("annotations", griffe.Alias("annotations", target="__future__.annotations"))
