"""Every limit that the rules compare with, in one place.

`Expected` is what healthy training should show, with the paper or the reason. benchmarks/health
measures how often the rules are right with these limits, on real runs.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Thresholds:
    """Limits, each with the number that it limits. Steps are updates of the generator."""

    # When rules are evaluated, and when there is a finding.
    start_steps: int = 30
    """Steps before which no rule is evaluated: Adam's second moments are still nearly empty."""
    learning_steps: int = 300
    """Steps before which most rules are not evaluated: every run begins with grey blobs."""
    settled_steps: int = 1_000
    """Steps before which nothing slow is evaluated: weights drift to the clipping bound, and images
    of healthy runs change completely between probes and still have checkerboards."""
    patience: int = 2
    """Evaluations in a row that must exceed the limit: probes of a small batch are noisy."""
    extreme: float = 3.0
    """Severity at which one evaluation is enough (`condition.LimitCheck`: 1 is the limit)."""
    release: float = 0.8
    """Severity below which a value is normal again; under 1, so that a finding does not end at the
    limit at which it began."""
    recovery: int = 3
    """Evaluations in a row below `release` after which a finding ends. One dip is no recovery: the
    noise of an AUC of 64 images is 0.05, more than lies between limit and release."""
    failing: float = 2.0
    """Severity from which a finding is failing instead of watch."""
    lasting: int = 5
    """Evaluations in a row after which a finding is failing, however low its severity."""

    # Updates.
    max_update: float = 0.1
    """Relative change of a layer's weights in one step. Expected: about the learning rate over the
    weights' RMS; Adam at 2e-4 on a DCGAN's first weights, N(0, 0.02), gives 0.01. Up to 0.08, runs
    at thirty times the usual rate scored no worse than at the usual one."""
    suspect_update: float = 0.03
    """The same where the learning rate itself is far above the usual one, for a watch. Normalised
    layers grow under large steps until 1 / sqrt(steps) is left: 0.02 after 2,500 (Arora 2019)."""
    min_update: float = 3e-5
    """The same, below which a network stands still: a thousand steps in one direction would change
    3 %."""

    # Weight clipping.
    clip_at_bound: float = 0.3
    """Fraction of weights at the bound. Expected: most, under any bound (Gulrajani 2017, figure 1),
    so this is a symptom only together with a flat critic."""
    clip_unreached: float = 0.001
    """Fraction of weights at the bound below which clipping has no effect."""
    clip_flat_gradient: float = 1e-5
    """Input gradient norm of the critic between real and fake, in logits per unit of L2 in [-1, 1].
    Layers multiply: four of them under a bound a hundred times smaller are 1e8 times flatter."""
    clip_steep_gradient: float = 10.0
    """The input gradient norm from which a bound that no weight reaches is called too large."""

    # Input gradient of the discriminator, in the same unit.
    penalised_gradient: float = 3.0
    """Mean norm between real and fake under a gradient penalty. Expected: 1, the target of the
    penalty (Gulrajani 2017, eq. 3)."""
    unbounded_gradient: float = 10.0
    """The same for a Wasserstein critic with neither gradient penalty nor clipping."""
    clipped_gradient: float = 1e3
    """The same under clipping, which bounds it at a value that nobody chose (Arjovsky 2017)."""
    input_gradient_growth: float = 10.0
    """Growth factor of the norm at fakes within `growth_records` records when training diverges."""
    growth_records: int = 4
    """Records over which that growth is measured."""
    input_gradient_asymmetry: float = 2.0
    """Norm at fakes over that at reals. Expected: about 1; it explodes at fakes first (Huang 2024,
    section 2)."""
    exploded_loss: float = 100.0
    """The discriminator's loss, where its minimum is 0. Expected: below 2 log 2, that of
    guessing."""
    nonfinite_probes: int = 3
    """Probes of one record that found non-finite numbers."""

    # Gradients of the losses.
    huge_gradient: float = 1e4
    """Norm of a network's gradient, whatever it was before."""
    gradient_growth: float = 30.0
    """That norm over its own median so far."""
    grown_gradient: float = 100.0
    """The norm below which growth alone does not matter."""
    tiny_gradient: float = 1e-4
    """The generator's norm at which Adam's epsilon (1e-8) begins to matter: each of 1e5 to 1e6
    weights then has a gradient of about 1e-7."""
    no_gradient: float = 1e-12
    """The generator's norm at a probe below which it has none: with a ten-thousandth of Adam's
    epsilon no weight moves. Dead units give exactly 0, from the first steps on."""
    gradient_span: float = 1e4
    """Ratio of the RMS gradients of a network's first and last layer. Expected: within a factor of
    ten for each layer that transports it; exponential in depth where it fails (Gulrajani 2017,
    figure 1b)."""
    saturated_logit: float = 7.0
    """Minimax only: a fake logit of -7 leaves the generator 0.1 % of the gradient (Goodfellow 2014,
    section 3)."""

    # The balance of both networks.
    separated: float = 0.99
    """P(real logit > fake logit). A healthy discriminator may come close to 1, so this is a symptom
    only together with a spent loss or images far from real."""
    spent_loss: float = 0.02
    """The discriminator's loss above its minimum. A DCGAN whose samples had fallen apart had 0.0019
    (StudioGAN's CIFAR-10 log); being right with probability 0.9 gives 0.2."""
    undecided: float = 0.6
    """P(real logit > fake logit) below which the discriminator cannot tell. Expected of a perfect
    generator, too, so this is a symptom only where fakes are far from real."""
    undecided_mean_gap: float = 0.5
    """The gap, as in `large_mean_gap`, from which that is a symptom. A healthy discriminator that
    ranked below `undecided` had fakes at 0.4."""
    undecided_mean_gap_relative: float = 0.75
    """The same for losses that do not determine the level of logits: a healthy Wasserstein critic
    with one step per step of the generator ranks no better for 1,000 steps, at 0.4 to 0.7."""
    large_mean_gap: float = 0.6
    """Distance of the mean fake from the mean real image over the reals' own spread. The noise of
    64 images each is 0.2."""
    memorised: float = 0.7
    """P(logit of a training image > logit of a held-out one). Expected: 0.5, give or take 0.05
    for 64 images each."""
    memorised_hint: float = 0.6
    """The same, where the gap of means agrees."""
    memorised_gap: float = 0.6
    """Gap between training and held-out mean logit over that between training and fake. Karras 2020
    (ADA) steers its heuristics to 0.6."""

    # Diversity, over that of equally many real images. Expected: 1.
    collapsed_distance: float = 0.3
    """Mean pairwise distance."""
    collapsed_samples: float = 0.3
    """Effective number of samples."""
    collapsed_duplicates: float = 0.9
    """Fraction of fakes with a near copy in the batch. Expected: 0.05, as for reals."""
    narrow_distance: float = 0.6
    """Mean pairwise distance, of a partial collapse; measured from 1."""
    narrow_samples: float = 0.5
    """Effective number of samples, of a partial collapse; measured from 1."""
    narrow_duplicates: float = 0.5
    """Fraction of near copies, of a partial collapse."""
    growing_samples: float = 1.15
    """Effective number of samples over its value three records ago, above which diversity grows and
    there is no collapse. The mlp recipe took 1,500 steps from 0.05 to 0.5."""
    few_latents: int = 8
    """Latents below which all images lie on a manifold of fewer dimensions than real images."""
    few_latents_samples: float = 0.8
    """Effective number of samples, of a partial collapse with so few latents; measured from 1."""

    # Labels.
    ignored_labels: float = 0.02
    """How much of a difference of two images is made by their labels, the latents make the rest.
    Expected: near 0.5 or more; what labels do to batch norms starts at 0 or near it."""
    told_labels: float = 0.45
    """How often a generated image's label is told from its pixels, over how often a real one's is;
    both above chance; a mean of three records. Expected: 1; 0.75 and more after 1,000 steps. Where
    labels are noise to the generator, whole labels look like the right one by chance, up to 0.3."""
    tellable_labels: float = 0.2
    """How often a real image's label is told, below which pixels do not tell labels at all."""
    growing_told: float = 0.1
    """Growth in three records from which labels are still being learned."""
    growing_effect: float = 1.5
    """The same of what labels make of a difference, as a factor: batch norms with gains of their
    own for each label took 40,000 images from 0.02 to 0.44, a factor of 2 in three records."""
    collapsed_label: float = 0.3
    """Mean pairwise distance of a label's images over that of its real images, as in
    `collapsed_distance`."""
    narrow_label: float = 0.15
    """The same of the label with the least, of which eight images alone are measured."""
    growing_label: float = 0.1
    """Growth of the mean in three records from which labels still spread."""
    dominant_labels: float = 0.8
    """How much of a difference labels make where each label has one image: 1."""

    # The images.
    checkerboard: float = 12.0
    """Energy at the frequencies of strided layers, over that of reals, as a mean of three records.
    Expected: 1 in the end; healthy runs had 8 at most after 1,000 steps, from 60 at the start."""
    saturated_output: float = 0.5
    """Fraction of pixels at the ends of tanh, of those that are not there in real images."""

    # Convergence.
    movement_records: int = 4
    """Records over which movement is averaged."""
    churn: float = 0.8
    """Change of an image between probes over the distance of two real images: at 1, nothing of the
    image is left."""
    return_ratio: float = 0.7
    """Change over two probes over that over one: 2 for straight progress, 1.4 for a random walk, 1
    for noise, 0 for a cycle."""
    min_return_movement: float = 0.3
    """Movement below which a return does not matter."""
    standstill_movement: float = 0.02
    """Movement below which images do not change."""
    evaluations_without_gain: int = 5
    """Evaluations since the best score."""
    worse_than_best: float = 1.5
    """Ratio of the latest score and the best, above 1 where the latest is worse."""
    idle_penalty: float = 1e-3
    """A penalty's term over the adversarial one."""
    ema_lag: float = 0.4
    """Distance of the EMA generator's images from the current one's, over that of two real
    images."""
    ema_lag_in_movements: float = 3.0
    """The same over the movement between probes: how many probes the EMA lags behind."""
