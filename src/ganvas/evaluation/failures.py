"""A metric that cannot be measured, and why; the others are measured all the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from ganvas.errors import GanvasError, Interrupted, RankLost, is_out_of_memory
from ganvas.processes import ProcessGroup

Failures = dict[str, str]
"""Why something cannot be measured, by the name of the metric or of the extractor."""


@contextmanager
def recorded_failure(failures: Failures, name: str) -> Iterator[None]:
    """Record an error of what is done inside as the failure of `name`.

    Any error, because a fault of one metric must not lose the scores of the others.
    """
    try:
        yield
    except (Interrupted, RankLost):  # these end the evaluation
        raise
    except Exception as error:
        failures[name] = failure_reason(error)


def failure_reason(error: Exception) -> str:
    """An error in one line."""
    if isinstance(error, GanvasError):
        return str(error)
    if is_out_of_memory(error):
        return "it needs more memory than there is. Generate fewer samples: n (-n)"
    first_line = (str(error).splitlines() or [""])[0]
    return f"{type(error).__name__}: {first_line}"


def all_failures(failures: Failures, processes: ProcessGroup) -> Failures:
    """The failures of all processes, on each of them. What fails on one is of no use on the others.

    Raises:
        RankLost: another process is gone.
    """
    together: Failures = {}
    for rank, of_rank in enumerate(processes.all_gather_object(failures)):
        for name, reason in of_rank.items():
            together.setdefault(name, f"process {rank}: {reason}" if rank > 0 else reason)
    return together


def failure_lines(failures: Mapping[str, str]) -> list[str]:
    """`NAME cannot be measured: REASON`, for each; names with the same reason share a line."""
    names: dict[str, list[str]] = {}
    for name, reason in failures.items():
        names.setdefault(reason, []).append(name)
    return [f"{', '.join(of)} cannot be measured: {reason}" for reason, of in names.items()]


def instead_lines(metric: str, failures: Mapping[str, str]) -> tuple[str, ...]:
    """Lines for people where a metric serves in place of those that cannot be measured."""
    return tuple(f"warning: scores are by {metric}: {line}" for line in failure_lines(failures))
