"""Short work for the workers of a study, which no test can patch: they are processes of their own.

`SHORT_WORK` is sabotage for `start`: the command sends its workers these functions.
"""

from __future__ import annotations

from ganvas.studies import executors, throughput
from ganvas.studies.throughput import ThroughputJob, ThroughputResult
from ganvas.training import pace

SHORT_WORK = f"""
from ganvas.studies import executors, planning
from {__name__} import estimate_at_once, init_worker
planning.estimate_throughput = estimate_at_once
executors.init_worker = init_worker
"""


def estimate_at_once(job: ThroughputJob) -> ThroughputResult:
    """As `estimate_throughput`, without seconds of training and of sampling."""
    pace.WARM_UP = 0.0
    pace.SECONDS = throughput.SECONDS = 0.05
    return throughput.estimate_throughput(job)


def init_worker() -> None:
    """As that of a study, and swd compares fewer patches."""
    executors.init_worker()
    from ganvas.metrics import sliced_wasserstein

    sliced_wasserstein.PATCHES = 2_000
