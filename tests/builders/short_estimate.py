"""A study's throughput after a step or two, also in worker processes, which no test can patch.

`SHORT_ESTIMATE` is sabotage for `start`: the command sends its workers this function to measure.
"""

from __future__ import annotations

from ganvas.studies import throughput
from ganvas.studies.throughput import ThroughputJob, ThroughputResult
from ganvas.training import pace

SHORT_ESTIMATE = f"""
from ganvas.studies import planning
from {__name__} import estimate_at_once
planning.estimate_throughput = estimate_at_once
"""


def estimate_at_once(job: ThroughputJob) -> ThroughputResult:
    """As `estimate_throughput`, without seconds of training and of sampling."""
    pace.WARM_UP = 0.0
    pace.SECONDS = throughput.SECONDS = 0.05
    return throughput.estimate_throughput(job)
