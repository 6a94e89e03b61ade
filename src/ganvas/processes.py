"""The process group of one run: this process's rank, its slice of a batch, and means over all.

torchrun starts the processes and sets their ranks in the environment. Every rank draws the whole
batch from the same random generators and computes its own slice of the rows. So N ranks compute
what one process would, and only means have to be communicated.
"""

from __future__ import annotations

import atexit
import json
import os
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import torch

# Imported before a process group exists: its default arguments would keep that group alive.
import torch.distributed.nn.functional
from torch import Tensor, distributed

from ganvas import torchrun
from ganvas.errors import GanvasError, RankLost

Value = TypeVar("Value")

LONGEST_WAIT = timedelta(hours=2)
"""How long a rank waits for another, such as for rank 0 to prepare images or to measure real ones.
A process that dies is noticed at once; this is for a machine that stops to answer."""


@dataclass(frozen=True)
class ProcessGroup:
    """The processes of a run, as seen by one of them.

    A single process is rank 0 of 1: it communicates nothing, and its slice is the whole.
    """

    rank: int = 0
    size: int = 1
    local: int = 0
    """The rank on this machine (torchrun's LOCAL_RANK), which is the index of its GPU."""

    @classmethod
    def join(cls) -> ProcessGroup:
        """Initialise the process group that torchrun started; `SINGLE_PROCESS` without torchrun.

        Raises:
            GanvasError: the environment names several processes, but no address to meet at.
        """
        size = torchrun.world_size()
        if size == 1:
            return SINGLE_PROCESS
        missing = [
            name for name in ("RANK", "MASTER_ADDR", "MASTER_PORT") if name not in os.environ
        ]
        if missing:
            raise GanvasError(
                f"WORLD_SIZE says {size} processes, but {', '.join(missing)} is not set. Start "
                "them with torchrun, or unset WORLD_SIZE to train in one process"
            )
        rank = torchrun.rank()
        if not distributed.is_initialized():
            gpus = torch.cuda.is_available() and distributed.is_nccl_available()
            with reporting_lost_processes():
                distributed.init_process_group(
                    # Tensors in main memory use gloo, which notices a lost process at once.
                    "cpu:gloo,cuda:nccl" if gpus else "gloo",
                    store=rendezvous_store(rank, size),
                    rank=rank,
                    world_size=size,
                    timeout=LONGEST_WAIT,
                )
            if not gpus:  # nccl would wait for processes that are gone
                atexit.register(destroy_process_group)
        return cls(rank, size, torchrun.local_rank())

    def shut_down(self) -> None:
        """Leave the process group at the end."""
        if self.size > 1:
            destroy_process_group()

    @property
    def is_main(self) -> bool:
        """Whether this is rank 0, which writes files, measures and prints."""
        return self.rank == 0

    def local_slice(self, count: int) -> slice:
        """This rank's rows out of `count`; the slices of consecutive ranks follow each other.

        So neighbouring rows (packs) and rows of the same index (pairs of real and fake) stay on
        one rank. `size` must divide the count.
        """
        local_count = count // self.size
        return slice(self.rank * local_count, (self.rank + 1) * local_count)

    def all_reduce_mean(self, tensors: Sequence[Tensor]) -> None:
        """Replace each tensor by its mean over all processes, in place, bitwise equal on all.

        The mean of the slices' gradients is the gradient of the mean over the whole batch. It is
        taken after backward, so it works with penalties, which differentiate twice.

        Raises:
            RankLost: another process is gone.
        """

        def mean(flat: Tensor) -> None:
            distributed.all_reduce(flat)
            flat.div_(self.size)

        self._replace(tensors, mean)

    def broadcast(self, tensors: Sequence[Tensor]) -> None:
        """Replace each tensor by that of rank 0, in place."""
        self._replace(tensors, lambda flat: distributed.broadcast(flat, 0))

    def _replace(self, tensors: Sequence[Tensor], communicate: Callable[[Tensor], object]) -> None:
        """Flatten the tensors into one, `communicate` that in place, and copy the results back.

        One message per dtype, in an order that is the same on all processes.
        """
        if self.size == 1:
            return
        for dtype in dict.fromkeys(tensor.dtype for tensor in tensors):
            targets = [tensor for tensor in tensors if tensor.dtype == dtype]
            flat = torch.cat([target.detach().reshape(-1) for target in targets])
            with reporting_lost_processes():
                communicate(flat)
            parts = torch.split(flat, [target.numel() for target in targets])
            results = [part.view_as(target) for target, part in zip(targets, parts, strict=True)]
            with torch.no_grad():
                torch._foreach_copy_(targets, results)

    def all_reduce_max(self, number: int) -> int:
        """The largest of the ranks' numbers, on every rank."""
        if self.size == 1:
            return number
        value = torch.tensor(number)
        with reporting_lost_processes():
            distributed.all_reduce(value, distributed.ReduceOp.MAX)
        return int(value)

    def barrier(self) -> None:
        """Wait until every rank has called this."""
        self.all_reduce_max(0)

    def all_gather_object(self, value: Any) -> list[Any]:
        """Every rank's value, in the order of ranks; values must be plain JSON."""
        if self.size == 1:
            return [value]
        text = json.dumps(value).encode()
        text = text.ljust(self.all_reduce_max(len(text)))  # JSON may end with spaces
        sent = torch.frombuffer(bytearray(text), dtype=torch.uint8)
        received = [torch.empty_like(sent) for _ in range(self.size)]
        with reporting_lost_processes():
            distributed.all_gather(received, sent)
        return [json.loads(message.numpy().tobytes()) for message in received]

    def broadcast_object(self, make: Callable[[], Value]) -> Value:
        """What `make` returns on rank 0, as plain JSON; other ranks do not call it."""
        value: Value = self.all_gather_object(make() if self.is_main else None)[0]
        return value

    @contextmanager
    def failing_together(self) -> Iterator[None]:
        """Raise a `GanvasError` of any rank on all ranks, so that none waits for a failed one.

        All ranks must enter, and must not communicate inside.

        Raises:
            GanvasError: the first problem, with its rank unless that is 0.
        """
        if self.size == 1:
            yield
            return
        problem: GanvasError | None = None
        try:
            yield
        except GanvasError as error:
            problem = error
        messages = self.all_gather_object(None if problem is None else str(problem))
        for rank, message in enumerate(messages):
            if message is not None:
                text = f"process {rank}: {message}" if rank > 0 else message
                raise GanvasError(text) from problem

    def send_to_main(self, rows: Tensor) -> None:
        """Send rows to rank 0, which must `receive` them."""
        with reporting_lost_processes():
            distributed.send(rows.cpu().contiguous(), 0)

    def receive(self, rank: int, target: Tensor) -> None:
        """Fill a CPU tensor with rows that another rank sends, of the same shape and dtype."""
        with reporting_lost_processes():
            distributed.recv(target, rank)


