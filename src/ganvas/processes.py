"""The processes that train one run together: which one this is, its part, means over all of them.

torchrun starts them and tells each by the environment who it is. A batch is stated and drawn as a
whole by every rank, from the same random generators, and each works on its part of the rows: so N
ranks compute what one process would, and nothing has to be handed round but means.
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

# Its defaults keep the group there is when it is first imported, and so keep that from ending.
import torch.distributed.nn.functional
from torch import Tensor, distributed, nn
from torch.nn.modules.batchnorm import _BatchNorm

from ganvas import torchrun
from ganvas.errors import GanvasError, RankLost

Value = TypeVar("Value")

LONGEST_WAIT = timedelta(hours=2)
"""For the others, while they prepare images, or while the first one looks at real ones. A process
that dies is noticed at once; this is for a machine that falls silent."""


@dataclass(frozen=True)
class ProcessGroup:
    """The processes of a run, as one of them sees it.

    A single process is rank 0 of 1: it sends nothing, and every part is the whole.
    """

    rank: int = 0
    size: int = 1
    local: int = 0
    """Its number on its own machine, which is that of its GPU."""

    @classmethod
    def join(cls) -> ProcessGroup:
        """Meet the other processes that torchrun has started; `SINGLE_PROCESS` where it has not.

        Raises:
            GanvasError: the environment says that there are others, but not where.
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
                    # What lies in main memory travels by gloo, which sees at once who is gone.
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
        """Part from the others at the end."""
        if self.size > 1:
            destroy_process_group()

    @property
    def is_main(self) -> bool:
        """Whether this is the one that writes, measures and talks."""
        return self.rank == 0

    def local_slice(self, count: int) -> slice:
        """Which of `count` rows are this rank's; the ranks' parts follow each other.

        So rows that belong together because they are neighbours (packs) or have the same number
        (pairs of reals and fakes) stay together. `size` must divide the count.
        """
        share = count // self.size
        return slice(self.rank * share, (self.rank + 1) * share)

    def all_reduce_mean(self, tensors: Sequence[Tensor]) -> None:
        """Replace each tensor by its mean over all processes, in place, bitwise equal on all.

        Gradients of a mean over equal parts become those of the mean over the whole batch. They are
        averaged after backward, so how often a penalty differentiates does not matter here.

        Raises:
            RankLost: another process is gone.
        """

        def mean(flat: Tensor) -> None:
            distributed.all_reduce(flat)
            flat.div_(self.size)

        self._replace(tensors, mean)

    def broadcast(self, tensors: Sequence[Tensor]) -> None:
        """Replace each tensor by what the first rank has in its place."""
        self._replace(tensors, lambda flat: distributed.broadcast(flat, 0))

    def _replace(self, tensors: Sequence[Tensor], send: Callable[[Tensor], object]) -> None:
        """Put into the tensors what `send`, in place, makes of their numbers in one row.

        One message for each type of numbers, in an order that is the same on all processes.
        """
        if self.size == 1:
            return
        for kind in dict.fromkeys(tensor.dtype for tensor in tensors):
            same = [tensor for tensor in tensors if tensor.dtype == kind]
            flat = torch.cat([tensor.detach().reshape(-1) for tensor in same])
            with reporting_lost_processes():
                send(flat)
            parts = torch.split(flat, [tensor.numel() for tensor in same])
            with torch.no_grad():
                torch._foreach_copy_(
                    same, [part.view_as(one) for one, part in zip(same, parts, strict=True)]
                )

    def all_reduce_max(self, number: int) -> int:
        """The largest of the numbers that the ranks bring; all come to know it together."""
        if self.size == 1:
            return number
        value = torch.tensor(number)
        with reporting_lost_processes():
            distributed.all_reduce(value, distributed.ReduceOp.MAX)
        return int(value)

    def barrier(self) -> None:
        """Wait until every rank is here."""
        self.all_reduce_max(0)

    def all_gather_object(self, value: Any) -> list[Any]:
        """What every rank brings, by rank: anything that JSON holds."""
        if self.size == 1:
            return [value]
        text = json.dumps(value).encode()
        text = text.ljust(self.all_reduce_max(len(text)))  # JSON may end with spaces
        brought = torch.frombuffer(bytearray(text), dtype=torch.uint8)
        found = [torch.empty_like(brought) for _ in range(self.size)]
        with reporting_lost_processes():
            distributed.all_gather(found, brought)
        return [json.loads(one.numpy().tobytes()) for one in found]

    def broadcast_object(self, make: Callable[[], Value]) -> Value:
        """What `make` gives on the first rank (and JSON holds); on the others it is not called."""
        value: Value = self.all_gather_object(make() if self.is_main else None)[0]
        return value

    @contextmanager
    def failing_together(self) -> Iterator[None]:
        """What goes wrong inside on one rank is raised on all: none waits for what will not come.

        All of them enter, and send nothing inside.

        Raises:
            GanvasError: what is wrong, and on which rank if not on the first.
        """
        if self.size == 1:
            yield
            return
        problem: GanvasError | None = None
        try:
            yield
        except GanvasError as error:
            problem = error
        for rank, said in enumerate(
            self.all_gather_object(None if problem is None else str(problem))
        ):
            if said is not None:
                raise GanvasError(f"process {rank}: {said}" if rank > 0 else said) from problem

    def send_to_main(self, rows: Tensor) -> None:
        """Send rows to the first rank, which has to `receive` them."""
        with reporting_lost_processes():
            distributed.send(rows.cpu().contiguous(), 0)

    def receive(self, rank: int, room: Tensor) -> None:
        """Fill a tensor in main memory with the rows, as many and of its type, of another rank."""
        with reporting_lost_processes():
            distributed.recv(room, rank)


