"""Flags of other tools, and misspelt ones: what to type instead, and never a wrong guess."""

from __future__ import annotations

import itertools
import pickle
import re
from collections import Counter
from collections.abc import Iterator

import pytest

from ganvas.cli import main
from ganvas.cli.commands import COMMANDS
from ganvas.cli.known_flags import Parser, flag_parsers, flags_of
from ganvas.cli.other_tools import EVERY, other_tools
from ganvas.cli.parsing import parse
from ganvas.cli.train import Train, defaults_by_name
from ganvas.cli.wrong_flags import with_typed_flag
from ganvas.errors import ArgumentError, GanvasError, UsageError
from ganvas.recipes import CATALOG

TRAINING = ["train", "dcgan", "fashion"]
NAMED_FLAG = re.compile(r"(?<![\w.-])--?[a-z](?:[\w.-]*\w)?")


def refusal(*words: str) -> str:
    """The message about these arguments."""
    with pytest.raises(UsageError) as caught:
        parse(list(words))
    return str(caught.value)


def hint(*words: str) -> str:
    """What the message says about the one wrong flag."""
    (line,) = refusal(*words).splitlines()
    command, flag, text = line.split(": ", 2)
    assert command == words[0]
    assert flag.startswith("-")
    return text


# ---- which flags there are