SINGLE_PROCESS = ProcessGroup()
"""The group of a run that trains in one process."""


def rendezvous_store(rank: int, size: int) -> Any:
    """A store of torch.distributed without entries from before a restart.

    torchrun's own store still holds the addresses of processes that died (pytorch issue 135712),
    and machines count restarts differently. So rank 0 draws a random prefix for this attempt. Each
    other rank asks for it under a random key of its own; a request from before the restart is
    answered too, but nobody reads that answer.
    """
    store = distributed.TCPStore(  # type: ignore[attr-defined]
        os.environ["MASTER_ADDR"],
        int(os.environ["MASTER_PORT"]),
        is_master=rank == 0 and os.environ.get("TORCHELASTIC_USE_AGENT_STORE") != "True",
        wait_for_workers=False,
        timeout=LONGEST_WAIT,
    )
    name = secrets.token_hex(8)
    if rank > 0:
        store.set(f"ganvas/question/{rank}", name)
        name = store.get(f"ganvas/answer/{name}").decode()
        store.set(f"ganvas/{name}/{rank}", "heard")
    missing = set(range(1, size)) if rank == 0 else set()
    while missing:
        for other in sorted(missing):
            if store.check([f"ganvas/question/{other}"]):
                question = store.get(f"ganvas/question/{other}").decode()
                store.set(f"ganvas/answer/{question}", name)
        missing = {other for other in missing if not store.check([f"ganvas/{name}/{other}"])}
        time.sleep(0.02)
    return distributed.PrefixStore(name, store)  # type: ignore[attr-defined]


def destroy_process_group() -> None:
    """End the communication threads, if there are any, also after an error.

    A gloo thread that still runs when the interpreter exits aborts the process (pytorch issue
    190489), even after successful training.
    """
    if distributed.is_initialized():
        distributed.destroy_process_group()


@contextmanager
def reporting_lost_processes() -> Iterator[None]:
    """Turn torch's communication errors into `RankLost`.

    Raises:
        RankLost: another process does not answer. NCCL's own message is included, because its
            errors can have other causes.
    """
    try:
        yield
    except distributed.DistBackendError as error:
        reason = str(error).strip().splitlines()[0]
        raise RankLost(f"another process of this run is gone or not reached ({reason})") from error
    except RuntimeError as error:
        if isinstance(error, torch.OutOfMemoryError) or "CUDA error" in str(error):
            raise  # a failure of this process, not of another
        raise RankLost("another process of this run is gone") from error
