"""What other tools call their flags, and what to type here instead.

One row per meaning: the names that PyTorch's examples, StyleGAN, lightweight-gan, StudioGAN,
pytorch-fid, keras, timm and others give it, and per command what to type. To add one, add its name
to a row, or a row. A flag that a command has itself never reaches this table.
"""

from __future__ import annotations

from dataclasses import dataclass

VALUE = "{}"
"""In a hint, the value that the user gave; three dots without one."""
COMMAND = "{command}"
"""In a hint, the name of the command."""
EVERY = "every"
"""The key of the hint for all commands without their own."""


@dataclass(frozen=True)
class Habit:
    """Names of one thing in other tools, and what to type here.

    names: without leading dashes, in kebab-case; capitals as in `batchSize` are read as that.
    hints: per command, a sentence that follows the flag and a colon. `every` holds for commands
        without their own; without it, they say what the hint of train is.
    """

    names: tuple[str, ...]
    hints: dict[str, str]


def habit(names: str, **hints: str) -> Habit:
    """A row, its names separated by blanks."""
    return Habit(tuple(names.split()), hints)


LEARNING_RATES = "--generator.learning-rate {} and --discriminator.learning-rate {}"
FIRST_WORD = "the run is the first word: ganvas {command} {}"
AFTER_RUN = "the pictures follow the run: ganvas project RUN {}"
ANY_GPU = "--device cuda, or --device cuda:N"
WITHOUT_DEVICE = dict.fromkeys(
    ("check", "diagnose", "export", "film", "log", "push", "report", "recipes", "watch"),
    "not needed: it uses the CPU",
)
OTHER_MACHINES = "--host 0.0.0.0 lets other machines open the page"
ON_PAGE = "it is chosen on the page; leave it out"
LOGGERS = "tensorboard, or wandb, mlflow, trackio"