@pytest.mark.parametrize("recipe", ["mlp", "dcgan", "resnet", "r3gan", "pacgan-points"])
def test_the_flags_of_train_are_those_that_its_help_lists(
    recipe: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    flags = flags_of(Train, defaults_by_name(recipe, []))
    assert flags == listed_in_help(["train", recipe, "fashion"], capsys, monkeypatch)


@pytest.mark.parametrize("name", [name for name in COMMANDS if name != "train"])
def test_the_flags_of_a_command_are_those_that_its_help_lists(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert flags_of(COMMANDS[name]) == listed_in_help([name], capsys, monkeypatch)


def listed_in_help(
    words: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> set[str]:
    monkeypatch.setenv("COLUMNS", "100")  # one column, and no flag is broken over two lines
    with pytest.raises(SystemExit):
        parse([*words, "--help"])
    # A flag stands at the beginning of a line, in a box or without one; its help is indented.
    entries = re.findall(r"^[│ ] (-\S.*?)(?: {2,}|│|$)", capsys.readouterr().out, re.MULTILINE)
    return {flag for entry in entries for flag in NAMED_FLAG.findall(entry)} | {"-h"}


def test_help_breaks_no_number_at_its_comma(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """tyro breaks words that do not fit at commas."""
    monkeypatch.setenv("COLUMNS", "1000")
    with pytest.raises(SystemExit):
        parse([*TRAINING, "--help"])
    flags = capsys.readouterr().out.partition("--out")[2]
    assert re.findall(r".*\b\d{1,3},\d{3}\b.*", flags) == []


# ---- the table


def hints_with_commands() -> Iterator[tuple[str, str]]:
    for row in other_tools().habits:
        for command, text in row.hints.items():
            others = [name for name in COMMANDS if name not in row.hints]
            for name in others if command == EVERY else [command]:
                yield name, text


def test_every_flag_that_the_table_names_exists_in_the_command_that_is_meant() -> None:
    flags = {name: flags_of(kind) for name, kind in COMMANDS.items()}
    torchrun = {"--nproc-per-node", "-m"}
    for command, text in hints_with_commands():
        # After `ganvas NAME`, flags are those of that command.
        for part in re.split(r"(?=\bganvas [a-z]+\b)", text):
            named = re.match(r"ganvas ([a-z]+)", part)
            known = flags[named[1]] if named and named[1] in flags else flags[command]
            for flag in NAMED_FLAG.findall(part):
                if flag == "--version" or flag in torchrun:
                    continue
                assert flag in known, f"{command}: {text}"


def test_no_name_stands_in_two_rows_and_all_are_written_in_kebab_case() -> None:
    names = [name for row in other_tools().habits for name in row.names]
    counted = Counter(itertools.chain(names, *other_tools().counts.values()))
    assert [name for name, count in counted.items() if count > 1] == []
    assert all(re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name) for name in counted)


def test_every_hint_is_for_a_command_or_for_all() -> None:
    for row in other_tools().habits:
        assert row.hints.keys() <= {*COMMANDS, EVERY}, row
    assert other_tools().counts.keys() == {"epochs", "steps", "thousands"}


def test_the_flag_of_another_tool_never_leads_to_an_error_of_ours() -> None:
    """With each command that has a hint of its own, and with the others in turns."""
    flags = {name: flags_of(kind) for name, kind in COMMANDS.items()}
    refused = set()
    for row, other in zip(other_tools().habits, itertools.cycle(COMMANDS), strict=False):
        for command in {*row.hints, other} - {EVERY}:
            words = ["dcgan", "fashion"] if command == "train" else []
            flag = f"--{row.names[0]}"
            if flag not in flags[command]:
                assert flag in refusal(command, *words, flag, "1")
                refused.add(command)
    assert refused == {*COMMANDS}


# ---- hints


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (
            ["--lr", "1e-4"],
            "use --generator.learning-rate 1e-4 and --discriminator.learning-rate 1e-4",
        ),
        (["--learning_rate=1e-4"], "--discriminator.learning-rate 1e-4"),
        (["--batch-size", "16"], "use --batch 16"),
        (["--batchSize", "16"], "use --batch 16"),
        (["-b", "16"], "use --batch 16"),
        (["--resolution", "64"], "use --size 64"),
        (["--imageSize", "64"], "use --size 64"),
        (["--gpu", "0"], "use --device cuda"),
        (["--cuda"], "use --device cuda"),
        (["--no-cuda"], "use --device cpu"),
        (["--gpus", "2"], "torchrun --nproc-per-node N -m ganvas train"),
        (["--amp"], "use --precision bf16"),
        (["--outdir", "x y"], "use --out 'x y'"),
        (["-o", "x"], "use --out x"),
        (["--data", "photos"], "the images are the second word: ganvas train RECIPE photos"),
        (["--model", "resnet"], "the recipe is the first word"),
        (["--mirror", "1"], "use --flip"),
        (["--aug-prob", "0.2"], "use --augmentation 0.2"),
        (["--ada"], "use --augmentation adaptive"),
        (["--diffaug"], "use --augmentation 1 --augmentation-policy diffaugment"),
        (["--lecam", "0.3"], "use --objective.penalties.lecam.weight 1"),
        (["--gamma", "10"], "use --objective.penalties.r1.weight 10"),
        (["--lambda_gp", "10"], "use --objective.penalties.gradient-penalty.weight 10"),
        (["--n-critic", "5"], "use --discriminator-steps 5"),
        (["--clip_value", "0.01"], "use --objective.clip-weights 0.01"),
        (["--nz", "100"], "use --latent-dim 100"),
        (["--ngf", "64"], "use --generator.network.width 64"),
        (["--snap", "10"], "use --intervals.checkpoint, in images"),
        (["--resume", "runs/x"], "ganvas resume runs/x continues a run"),
        (["--num-samples", "5"], "ganvas sample RUN -n 5"),
        (["--overwrite"], "give another --out"),
        (["--class", "3"], "use --labels on, or a recipe such as dcgan-conditional"),
        (["--cond"], "use --labels on"),
        # the same name, deeper in the recipe
        (["--loss", "hinge"], "use --objective.loss hinge"),
        (["--beta1", "0"], "use --discriminator.beta1 0 or --generator.beta1 0"),
        (["--spectral-norm"], "use --objective.spectral-norm ..."),
        # misspelt
        (["--seedd", "1"], "no such flag. Did you mean --seed?"),
        (["--spectal-norm"], "no such flag. Did you mean --objective.spectral-norm?"),
        (["--objective.clip", "0"], "use --objective.clip-weights 0"),
        (["--objective.fake-label", "0.1"], "smoothing is one-sided, --objective.real-label 0.9"),
        (["--keep"], "no such flag. Did you mean --keep-duplicates?"),
        (["--objective.real-lable", "1"], "no such flag. Did you mean --objective.real-label?"),
        # budgets
        (
            ["--epochs", "20"],
            "ganvas counts images, not epochs: --images 180k is 20 epochs of 9,000 images",
        ),
        (["--epochs", "20", "--held-out", "0"], "--images 200k is 20 epochs of 10,000 images"),
        (["-e", "1"], "--images 9k is 1 epoch of 9,000 images"),
        (
            ["--steps", "5000"],
            "ganvas counts images, not steps: --images 160k is 5,000 steps of 32 images",
        ),
        (["--max_iter", "500", "--batch", "10"], "--images 5k is 500 steps of 10 images"),
        (["--kimg", "25"], "ganvas counts images, not thousands: --images 25k"),
        (["--epochs", "many"], "--images 200k is 20 epochs of 10,000 images"),
    ],
)
def test_train_says_what_to_type_for_a_flag_of_another_tool(
    words: list[str], expected: str
) -> None:
    assert expected in hint(*TRAINING, *words)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["check", "x", "--image-size", "64"], "use --size 64"),
        (["check", "x", "--path", "y"], "the images are the first word: ganvas check y"),
        (["sample", "x", "--num-images", "5"], "use -n 5"),
        (["sample", "x", "--images", "5"], "use -n 5"),
        (["sample", "x", "--class", "Dress"], "use --label NAME, or each"),
        (["sample", "x", "--network", "y.pkl"], "the run is the first word: ganvas sample y.pkl"),
        (["sample", "x", "--outdir", "y"], "use --out y"),
        (["sample", "x", "--lr", "3"], "no such flag. For ganvas train: use --generator"),
        (["sample", "x", "--augmentation", "3"], "no such flag. It belongs to ganvas train"),
        (["evaluate", "x", "--num-samples", "5"], "use -n 5"),
        (["evaluate", "x", "--batch-size", "5"], "the batch is fixed"),
        (["evaluate", "x", "--fid"], "fd-inception"),
        (["interpolate", "x", "--num-frames", "5"], "use --steps 5"),
        (["interpolate", "x", "--loop"], "not needed: a film of it is a loop"),
        (["film", "x", "--loop"], "ganvas interpolate RUN --out walk.gif"),
        (["project", "x", "--target-image", "y.png"], "follow the run: ganvas project RUN y.png"),
        (["resume", "x", "--epochs", "3"], "--images 30k is 3 epochs of 10,000 images"),
        (["resume", "x", "--seed", "3"], "a run keeps its seed"),
        (["resume", "x", "--generator.learning-rate", "3"], "health advises: ganvas diagnose RUN"),
        (["resume", "x", "--generator.learning-rate", "3"], "ganvas train RECIPE DATA --from RUN."),
        (
            ["resume", "x", "--lr", "3"],
            "weights, ganvas train RECIPE DATA --from RUN: use --generator.learning-rate 3",
        ),
        (["compare", "--batch", "16"], "use --shared batch=16"),
        (["compare", "--flip"], "use --shared data.flip=true"),
        (
            ["compare", "--lr", "1e-4"],
            "use --shared generator.learning_rate=1e-4 and "
            "--shared discriminator.learning_rate=1e-4",
        ),
        (["compare", "--objective.loss", "hinge"], "use --shared objective.loss=hinge"),
        (["compare", "--seed", "3"], "--seeds N"),
        (["diagnose", "x", "--run", "y"], "the run is the first word: ganvas diagnose y"),
        (["report", "x", "--output", "y.html"], "use --out y.html"),
        (["recipes", "--recipe", "wgan"], "ganvas recipes wgan"),
    ],
)
def test_every_command_says_what_to_type(words: list[str], expected: str) -> None:
    assert expected in hint(*words)


