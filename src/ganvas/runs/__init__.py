"""Run directories: what a training run leaves behind, and how it is read back."""

from ganvas.runs.history import History as History
from ganvas.runs.run import Run as Run