HABITS: tuple[Habit, ...] = (
    # How long. The names in EPOCHS, STEPS and KIMG are answered with computed counts of images.
    habit(
        "time max-time time-limit duration hours minutes",
        train="--time {}",
        resume="the budget of a run that exists is in images: --images 400k",
    ),
    # The optimizers.
    habit(
        "tune auto-tune autotune tuner auto-lr auto-lr-find find-lr lr-find lr-finder hpo optuna",
        train="--tune tries three values of what matters most, and continues with the best",
        compare="a study compares recipes as they are: --vary FIELD=VALUE,VALUE names the values. "
        "ganvas train RECIPE DATA --tune tries three",
    ),
    habit("lr learning-rate base-lr blr init-lr lr0", train=LEARNING_RATES),
    habit("lr-g g-lr glr lrg gen-lr generator-lr lr-gen", train="--generator.learning-rate {}"),
    habit(
        "lr-d d-lr dlr lrd disc-lr discriminator-lr critic-lr lr-disc lr-critic",
        train="--discriminator.learning-rate {}",
    ),
    habit(
        "lr-decay lr-schedule lr-scheduler lr-policy lr-decay-iters decay-epoch scheduler sched",
        train="a learning rate can be a schedule: --generator.learning-rate linear:2e-4:0",
    ),
    habit("b1 beta-1 adam-beta1", train="--generator.beta1 {} and --discriminator.beta1 {}"),
    habit("b2 beta-2 adam-beta2", train="--generator.beta2 {} and --discriminator.beta2 {}"),
    habit(
        "betas adam-betas",
        train="--generator.beta1, --generator.beta2, --discriminator.beta1, --discriminator.beta2",
    ),
    habit("optim opt", train="--generator.optimizer {} and --discriminator.optimizer {}"),
    habit("weight-decay wd", train="the optimizers have no weight decay; leave it out"),
    habit(
        "grad-clip clip-grad clip-grad-norm max-grad-norm gradient-clip-val",
        train="gradients are not clipped; leave it out",
    ),
    # Batches and steps.
    habit(
        "batch-size batchsize bs b train-batch-size batch-gpu per-gpu-batch-size",
        check="--batch {}",
        train="--batch {}",
        every="not needed: the batch is fixed",
        resume="a run keeps its batch",
        compare="--shared batch={}",
    ),
    habit("gradient-accumulate-every grad-accum accum", train="--batch is the batch of one step"),
    habit(
        "n-critic ncritic critic-iters critic-steps n-dis d-steps num-d-steps n-d-steps d-iters "
        "disc-iters num-critic critic-iterations n-disc",
        train="--discriminator-steps {}",
    ),
    # The objective.
    habit("gan-mode gan-loss adv-loss loss-type loss-fn criterion", train="--objective.loss {}"),
    habit(
        "clip-value clip clip-param clip-weight weight-clip clamp",
        train="--objective.clip-weights {}",
    ),
    habit(
        "lambda-gp gp-weight gp-lambda gp lambda-gradient-penalty gradient-penalty-weight",
        train="--objective.penalties.gradient-penalty.weight {}",
    ),
    habit("gamma r1-gamma r1 lambda-r1 r1-weight", train="--objective.penalties.r1.weight {}"),
    habit("lecam lecam-weight lecam-ratio", train="--objective.penalties.lecam.weight 1"),
    habit("r2-gamma r2", train="--objective.penalties.r2.weight {}"),
    habit("label-smoothing smoothing smooth-labels", train="--objective.real-label 0.9"),
    habit("sn use-sn spectral", train="--objective.spectral-norm"),
    # The networks.
    habit(
        "model model-name arch net netg netd net-g net-d backbone cfg config recipe preset "
        "network-type gan-type",
        train="the recipe is the first word, a name or a file: ganvas train {} DATA. "
        "--network sets both networks",
        compare="--base {}, or --recipes for several",
        recipes="the recipe is the first word: ganvas recipes {}",
    ),
    habit(
        "z-dim zdim dim-z nz latent latent-size z-size noise-dim noise-size n-z code-dim",
        train="--latent-dim {}",
    ),
    habit("ngf g-channels g-conv-dim gf gen-channels", train="--generator.network.width {}"),
    habit("ndf d-channels d-conv-dim df disc-channels", train="--discriminator.network.width {}"),
    habit(
        "ch cbase fmap-base network-capacity hidden-dim hidden-size n-filters base-channels",
        train="--generator.network.width {} and --discriminator.network.width {}",
    ),
    habit("attn attn-res-layers attention self-attention", train="no network has attention"),
    # The images.
    habit(
        "image-size img-size imsize im-size resolution res image-resolution crop-size load-size "
        "input-size target-size",
        check="--size {}",
        train="--size {}",
        compare="--shared data.size={}",
        every="the size is that of the run",
    ),
    habit(
        "nc image-channels img-channels in-channels input-nc output-nc n-channels num-channels",
        check="--channels {}",
        train="--channels {}",
    ),
    habit("gray grey grayscale greyscale", check="--channels 1", train="--channels 1"),
    habit("rgb", check="--channels 3", train="--channels 3"),
    habit("rgba transparent alpha", check="--channels 4", train="--channels 4"),
    habit(
        "data dataset dataset-name dataroot data-root data-dir datadir data-path dataset-path "
        "dataset-dir train-data train-dir train-data-dir input input-dir images-dir image-dir "
        "image-folder img-dir folder path root source src",
        check="the images are the first word: ganvas check {}",
        train="the images are the second word: ganvas train RECIPE {}",
        sample="not needed: samples need no images",
        interpolate="not needed: samples need no images",
        project=AFTER_RUN,
        directions="not needed: directions are in the weights",
        mix="not needed: samples need no images",
        film="not needed: the run has its grids",
        demo="not needed: samples need no images",
        watch="the folder of runs is the first word: ganvas watch {}",
        export="not needed: the run knows its images",
        diagnose="not needed: the run's files say it",
        log="not needed: the run's files say it",
        report="not needed: the run knows its images",
        push="not needed: the run knows its images",
        compare="--data {}",
        every="--data {}",
        recipes="recipes are the same for all images",
    ),
    habit(
        "normalize normalise rescale stretch autocontrast value-range data-range",
        check="--pixel-range measured",
        train="--pixel-range measured",
    ),
    habit(
        "max-pixels max-image-pixels",
        check="--max-megapixels, in millions",
        train="--max-megapixels, in millions",
    ),
    habit(
        "no-labels no-label ignore-labels no-class no-classes uncond unconditional",
        check="--labels off",
        train="--labels scores, with any recipe but NAME-conditional",
    ),
    habit("center-crop centre-crop random-crop crop resize-mode", train="--fit crop"),
    habit("mirror hflip h-flip horizontal-flip random-flip x-flip", train="--flip"),
    habit(
        "aug-prob augment-prob aug-p augpipe-prob augment-p",
        train="--augmentation {}",
    ),
    habit(
        "aug augment augmentations aug-types data-augmentation use-aug",
        train="--augmentation 0.3",
    ),
    habit("ada use-ada adaptive-aug", train="--augmentation adaptive"),
    habit(
        "diffaug diff-aug diffaugment",
        train="--augmentation 1 --augmentation-policy diffaugment",
    ),
    habit("ada-target augment-target", train="--augmentation adaptive:0.6, of ranks, not signs"),
    habit(
        "val-split val-ratio val-size validation-split validation-fraction test-split test-size "
        "holdout hold-out split",
        check="--held-out {}",
        train="--held-out {}",
    ),
    habit(
        "cond conditional class-cond num-classes n-classes nclass n-class class classes class-idx "
        "class-id label",
        check="labels are found: --labels off|folders|1 chooses others",
        train="--labels on, or a recipe such as dcgan-conditional",
        sample="--label NAME, or each",
        interpolate="--label NAME,NAME, or each",
        project="--label NAME",
        directions="--label NAME",
        mix="--label NAME",
        compare="--recipes dcgan,dcgan-conditional",
    ),
    # Devices and precision.
    habit(
        "gpu gpu-id gpu-ids gpu-num cuda-device",
        every=f"{ANY_GPU}. Without it, a GPU is used where there is one",
        sample=ANY_GPU,
        demo=ANY_GPU,
        interpolate=ANY_GPU,
        project=ANY_GPU,
        **WITHOUT_DEVICE,
        compare="not needed: every GPU is used",
    ),
    habit(
        "cuda use-cuda use-gpu accelerator",
        every="--device cuda. Without it, a GPU is used where there is one",
        sample="--device cuda",
        interpolate="--device cuda",
        project="--device cuda",
        demo="--device cuda",
        **WITHOUT_DEVICE,
        compare="not needed: every GPU is used",
    ),
    habit(
        "cpu no-cuda no-gpu disable-cuda cpu-only use-cpu",
        every="--device cpu",
        **WITHOUT_DEVICE,
        compare="without a GPU, compare uses the CPU",
    ),
    habit("mps", train="--device mps", resume="--device mps", sample="--device mps"),
    habit(
        "gpus ngpu n-gpu n-gpus num-gpus gpu-count multi-gpus multi-gpu ddp distributed dist "
        "world-size nproc-per-node nodes num-nodes local-rank rank master-port",
        train="several GPUs are started by torchrun: torchrun --nproc-per-node N -m ganvas train "
        "RECIPE DATA",
        compare="not needed: every GPU is used. --workers N sets how many runs at a time",
    ),
    habit(
        "fp16 amp half use-amp mixed-precision autocast bf16 bfloat16 mixed",
        train="--precision bf16. The default, auto, uses it where the device has it",
        export="--weights float16",
    ),
    habit("fp32 float32 no-amp no-half no-fp16 full-precision", train="--precision fp32"),
    habit("torch-compile use-compile jit", train="--compile on"),
    habit(
        "num-workers workers n-workers nw num-threads n-threads threads n-cpu num-cpu cpus "
        "jobs n-jobs njobs j loader-workers",
        every="not needed: images are prepared once. OMP_NUM_THREADS sets the threads",
        compare="--workers {}",
    ),
    habit("format target export-format", export="--to {}"),
    habit("onnx", export="--to onnx, the default", every="ganvas export RUN"),
    habit("opset opset-version dynamic dynamic-axes simplify", export="not needed; leave it out"),
    habit("int8 quantize quantized quant", export="--weights float16. int8 changes the images"),
    # Seeds and samples.
    habit(
        "manual-seed random-seed rng-seed random-state",
        every="--seed {}",
        demo=ON_PAGE,
        check="nothing here is random",
        resume="a run keeps its seed",
        compare="--seeds N trains N seeds, from 0",
        diagnose="nothing here is random",
        export="nothing here is random",
        film="nothing here is random",
        watch="nothing here is random",
        log="nothing here is random",
        report="nothing here is random",
        push="the card shows samples of seed 0",
        recipes="nothing here is random",
    ),
    habit(
        "seed",
        demo=ON_PAGE,
        compare="--seeds N trains N seeds, from 0",
        resume="a run keeps its seed",
    ),
    habit("seeds", sample="-n N --seed 0: a number of images from one seed"),
    habit(
        "num-samples n-samples nsamples num-images num-imgs n-images n-imgs images samples count "
        "number num num-fake n-fake num-generate sample-size",
        sample="-n {}",
        interpolate="-n {}",
        evaluate="-n {}",
        train="a grid always has 64 images. After training: ganvas sample RUN -n {}",
        resume="ganvas sample RUN -n {}",
        compare="--samples {}",
        demo=ON_PAGE,
        every="ganvas sample RUN -n {}",
    ),
    habit(
        "grid rows cols nrow ncol columns grid-size save-grid",
        sample="not needed: without --out, the images are a grid. --out grid.png names it",
        train="not needed: grids are drawn in samples/ of the run",
        mix="--rows N and --columns N",
    ),
    habit(
        "styles col-styles style-range layer-idx layer-range layers-to-apply",
        mix="--layers 0-3: those of the rows, the coarsest first",
        directions="--layers 0-3, the coarsest first",
    ),
    habit("framerate frame-rate frames-per-second duration-frames", film="--fps {}"),
    habit(
        "trunc truncation truncation-psi psi",
        sample="--truncation {}",
        interpolate="--truncation {}",
        truncation="--truncation {}",
        evaluate="ganvas truncation RUN --truncation {} measures what it costs",
        demo=ON_PAGE,
        every="for ganvas sample, interpolate and truncation: --truncation {}",
    ),
    habit("target-image target-fname picture pictures", project=AFTER_RUN),
    habit("frames num-frames n-frames frames-per-step", interpolate="--steps {}"),
    habit(
        "s",
        check="--size {}",
        train="--size is the size, --seed the seed",
        sample="--seed {}",
        interpolate="--seed {}",
        evaluate="--seed {}",
    ),
    # Files.
    habit(
        "outdir out-dir output output-dir output-path output-file outf outfile dest save save-dir "
        "save-path save-to results results-dir result-dir log-dir logdir logs workdir work-dir "
        "working-dir exp-dir experiment-dir checkpoint-dir checkpoints-dir ckpt-dir models-dir "
        "model-dir default-root-dir sample-dir results-folder o",
        every="--out {}",
        demo="nothing is written; the page saves its pictures",
        watch="the folder of runs is the first word: ganvas watch {}",
        check="nothing is written; --json prints for programs",
        diagnose="nothing is written; --json prints for programs",
        recipes="redirect what is printed: ganvas recipes NAME > mine.toml",
        resume="a run continues in its own directory",
        evaluate="scores are added to the run; --json prints for programs",
        push="what is pushed lies in hub/ of the run",
        log="a log has a folder of its own in the run",
    ),
    habit(
        "repo repo-id repo-name hub-model-id hub-id",
        push="the repository is the second word: ganvas push RUN hf:{}",
    ),
    habit(
        "token hub-token hf-token use-auth-token",
        push="a token in a command stays in the shell's history: set HF_TOKEN, or hf auth login",
    ),
    habit("commit-message commit-msg", push="--message {}"),
    habit("licence", push="--license {}"),
    habit(
        "name exp-name experiment experiment-name run-name exp run-id tag project version-name",
        train="--out runs/{}",
        compare="--out studies/{}",
        push="the repository is the second word: ganvas push RUN hf:OWNER/{}",
        every=FIRST_WORD,
        check="nothing is written, so it needs no name",
        recipes="the recipe is the first word: ganvas recipes {}",
    ),
    habit(
        "run run-dir rundir model-path model-file weights network-pkl pkl generator load",
        train="ganvas resume {} continues a run",
        compare="ganvas compare DIRECTORY continues a study",
        every=FIRST_WORD,
        check="ganvas check takes images. A run: ganvas diagnose RUN",
        recipes="recipes are not runs",
    ),
    habit(
        "network",
        compare="--vary generator.network={} and --vary discriminator.network={}",
        every=FIRST_WORD,
        check="ganvas check takes images. A run: ganvas diagnose RUN",
        recipes="the networks are in ganvas recipes NAME",
    ),
    habit(
        "resume resume-from resume-from-checkpoint resume-path continue continue-train "
        "auto-resume load-from load-checkpoint checkpoint ckpt ckpt-path start-epoch",
        train="for a new run from its weights: --from {}. ganvas resume {} continues a run",
        resume="it continues from the newest whole checkpoint: ganvas resume RUN",
        compare="the same command continues a study",
        sample="--checkpoint {}: last, best or images seen",
        interpolate="--checkpoint {}: last, best or images seen",
        project="--checkpoint {}: last, best or images seen",
        directions="--checkpoint {}: last, best or images seen",
        mix="--checkpoint {}: last, best or images seen",
        demo="--checkpoint {}: last, best or images seen",
        evaluate="--checkpoint {}: last, best or images seen",
        export="--checkpoint {}: last, best or images seen",
        every="ganvas resume RUN continues a run",
    ),
    habit(
        "pretrained finetune fine-tune transfer init-from start-from",
        train="--from {}: the weights of an earlier run; there are no others",
        every="ganvas train RECIPE DATA --from RUN starts from the weights of an earlier run",
    ),
    habit(
        "freezed freeze-d freeze freeze-layers feature-loc",
        train="--freeze-discriminator {}",
    ),
    habit(
        "force overwrite exist-ok yes clean",
        train="a run is never overwritten: give another --out, or remove the old directory",
        compare="a study is never overwritten: give another --out, or remove the old directory",
        push="--update adds a commit to a repository that exists",
        every="not needed",
    ),
    habit(
        "dry-run dryrun",
        train="ganvas check DATA reads the images and trains nothing",
        compare="--plan",
        every="not needed",
    ),
    # What is written, and how often.
    habit(
        "snap snapshot snapshot-interval save-every save-freq save-interval save-steps save-iter "
        "save-epoch-freq checkpoint-interval checkpoint-every checkpoint-freq ckpt-every",
        train="--intervals.checkpoint, in images",
    ),
    habit(
        "sample-interval sample-every sample-freq sample-step sample-steps display-freq img-snap "
        "image-snapshot-ticks vis-freq preview-every",
        train="--intervals.samples, in images",
    ),
    habit(
        "log-interval log-every log-freq log-step log-steps logging-steps print-freq print-every "
        "disp-freq tick",
        train="--intervals.history, in images",
    ),
    habit(
        "eval-every eval-freq eval-interval eval-steps fid-every fid-interval "
        "calculate-fid-every val-interval val-every metrics-every test-every",
        train="--evaluation.every, in images",
        compare="--evaluations is how many scores a run gets",
    ),
    habit(
        "fid calculate-fid compute-fid fid-score",
        train="--evaluation.every 50k scores while training. fd-lite0 needs no download; "
        "--evaluation.metrics fd-inception is FID",
        evaluate="--metrics fd-inception is FID. fd-lite0, the default, needs no download",
        compare="--metrics fd-inception is FID. fd-lite0, the default, needs no download",
    ),
    habit("kid", evaluate="--metrics kid-lite0", compare="--metrics kid-lite0"),
    habit("isc inception", evaluate="--metrics inception-score"),
    habit("prc precision-recall prdc", evaluate="--metrics prdc-lite0"),
    habit("eval metric", train="--evaluation.every and --evaluation.metrics"),
    habit(
        "ema-decay ema-beta ema-rate ema-kimg ema use-ema moving-average",
        train="--ema-half-life, in images, is 10,000 by default; 0 turns the average off",
    ),
    habit("no-ema", train="--ema-half-life 0"),
    habit(
        "patience early-stopping early-stop",
        train="--on-failure stop ends a run that fails; --evaluation.every keeps its best "
        "checkpoint",
        compare="--stop-early",
    ),
    habit(
        "wandb use-wandb tensorboard use-tensorboard tb logger mlflow trackio report-to",
        train=f"--log {LOGGERS}",
        resume=f"--log {LOGGERS}",
        log=f"--to {LOGGERS}",
        every=f"ganvas log RUN --to {LOGGERS}",
    ),
    # Servers.
    habit("server-port http-port", demo="--port {}", watch="--port {}"),
    habit("server-name bind listen address ip", demo="--host {}", watch="--host {}"),
    habit("share public", demo=OTHER_MACHINES, watch=OTHER_MACHINES),
    habit("verbose v debug log-level loglevel", every="not needed: all that is known is printed"),
    habit(
        "quiet q silent no-progress",
        every="there is no such flag; redirect what is printed: > log.txt",
    ),
    habit("version", every="ganvas --version, without a command"),
)

EPOCHS = {
    *("epochs", "epoch", "n-epochs", "num-epochs", "max-epochs", "train-epochs", "total-epochs"),
    *("nepochs", "nepoch", "niter", "e"),
}
STEPS = {
    *("steps", "step", "n-steps", "num-steps", "max-steps", "train-steps", "total-steps"),
    *("num-train-steps", "max-train-steps", "iters", "iter", "n-iter", "n-iters", "niters"),
    *("num-iters", "num-iterations", "iterations", "max-iter", "max-iters", "max-iterations"),
    *("total-iters", "total-iterations"),
}
KIMG = {"kimg", "total-kimg", "max-kimg"}
"""Thousands of images, as StyleGAN counts them."""