@pytest.mark.parametrize(
    "flag", ["--zzz", "--dilate", "--temperature", "--kernel-size", "--warmup", "--fused-modconv"]
)
def test_nothing_is_suggested_where_no_flag_is_near(flag: str) -> None:
    assert hint(*TRAINING, flag, "1") == "no such flag. All flags: ganvas train --help"


def test_epochs_of_data_that_cannot_be_opened_are_an_example() -> None:
    text = hint("train", "dcgan", "no-such-folder", "--epochs", "20")
    assert text == (
        "ganvas counts images, not epochs: for example, --images 200k is 20 epochs of 10,000 images"
    )


def test_epochs_are_computed_although_other_flags_are_wrong_too() -> None:
    text = refusal("train", "--cuda", "dcgan", "fashion", "--epochs", "20", "--workers", "2")
    assert "--images 180k is 20 epochs of 9,000 images" in text


def test_all_wrong_flags_are_named_in_one_message(capsys: pytest.CaptureFixture[str]) -> None:
    code = main([*TRAINING, "--lr", "1", "--seedd", "3", "--zzz", "--lr", "1"])
    assert code == 2
    assert capsys.readouterr().err.splitlines() == [
        "ganvas: train: 3 problems",
        "  --lr: use --generator.learning-rate 1 and --discriminator.learning-rate 1",
        "  --seedd: no such flag. Did you mean --seed? All flags: ganvas train --help",
        "  --zzz: no such flag. All flags: ganvas train --help",
    ]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_value_that_is_none_is_named_in_one_message_of_ours(name: str) -> None:
    first = ["dcgan", "fashion"] if name == "train" else []
    default = defaults_by_name("dcgan", []) if name == "train" else None
    parsers = flag_parsers(COMMANDS[name], default)
    strict = [flag for flag, parse in parsers.items() if refuses(parse)]
    if strict:
        text = refusal(name, *first, *itertools.chain.from_iterable((f, "abc") for f in strict))
        for flag in strict:
            assert re.search(rf"(^  |: ){flag}: .*'abc'", text, re.MULTILINE), (flag, text)


