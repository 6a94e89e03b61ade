"""The names of targets and of their options. The command line reads them without torch."""

from __future__ import annotations

from typing import Literal

TargetName = Literal["onnx", "folder", "web"]
Weights = Literal["float32", "float16"]
Output = Literal["float", "uint8"]
