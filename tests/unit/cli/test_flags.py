"""How the command line reads counts, sizes and schedules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import pytest
import tyro
from annotated_types import Ge

from ganvas.cli.flags import FLAG_TYPES
from ganvas.schedules import Adaptive, AdaptiveSchedule, Ramp, Schedule


@dataclass(frozen=True)
class Flags:
    """Flags of every type."""

    images: Annotated[int, Ge(1)] = 64
    generator_batch: int | None = None
    size: tuple[int, int] = (32, 32)
    rate: Schedule = 2e-4
    augmentation: AdaptiveSchedule = 0.0
    share: float = 0.5
    flip: bool = False
    loss: Literal["hinge", "non-saturating"] = "hinge"
    on_failure: Literal["warn", "stop"] | None = None


def read(*words: str) -> Flags:
    with FLAG_TYPES:
        return tyro.cli(Flags, args=words)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], Flags()),
        (["--images", "200k"], Flags(images=200_000)),
        (["--images", "4.1M"], Flags(images=4_100_000)),
        (["--generator-batch", "1k"], Flags(generator_batch=1000)),
        (["--generator-batch", "None"], Flags()),
        (["--size", "64"], Flags(size=(64, 64))),
        (["--size", "64x96"], Flags(size=(64, 96))),
        (["--size", "64X96"], Flags(size=(64, 96))),
        (["--rate", "1e-3"], Flags(rate=1e-3)),
        (["--rate", "linear:2e-4:0"], Flags(rate=Ramp(shape="linear", start=2e-4, end=0.0))),
        (
            ["--rate", "cosine:1:0.1:2M"],
            Flags(rate=Ramp(shape="cosine", start=1.0, end=0.1, images=2_000_000)),
        ),
        (["--augmentation", "0.3"], Flags(augmentation=0.3)),
        (["--augmentation", "adaptive"], Flags(augmentation=Adaptive())),
        (
            ["--augmentation", "adaptive:0.7:1k"],
            Flags(augmentation=Adaptive(target=0.7, images=1_000)),
        ),
        (["--share", "0.25", "--flip"], Flags(share=0.25, flip=True)),
        (["--loss", "non-saturating"], Flags(loss="non-saturating")),
        (["--on-failure", "stop"], Flags(on_failure="stop")),
    ],
)
def test_flags_are_read_as_documented(words: list[str], expected: Flags) -> None:
    assert read(*words) == expected


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--images", "many"], "200k"),
        (["--images", "1.5"], "200k"),
        (["--size", "large"], "64x96"),
        (["--size", "x32"], "64x96"),
        (["--size", "32x32x3"], "64x96"),
        (["--rate", "fast"], "linear:START:END"),
        (["--rate", "nan"], "linear:START:END"),
        (["--rate", "adaptive:0.6"], "linear:START:END"),
        (["--augmentation", "adaptive:high"], "adaptive:TARGET"),
        (["--imagse", "3"], "--images"),
        (["--loss", "hing"], "Did you mean hinge?"),
        (["--loss", "xyz"], "All: hinge, non-saturating"),
        (["--on-failure", "stp"], "Did you mean stop?"),
    ],
)
def test_wrong_flag_says_what_was_expected_and_exits_with_2(
    words: list[str], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        read(*words)
    assert caught.value.code == 2
    assert expected in " ".join(capsys.readouterr().err.replace("│", " ").split())


def test_help_shows_defaults_in_the_form_that_flags_take(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as caught:
        read("--help")
    assert caught.value.code == 0
    shown = capsys.readouterr().out
    for text in ("32x32", "SIDE|HxW", "NUMBER|RAMP", "0.0002", "{hinge,non-saturating}"):
        assert text in shown
