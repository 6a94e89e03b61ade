"""Every limit that the rules compare with, in one place.

`Expected` is what healthy training should show, by the paper named or for the reason given.
benchmarks/health measures how often the rules are right with these limits, on real runs.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Thresholds:
    """Limits, each with what it is a limit of. Steps are updates of the generator."""

    # When a rule looks, and when it speaks.
    start_steps: int = 30
    """Steps before which no rule looks: Adam's second moments are still nearly empty."""
    learning_steps: int = 300
    """Steps before which most rules do not look: every run begins with grey blobs."""
    settled_steps: int = 1_000
    """Steps before which nothing slow is judged: weights drift to the clip's bound, and images of
    healthy runs change wholly from look to look and still bear checkerboards."""
    patience: int = 2
    """Looks in a row that must be over the limit: one look of a small batch is noisy."""
    extreme: float = 3.0
    """Strength at which one look is enough (`sight.Signal`: strength 1 is the limit)."""
    release: float = 0.8
    """Strength below which a finding ends; under 1, so that none flickers at its limit."""
    failing: float = 2.0
    """Strength from which a finding is failing instead of watch."""
    lasting: int = 5
    """Looks in a row after which a finding is failing however weak it is."""

    # Updates.
    largest_update: float = 0.1
    """Share of a layer's weights that one step changes. Expected: about the learning rate over the
    weights' RMS; Adam at 2e-4 on a DCGAN's first weights, N(0, 0.02), gives 0.01. Up to 0.08 runs
    at thirty times the usual rate scored no worse than at the usual one."""
    suspect_update: float = 0.03
    """The same share where the learning rate itself is far above the usual one, for a watch.
    Normalised layers grow under large steps until 1 / sqrt(steps) is left: 0.02 after 2,500 (Arora
    2019)."""
    smallest_update: float = 3e-5
    """The same share, below which a player stands still: a thousand steps in one direction would
    change 3 %."""

    # Weight clipping.
    clip_piled: float = 0.3
    """Share of weights at the bound. Expected: most, under any bound (Gulrajani 2017, figure 1),
    so this convicts only together with a flat critic."""
    clip_reached: float = 0.001
    """Share of weights at the bound below which the clip holds nothing back."""
    clip_flat: float = 1e-5
    """Slope of the critic between real and fake, in logits per unit of L2 in [-1, 1]. Layers
    multiply: four of them under a bound a hundred times smaller are 1e8 times flatter."""
    clip_steep: float = 10.0
    """The slope from which a bound that no weight reaches is called too large."""

    # Steepness of the discriminator, in the same unit.
    penalised_slope: float = 3.0
    """Mean slope between real and fake under a gradient penalty. Expected: 1, which is what the
    penalty asks for (Gulrajani 2017, eq. 3)."""
    unclipped_slope: float = 10.0
    """The same for a Wasserstein critic under anything else but clipping, or under nothing."""
    clipped_slope: float = 1e3
    """The same under clipping, which bounds it at some value that nobody chose (Arjovsky 2017)."""
    slope_growth: float = 10.0
    """How many times the slope on fakes grows in `growth_looks` looks when training diverges."""
    growth_looks: int = 4
    """Looks over which that growth is measured."""
    slope_asymmetry: float = 2.0
    """Slope on fakes over that on reals. Expected: about 1; it explodes on fakes first (Huang
    2024, section 2)."""
    exploded_loss: float = 100.0
    """The discriminator's loss, where its least is 0. Expected: below 2 log 2, what guessing
    gets."""
    lost_numbers: int = 3
    """Probes of one look that found numbers that are not finite."""

    # Gradients of the losses.
    huge_gradient: float = 1e4
    """Norm of a player's gradient, whatever it was before."""
    gradient_growth: float = 30.0
    """That norm over its own median of before."""
    grown_gradient: float = 100.0
    """The norm below which growth alone is no matter."""
    tiny_gradient: float = 1e-4
    """The generator's norm at which Adam's epsilon (1e-8) begins to count: each of 1e5 to 1e6
    weights then has a gradient of some 1e-7."""
    gradient_span: float = 1e4
    """RMS gradient of a network's one end over that of its other. Expected: within a factor of
    ten for each layer that carries it; exponential in depth where it fails (Gulrajani 2017, figure
    1b)."""
    saturated_logit: float = 7.0
    """Minimax only: a fake logit of -7 leaves the generator 0.1 % of the gradient (Goodfellow 2014,
    section 3)."""

    # The two players against each other.
    separated: float = 0.99
    """P(real logit > fake logit). A healthy discriminator may come close to 1, so this convicts
    only together with a spent loss or images far from real."""
    spent_loss: float = 0.02
    """The discriminator's loss above its least. A DCGAN whose samples had fallen apart had 0.0019
    (StudioGAN's CIFAR-10 log); telling apart with 9 to 1 gives 0.2."""
    blind: float = 0.6
    """P(real logit > fake logit) below which fakes pass for real. Expected of a perfect generator
    too, so this convicts only where fakes are far from real."""
    blind_far_off: float = 0.5
    """Distance of the mean fake from the mean real image, as `far_off`, from which that convicts.
    A healthy discriminator that ranked below `blind` had fakes at 0.4."""
    blind_far_off_relative: float = 0.75
    """The same for losses whose logits have no zero of their own: a healthy Wasserstein critic that
    makes one step for each of the generator's ranks no better for 1,000 steps, at 0.4 to 0.7."""
    far_off: float = 0.6
    """Distance of the mean fake from the mean real image over the reals' own spread. The noise of
    64 images each is 0.2."""
    remembered: float = 0.7
    """P(logit of a training image > logit of a held-out one). Expected: 0.5, give or take 0.05
    for 64 images each."""
    hinted: float = 0.6
    """The same, where the gap in means says so too."""
    remembered_gap: float = 0.6
    """Gap between training and held-out mean logit over that between training and fake. Karras 2020
    (ADA) steers its heuristics to 0.6."""

    # Diversity, over that of as many real images. Expected: 1.
    collapsed_distance: float = 0.3
    """Mean pairwise distance."""
    collapsed_samples: float = 0.3
    """Effective number of samples."""
    collapsed_duplicates: float = 0.9
    """Share of fakes with a near copy in the batch. Expected: 0.05, which reals have."""
    narrow_distance: float = 0.6
    """Mean pairwise distance, of a partial collapse; measured from 1."""
    narrow_samples: float = 0.5
    """Effective number of samples, of a partial collapse; measured from 1."""
    narrow_duplicates: float = 0.5
    """Share of near copies, of a partial collapse."""
    growing_samples: float = 1.15
    """Effective number of samples over what it was three looks before, above which variety grows
    and nothing is called a collapse. The mlp recipe took 1,500 steps from 0.05 to 0.5."""
    few_latents: int = 8
    """Latents below which all images lie on a sheet of fewer dimensions than pictures have."""
    few_latents_samples: float = 0.8
    """Effective number of samples, of a partial collapse with so few latents; measured from 1."""

    # What images look like.
    checkerboard: float = 12.0
    """Energy at the frequencies of strided layers, over the same of reals, as a mean of three
    looks. Expected: 1 in the end; healthy runs came to 8 at most after 1,000 steps, from 60 at the
    start."""
    saturated_output: float = 0.5
    """Share of pixels at the ends of tanh, of those that are not there in real images."""

    # Time.
    movement_looks: int = 4
    """Looks over which movement is averaged."""
    churn: float = 0.8
    """Change of an image from look to look over the difference of two real images: at 1, nothing
    of what it was is left."""
    returning: float = 0.7
    """Change over two looks over that over one: 2 for straight progress, 1.4 for wandering, 1 for
    noise, 0 for a cycle."""
    returning_movement: float = 0.3
    """Movement below which a return is no matter."""
    standing: float = 0.02
    """Movement below which images stay as they are."""
    evaluations_without_gain: int = 5
    """Evaluations since the best score."""
    worse_than_best: float = 1.5
    """The latest score over the best, in the worse direction."""
    idle_penalty: float = 1e-3
    """A penalty's term over the adversarial one."""
    lag: float = 0.4
    """Difference of the averaged generator's images from the current one's, over that of two real
    images."""
    lag_of_movement: float = 3.0
    """The same over the movement from look to look: how many looks the average lies behind."""