SINGLE_PROCESS = ProcessGroup()
"""One process that trains by itself."""


def rendezvous_store(rank: int, size: int) -> Any:
    """A store (of torch.distributed) that holds nothing of processes before a restart.

    torchrun's own holds the addresses of those that died (pytorch issue 135712), and its machines
    count restarts differently. So the first rank draws a name for this attempt, and tells it to
    whoever asks by a name drawn now: an old question is answered too, but nobody hears it.
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
        missing = {one for one in missing if not store.check([f"ganvas/{name}/{one}"])}
        time.sleep(0.02)
    return distributed.PrefixStore(name, store)  # type: ignore[attr-defined]


def destroy_process_group() -> None:
    """End the threads that send, where there are any: all of them, whatever went wrong before.

    A thread of gloo's that is not quite done when the interpreter ends aborts the process (pytorch
    issue 190489), however well its work went.
    """
    if distributed.is_initialized():
        distributed.destroy_process_group()


@contextmanager
def reporting_lost_processes() -> Iterator[None]:
    """What torch raises inside means that another process does not answer.

    Raises:
        RankLost: in its place; with what NCCL says, which may have other reasons.
    """
    try:
        yield
    except distributed.DistBackendError as error:
        reason = str(error).strip().splitlines()[0]
        raise RankLost(f"another process of this run is gone or not reached ({reason})") from error
    except RuntimeError as error:
        if isinstance(error, torch.OutOfMemoryError) or "CUDA error" in str(error):
            raise  # this process's own trouble
        raise RankLost("another process of this run is gone") from error


# -- Batch normalisation ---------------------------------------------------------------------------


def to_sync_batch_norm(network: nn.Module) -> nn.Module:
    """Have batch normalisation look at all ranks' batches as one; the weights stay the same."""
    convert: Callable[[nn.Module], nn.Module] = nn.SyncBatchNorm.convert_sync_batchnorm
    return convert(network)


class LocalBatchNorm(_BatchNorm):
    """Batch normalisation of any shape (N, C, ...) over this rank's batch."""

    def _check_input_dim(self, input: Tensor) -> None:
        pass


def from_sync_batch_norm(network: nn.Module) -> None:
    """Undo `to_sync_batch_norm`, in place: what one rank does by itself must wait for nobody.

    The weights stay the very same tensors, so optimizers still hold them.
    """
    for parent in list(network.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.SyncBatchNorm):
                own = LocalBatchNorm(child.num_features, child.eps, child.momentum)
                own.weight, own.bias = child.weight, child.bias
                own.running_mean, own.running_var = child.running_mean, child.running_var
                own.num_batches_tracked = child.num_batches_tracked
                setattr(parent, name, own.train(child.training))


def running_statistics(*networks: nn.Module) -> list[Tensor]:
    """Means and variances that batch normalisation has gathered: the only thing that ranks learn
    from their own images alone."""
    return [
        statistic
        for network in networks
        for module in network.modules()
        if isinstance(module, _BatchNorm)
        for statistic in (module.running_mean, module.running_var)
        if statistic is not None
    ]