def refuses(parse: Parser | None) -> bool:
    """Whether a value must have a form, such as that of a number."""
    try:
        return parse is not None and parse("abc") is None
    except ValueError:
        return True


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["sample", "x", "--truncation", "half"], "must be a number, got 'half'"),
        (["sample", "x", "-n", "nan"], "'nan' is no whole number: expected something like 64"),
        (["evaluate", "x", "--samples=1.5"], "'1.5' is no whole number"),
        (["watch", "x", "--port", "-1"], "'-1' is no port: expected 1 to 65535, for example 8150"),
        (["directions", "x", "--method", "pca"], "'pca' is none of its values."),
        (["check", "x", "--labels", "a/b.CSV"], "a/b.CSV: a table of labels needs no flag"),
        ([*TRAINING, "--generator_batch", "x"], "'x' is no whole number"),
        ([*TRAINING, "--generator.learning-rate", "fast"], "'fast' is no schedule: give a number"),
    ],
)
def test_a_value_that_is_none_is_told_what_is_expected(words: list[str], expected: str) -> None:
    assert hint(*words).startswith(expected)


def test_wrong_values_and_wrong_flags_are_one_message(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sample", "x", "-n", "many", "--lr", "1"]) == 2
    first, *others = capsys.readouterr().err.splitlines()
    assert first == "ganvas: sample: 2 problems"
    assert [line.split(":")[0] for line in others] == ["  -n", "  --lr"]


def test_help_is_given_beside_wrong_flags(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        parse([*TRAINING, "--zzz", "--help"])
    assert caught.value.code == 0
    assert "--augmentation" in capsys.readouterr().out


@pytest.mark.parametrize(
    "words",
    [
        [*TRAINING, "--held_out", "0.2"],
        [*TRAINING, "--size=64"],
        ["sample", "x", "-n5"],
        ["evaluate", "x", "--samples", "5"],
    ],
)
def test_flags_that_exist_are_left_to_be_parsed(words: list[str]) -> None:
    parse(words)


def test_every_recipe_keeps_its_own_flags() -> None:
    for name in CATALOG:
        parse(["train", name, "fashion", "--generator.learning-rate", "1e-4"])


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["sample", "runs/a", "16"], "16: not expected. Give ganvas sample RUN, then flags; "),
        (["train", "dcgan", "x", "y", "z"], "y z: not expected. Give ganvas train RECIPE DATA, "),
        (["log", "runs/a", "tensorboard"], "tensorboard: use --to tensorboard"),
        (["log", "runs/a", "wandb", "mlflow"], "wandb mlflow: use --to wandb mlflow"),
        (["log", "runs/a", "runs/b"], "see ganvas log --help"),
        (["export", "runs/a", "web"], "web: use --to web"),
        (["export", "runs/a", "model.onnx"], "see ganvas export --help"),
        (["check", "x", "--flip=abc"], "abc: not expected. Give ganvas check DATA, then flags; "),
        (["check", "x", "--flip", "abc"], "abc: not expected. Give ganvas check DATA"),
        (["--bogus"], "--bogus: flags follow a command, such as train; see ganvas --help"),
        (["--out", "x", "train", "dcgan", "fashion"], "--out: flags follow a command"),
    ],
)
def test_words_that_no_command_takes_are_one_line(arguments: list[str], problem: str) -> None:
    with pytest.raises(GanvasError) as caught:
        parse(arguments)
    assert problem in str(caught.value)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["RUN", "--steps", "0"], "--steps: expected more"),
        (["RUN", "--first_steps=0"], "steps: expected more"),
        (["RUN", "--", "--steps"], "steps: expected more"),
    ],
)
def test_a_wrong_argument_is_named_as_the_flag_that_was_typed(
    words: list[str], expected: str
) -> None:
    assert with_typed_flag(ArgumentError("steps", "expected more"), words) == expected


def test_a_wrong_argument_has_a_line_for_each_problem_and_travels_between_processes() -> None:
    error = pickle.loads(pickle.dumps(ArgumentError("on_failure", "one", "two")))
    assert str(error) == "on_failure: one\non_failure: two"
    assert with_typed_flag(error, ["--on_failure=x"]) == "--on_failure: one\n--on_failure: two"
