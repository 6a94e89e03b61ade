"""Running statistics: what layers gather over the batches of training, alike on every rank.

Batch normalisation gathers means and variances, `RunningMean` any vectors. A rank updates them from
its own slice of a batch, so training averages them over ranks (`running_statistics`).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm


def to_sync_batch_norm(network: nn.Module) -> nn.Module:
    """Normalise over the batches of all ranks together; the weights stay the same."""
    convert: Callable[[nn.Module], nn.Module] = nn.SyncBatchNorm.convert_sync_batchnorm
    return convert(network)


class LocalBatchNorm(_BatchNorm):
    """Batch normalisation of any shape (N, C, ...) over this rank's batch."""

    def _check_input_dim(self, input: Tensor) -> None:
        pass


def from_sync_batch_norm(network: nn.Module) -> None:
    """Undo `to_sync_batch_norm`, in place, so that one rank can run the network alone.

    The weights stay the same tensors, so optimizers still refer to them.
    """
    for parent in list(network.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.SyncBatchNorm):
                own = LocalBatchNorm(child.num_features, child.eps, child.momentum)
                own.weight, own.bias = child.weight, child.bias
                own.running_mean, own.running_var = child.running_mean, child.running_var
                own.num_batches_tracked = child.num_batches_tracked
                setattr(parent, name, own.train(child.training))


class RunningMean(nn.Module):
    """The mean of vectors over the samples of training, of K groups of them; it forgets.

    Sums and weights decay alike, and the mean is their quotient: right from the first batch on, and
    in a moving average of a network too. Both are linear in the batch, so their averages over ranks
    are those of the whole batch.

    Args:
        groups: K, such as one for each label.
        length: S, of the vectors.
        decay: what remains of a sum after one batch.
    """

    sums: Tensor
    """(K, S)"""
    weights: Tensor
    """(K, 1)"""

    def __init__(self, groups: int, length: int, decay: float) -> None:
        super().__init__()
        self.decay = decay
        self.register_buffer("sums", torch.zeros(groups, length))
        self.register_buffer("weights", torch.zeros(groups, 1))

    def add(self, vectors: Tensor, membership: Tensor) -> None:
        """Take in a batch, in place.

        Args:
            vectors: (N, S), without history.
            membership: (N, K), how much each belongs to each group.
        """
        weights = membership.T / len(vectors)  # (K, N)
        self.sums.lerp_(weights @ vectors, 1 - self.decay)
        self.weights.lerp_(weights.sum(1, keepdim=True), 1 - self.decay)

    @property
    def mean(self) -> Tensor:
        """(K, S); zeros for a group that no sample belonged to."""
        return self.sums / self.weights.clamp(min=torch.finfo(self.weights.dtype).tiny)


def running_statistics(*networks: nn.Module) -> list[Tensor]:
    """What batch normalisation and running means have gathered: the only state that a rank updates
    from its own images alone."""
    statistics = []
    for network in networks:
        for module in network.modules():
            if isinstance(module, _BatchNorm):
                statistics += [module.running_mean, module.running_var]
            elif isinstance(module, RunningMean):
                statistics += [module.sums, module.weights]
    return [statistic for statistic in statistics if statistic is not None]
