"""`.th` files, as PyTorch saves the weights of a network by their names: read, and written whole."""

import io
import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from qohort.errors import QohortError
from qohort.interop.places import Arrays
from qohort.training import disk

File = str | pathlib.Path


def read(weights: File | Arrays) -> Arrays:
    """Arrays as they are, or those of a `.th` file."""
    return read_th(weights) if isinstance(weights, File) else weights


def read_th(path: str | pathlib.Path) -> dict[str, np.ndarray]:
    """The arrays of a `.th` file."""
    torch = _torch(path, "reading")
    if not pathlib.Path(path).is_file():
        raise QohortError(f"{path}: there is no such file; name an `agent.th` or `mixer.th` that PyMARL has saved.")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # of many kinds, as the bytes happen to be read
        raise QohortError(
            f"{path} is not a file that PyTorch has saved, or is damaged, or holds more than weights: save what "
            "`state_dict()` of a network gives, not the network."
        ) from error
    if not isinstance(state, Mapping) or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise QohortError(
            f"{path} holds no weights by their names; name an `agent.th`, `mixer.th` or `critic.th` of PyMARL's."
        )
    return {name: tensor.numpy() for name, tensor in state.items()}


def write_th(path: str | pathlib.Path, arrays: Arrays) -> None:
    """Write arrays as a `.th` file that `load_state_dict` takes."""
    torch = _torch(path, "writing")
    path, whole = pathlib.Path(path), io.BytesIO()
    torch.save({name: torch.from_numpy(np.array(array)) for name, array in arrays.items()}, whole)
    with disk.explained(path, "write"):
        path.parent.mkdir(parents=True, exist_ok=True)
        disk.replace_bytes(path, whole.getvalue())


def _torch(path: str | pathlib.Path, doing: str) -> Any:
    try:
        import torch
    except ImportError as missing:
        raise QohortError(
            f"{path}: {doing} PyTorch files needs torch, which is not installed. "
            "In the clone, run: pip install -e '.[pymarl]'"
        ) from missing
    return torch
