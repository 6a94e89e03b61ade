"""What layers gather over batches: batch normalisation over all ranks, and running means."""

from __future__ import annotations

import copy

import torch
from torch import nn

from ganvas.networks.running_statistics import (
    RunningMean,
    from_sync_batch_norm,
    running_statistics,
    to_sync_batch_norm,
)


def test_sync_batch_norm_can_be_undone_with_the_same_weights() -> None:
    torch.manual_seed(0)
    norm = nn.BatchNorm1d(4, eps=1e-2, momentum=0.3)
    plain = nn.Sequential(nn.Linear(3, 4), nn.Sequential(norm, nn.ReLU()))
    synchronised = to_sync_batch_norm(copy.deepcopy(plain))
    assert any(isinstance(module, nn.SyncBatchNorm) for module in synchronised.modules())
    weights = list(synchronised.parameters())
    from_sync_batch_norm(synchronised)
    assert not any(isinstance(module, nn.SyncBatchNorm) for module in synchronised.modules())
    assert all(
        before is after for before, after in zip(weights, synchronised.parameters(), strict=True)
    )
    numbers = torch.randn(8, 3)
    assert torch.equal(synchronised(numbers), plain(numbers))
    for ours, theirs in zip(
        running_statistics(synchronised), running_statistics(plain), strict=True
    ):
        assert torch.equal(ours, theirs)
    assert synchronised.state_dict().keys() == plain.state_dict().keys()


def test_the_running_mean_of_two_halves_is_that_of_the_whole_batch() -> None:
    """As processes average it, even where a group is in one half alone."""
    vectors = torch.randn(8, 3, generator=torch.Generator().manual_seed(0))
    groups = torch.tensor([0, 0, 0, 1, 0, 0, 0, 0])
    membership = nn.functional.one_hot(groups, 2).float()
    whole, *halves = (RunningMean(2, 3, 0.9) for _ in range(3))
    whole.add(vectors, membership)
    for half, rows in zip(halves, (slice(0, 4), slice(4, 8)), strict=True):
        half.add(vectors[rows], membership[rows])
    shared = RunningMean(2, 3, 0.9)
    shared.sums.copy_(sum(half.sums for half in halves) / 2)
    shared.weights.copy_(sum(half.weights for half in halves) / 2)
    torch.testing.assert_close(shared.mean, whole.mean)
    torch.testing.assert_close(whole.mean[1], vectors[3])
