"""What each number of a probed record means. Imports no torch: rules and reports read it too."""

from __future__ import annotations

MISSING = "probe/missing"
"""The only column that is not a number: by probe or column, why numbers are missing."""

NO_RULE_READS = "probe/lipschitz/"
"""Prefix of the columns that no rule reads: a missing one does not affect the health status."""

COLUMNS: dict[str, str] = {
    "probe/logits/real": "mean logit of training images",
    "probe/logits/fake": "mean logit of generated images",
    "probe/logits/held_out": "mean logit of images never trained on",
    "probe/logits/real_spread": "standard deviation of the logits of training images",
    "probe/logits/fake_spread": "standard deviation of the logits of generated images",
    "probe/logits/held_out_spread": "standard deviation of the logits of held-out images",
    "probe/accuracy/real": "fraction of training images with a logit above 0",
    "probe/accuracy/fake": "fraction of generated images with a logit below 0",
    "probe/accuracy/held_out": "fraction of held-out images with a logit above 0",
    "probe/ranking/train": (
        "how often a training image's logit is above a generated one's: "
        "0.5 the discriminator cannot tell, 1 it always can"
    ),
    "probe/ranking/held_out": "the same of held-out images against generated ones",
    "probe/ranking/memory": (
        "how often a training image's logit is above a held-out one's: "
        "0.5 nothing is memorised, 1 every training image is known"
    ),
    "probe/r_t": "mean sign of the logits of training images: 0 undecided, 1 all called real",
    "probe/r_v": (
        "how much closer held-out logits are to generated ones than training logits are, as a "
        "fraction: 0 like training images, 1 like generated ones"
    ),
    "probe/input_gradient/real": "mean slope of the discriminator at training images, 1 / L2",
    "probe/input_gradient/real_largest": "the largest of them",
    "probe/input_gradient/fake": "mean slope of the discriminator at generated images, 1 / L2",
    "probe/input_gradient/fake_largest": "the largest of them",
    "probe/input_gradient/between": (
        "mean slope between training and generated images, 1 / L2: a gradient penalty pulls it to 1"
    ),
    "probe/input_gradient/between_largest": "the largest of them",
    "probe/lipschitz/empirical": (
        "largest difference of two logits over the distance of their images, 1 / L2"
    ),
    "probe/lipschitz/bound": "upper bound of that ratio, from the layers' norms, 1 / L2",
    "probe/clip/share": "fraction of the discriminator's weights within 1 % of the clipping bound",
    "probe/clip/small": "fraction of the discriminator's weights below 1 % of the clipping bound",
    "probe/gradient/generator/norm": "norm of the gradient of the generator's loss",
    "probe/gradient/generator/slope": (
        "slope of ln(RMS gradient) along the generator's layers, 1 / layer: "
        "above 0 gradients decay on their way back to the latents, below 0 they grow"
    ),
    "probe/gradient/generator/first": "RMS gradient of the layer at the latents",
    "probe/gradient/generator/last": "RMS gradient of the layer at the image",
    "probe/gradient/generator/layers": "RMS gradient of each layer, from latents to image",
    "probe/gradient/discriminator/norm": "norm of the gradient of the discriminator's loss",
    "probe/gradient/discriminator/slope": (
        "slope of ln(RMS gradient) along the discriminator's layers, 1 / layer: "
        "above 0 gradients decay on their way back to the image, below 0 they grow"
    ),
    "probe/gradient/discriminator/first": "RMS gradient of the layer at the image",
    "probe/gradient/discriminator/last": "RMS gradient of the layer at the logit",
    "probe/gradient/discriminator/layers": "RMS gradient of each layer, from image to logit",
    "probe/update/generator": (
        "how far the next update moves the generator's weights, relative to them: median of layers"
    ),
    "probe/update/generator_largest": "the same of the layer that moves most",
    "probe/update/discriminator": (
        "how far the next update moves the discriminator's weights, clipping included, relative "
        "to them: median of layers"
    ),
    "probe/update/discriminator_largest": "the same of the layer that moves most",
    "probe/output/saturated": "fraction of generated pixel values beyond +-0.99",
    "probe/output/saturated_real": "fraction of training pixel values beyond +-0.99",
    "probe/diversity/distance": (
        "mean distance of two generated images over that of two training images: "
        "1 as real, 0 all the same"
    ),
    "probe/diversity/vendi": (
        "effective number of generated images over that of as many training images: 1 as real"
    ),
    "probe/diversity/effective": (
        "effective number of different images in the generated ones, from 1 to their number"
    ),
    "probe/diversity/duplicates": (
        "fraction of generated images nearer to another one than 95 % of training images are: "
        "0.05 as real, 1 all are near-copies"
    ),
    "probe/likeness/mean_gap": (
        "distance of the mean generated from the mean training image, over the distance of a "
        "training image from its mean: sqrt(2 / N) as real, with N images"
    ),
    "probe/labels/effect": (
        "how much of what distinguishes two generated images is their label, and not their "
        "latents: 0 labels are ignored, 1 one image a label"
    ),
    "probe/labels/effect_real": (
        "the same of training images, of which the rest is chance: 0.5 labels do not matter"
    ),
    "probe/labels/told": (
        "how often the label of a generated image is told by the nearest mean training image, "
        "above chance: 0 by chance, 1 always"
    ),
    "probe/labels/told_real": "the same of training images, each against a mean without itself",
    "probe/labels/diversity": (
        "mean distance of two generated images of one label over that of two training images of "
        "it: 1 as real, 0 one image a label"
    ),
    "probe/labels/diversity_least": "the same of the label with the least",
    "probe/checkerboard/ratio": (
        "how far generated images stand out at periods of 2 and 4 pixels, over how far training "
        "images do: 1 as real"
    ),
    "probe/movement/last": (
        "distance of the images for the same latents from those of the last probes, over that of "
        "two training images: 0 stands still, 1 other images altogether"
    ),
    "probe/movement/before_last": "the same, from the probes before the last",
    "probe/movement/average_lag": (
        "distance of the averaged generator's images from the generator's, over that of two "
        "training images"
    ),
}
"""Every column of the probes, with its unit and, where it is known, the normal value.

Columns that do not apply are absent without a reason: held-out numbers where too few images are
held out, `clip` without clipping, `output` and `checkerboard` for points, `checkerboard` for small
sides, `movement` at the first probes, `labels` where the generator takes none.
"""
