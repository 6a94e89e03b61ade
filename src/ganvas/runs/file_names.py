"""What a run directory holds, by name; `Run` knows what is in each."""

from __future__ import annotations

from pathlib import Path

RUNS = Path("runs")
"""Where a run without a place of its own is made."""

RECIPE_JSON = "recipe.json"
"""The file that makes a directory a run."""
ENVIRONMENT_JSON = "environment.json"
DATA_JSON = "data.json"
STATUS_JSON = "status.json"
HISTORY_JSONL = "history.jsonl"
FINDINGS_JSONL = "findings.jsonl"
SCORES_JSONL = "scores.jsonl"
LABEL_CONFUSION_JSON = "label-confusion.json"
"""Of a conditional run whose `label-accuracy` was measured."""
TIME_JSON = "time.json"
"""Of a run that was given a time."""
TUNING_JSON = "tuning.json"
"""Of a run that tried values first (`--tune`)."""

SAMPLES = "samples"
CHECKPOINTS = "checkpoints"
GENERATOR = "generator"
REWOUND = "rewound"
"""One folder for each rewind, with what was abandoned."""
