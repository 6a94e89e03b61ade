"""Tensors and JSON values in one safetensors file with a checksum.

It imports torch where it is called, so that what only finds and describes runs imports none.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ganvas import json_files, storage
from ganvas.errors import RunError
from ganvas.system_errors import reason_of

if TYPE_CHECKING:
    from torch import Tensor

Tensors = dict[str, "Tensor"]


def write(path: Path, tensors: Mapping[str, Tensor], values: Mapping[str, Any]) -> None:
    """Write tensors by name, and JSON values as metadata, atomically.

    Raises:
        RunError: the disk is full, or the path is not writable.
    """
    import safetensors.torch

    from ganvas.checksum import checksum

    packed = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    content = {"values": dict(values), "digest": checksum(packed, values)}
    # A single entry, since the library writes several in random order. Equal runs give equal files.
    metadata = {"ganvas": json.dumps(content)}
    storage.write_bytes(path, safetensors.torch.save(packed, metadata))


def read(path: Path) -> tuple[Tensors, dict[str, Any]]:
    """Read a file that `write` wrote, and verify its checksum.

    Raises:
        RunError: the file is missing, truncated, changed, or not from ganvas.
    """
    import safetensors

    from ganvas.checksum import checksum

    try:
        with storage.utf8_name(path) as name, safetensors.safe_open(name, "pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        if "ganvas" not in metadata:
            raise RunError(f"{path} was not written by ganvas, or its metadata were left out")
        content = json_files.parse_json(metadata["ganvas"])
        values: dict[str, Any] = content["values"]
        digest: str = content["digest"]
    except FileNotFoundError as error:
        raise storage.missing(path) from error
    except OSError as error:
        raise RunError(f"{path} cannot be read: {reason_of(error)}") from error
    except (safetensors.SafetensorError, KeyError, TypeError, ValueError) as error:
        raise RunError(f"{path} cannot be read: {error}") from error
    if digest != checksum(tensors, values):
        raise RunError(f"{path} is damaged: its content does not match its checksum")
    return tensors, values


def select_prefix(tensors: Mapping[str, Tensor], name: str) -> Tensors:
    """The tensors whose names start with `name/`, without that prefix."""
    prefix = f"{name}/"
    return {key[len(prefix) :]: value for key, value in tensors.items() if key.startswith(prefix)}
