"""MLflow, at the server or the database that `MLFLOW_TRACKING_URI` names."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from ganvas.loggers.logger import PROJECT, LoggedRun, Logger, Moment

if TYPE_CHECKING:
    from mlflow.entities import Metric

MOST_PARAMETERS, MOST_METRICS = 100, 1_000
"""MLflow takes no more in one request."""

TAG = "ganvas.id"


class MLflow(Logger):
    """Sends all numbers that there are as one request, and waits for the answer.

    The experiment is `MLFLOW_EXPERIMENT_NAME`, else ganvas.
    """

    pause: ClassVar[float] = 5.0

    def __init__(self, run: LoggedRun) -> None:
        import mlflow
        from mlflow.entities import Metric, Param

        self._metric = Metric
        self._metrics: list[Metric] = []
        self._begin: float | None = None
        self._client = mlflow.MlflowClient()
        name = os.environ.get("MLFLOW_EXPERIMENT_NAME", PROJECT)
        experiment = self._client.get_experiment_by_name(name)
        of = experiment.experiment_id if experiment else self._client.create_experiment(name)
        known = self._client.search_runs([of], f"tags.`{TAG}` = '{run.id}'", max_results=1)
        if known:
            self._id = known[0].info.run_id
            self._client.update_run(self._id, status="RUNNING")
            return
        created = self._client.create_run(of, run_name=run.name, tags={TAG: run.id})
        self._id = created.info.run_id
        # Of a new run only: MLflow refuses other values later, such as a larger budget.
        parameters = [Param(field, str(value)) for field, value in run.hyperparameters.items()]
        for start in range(0, len(parameters), MOST_PARAMETERS):
            batch = parameters[start : start + MOST_PARAMETERS]
            self._client.log_batch(self._id, params=batch)

    def scalars(self, at: Moment, values: Mapping[str, float]) -> None:
        """Keep them for the next request. Their times are those of training, without pauses."""
        if self._begin is None:
            self._begin = time.time() - at.seconds
        when = int((self._begin + at.seconds) * 1_000)
        self._metrics += [
            self._metric(name, it, when, at.images_seen) for name, it in values.items()
        ]

    def picture(self, at: Moment, path: Path) -> None:
        """An artifact in samples/."""
        self._client.log_artifact(self._id, str(path), "samples")

    def text(self, at: Moment, name: str, text: str) -> None:
        """An artifact: findings/mode-collapse/000012000.txt."""
        self._client.log_text(self._id, text, f"{name}/{at.images_seen:09d}.txt")

    def flush(self) -> None:
        """Send the numbers."""
        for start in range(0, len(self._metrics), MOST_METRICS):
            batch = self._metrics[start : start + MOST_METRICS]
            self._client.log_batch(self._id, metrics=batch)
        self._metrics = []

    def close(self) -> None:
        """Mark the run as finished."""
        self._client.set_terminated(self._id)
