"""From a run's files to a logger: each point once, whatever happened to the run."""

from __future__ import annotations

from collections import Counter

import pytest

from ganvas.loggers.follower import following
from ganvas.loggers.logger import Moment
from ganvas.loggers.names import LoggerKind
from ganvas.runs import Run

from ...builders import run_files
from ...builders.loggers import ONSET, REWIND, Rebuilder, Recorder, train_to

pytestmark = pytest.mark.usefixtures("recorder")


def follow(run: Run) -> None:
    with following(run, "wandb") as follower:
        follower.catch_up()


def steps(kind: str) -> list[int]:
    """Images seen at the points of a kind, in the order in which they were given."""
    return [seen for _, (given, seen, _) in Recorder.given if given == kind]


def losses() -> list[tuple[int, float]]:
    name = "generator/loss/adversarial"
    given = [(seen, what) for _, (kind, seen, what) in Recorder.given if kind == "scalars"]
    return [(seen, values[name]) for seen, values in given if name in values]


def test_logger_gets_numbers_pictures_scores_and_findings_in_the_order_of_images(run: Run) -> None:
    train_to(run, 64, 128)
    run.findings.append({"images_seen": 64, **ONSET})
    follow(run)
    assert [seen for _, (_, seen, _) in Recorder.given] == [64] * 4 + [128] * 3
    given = [what for _, (_, seen, what) in Recorder.given if seen == 64]
    assert given == [
        {
            "speed/seconds": 6.4,
            "generator/loss/adversarial": 64 / 3,
            "discriminator/loss/adversarial": 0.1,
        },
        (
            "findings/mode-collapse",
            "watch: mode-collapse. It makes few images. Try --batch 128",
        ),
        {"score/swd": 64 / 7, "score/swd/floor": 1.0},
        "000000064.png",
    ]


def test_each_point_has_the_time_of_its_record(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also a score or a grid that is given only after later records."""
    moments: list[Moment] = []
    monkeypatch.setattr(Recorder, "_note", lambda self, kind, at, what: moments.append(at))
    train_to(run, 64, 128, 192)
    run.findings.append({"images_seen": 130, **ONSET})
    run.scores.append(run_files.score(while_training=False, images_seen=32))
    follow(run)
    kinds = 3  # numbers, a score, a grid
    assert moments == [
        Moment(32, 0.0),
        *kinds * [Moment(64, 6.4)],
        *kinds * [Moment(128, 12.8)],
        Moment(130, 12.8),
        *kinds * [Moment(192, 19.2)],
    ]


def test_recipe_data_and_seed_are_hyper_parameters(run: Run) -> None:
    follow(run)
    (about,) = Recorder.begun
    assert about.name == "run"
    assert about.hyperparameters["data"] == "noise"
    assert about.hyperparameters["seed"] == 0
    assert about.hyperparameters["batch"] == run.read_recipe().batch
    assert about.hyperparameters["data.size"] == "16x16"
    assert all(isinstance(v, bool | int | float | str) for v in about.hyperparameters.values())


def test_each_call_gives_only_what_is_new(run: Run) -> None:
    with following(run, "wandb") as follower:
        follower.catch_up()
        assert Recorder.given == []
        train_to(run, 64)
        follower.catch_up()
        train_to(run, 128)
        follower.catch_up()
        follower.catch_up()
    assert steps("picture") == [64, 128]
    assert losses() == [(64, 64 / 3), (128, 128 / 3)]
    assert Recorder.closed == 1


def test_second_score_of_one_moment_is_not_lost(run: Run) -> None:
    with following(run, "wandb") as follower:
        run.scores.append(run_files.score(metric="swd"))
        follower.catch_up()
        run.scores.append(run_files.score(metric="fd-lite0"))
        follower.catch_up()
    names = [name for _, (_, _, values) in Recorder.given for name in values]
    assert names == ["score/swd", "score/swd/floor", "score/fd-lite0", "score/fd-lite0/floor"]


def test_line_that_is_being_written_comes_when_it_is_whole(run: Run) -> None:
    with following(run, "wandb") as follower:
        train_to(run, 64)
        whole = run.history.path.read_bytes()
        run.history.path.write_bytes(whole[:-9])
        follower.catch_up()
        assert losses() == []
        run.history.path.write_bytes(whole)
        follower.catch_up()
    assert losses() == [(64, 64 / 3)]


def test_resumed_run_sends_a_service_nothing_twice_under_the_same_id(run: Run) -> None:
    train_to(run, 64, 128, 192)
    follow(run)
    run.delete_records_after(128)  # a kill, and a checkpoint at 128
    train_to(run, 192, 256)
    follow(run)
    assert steps("picture") == [64, 128, 192, 256]
    assert [seen for seen, _ in losses()] == [64, 128, 192, 256]
    assert len({about.id for about in Recorder.begun}) == 1


def test_rewound_run_is_another_run_of_a_service(run: Run) -> None:
    train_to(run, 64, 128, 192)
    follow(run)
    run.delete_records_after(64)
    run.findings.append({"images_seen": 64, **REWIND})
    train_to(run, 128)
    follow(run)
    first, second = (about.id for about in Recorder.begun)
    assert first != second
    rewound = [given for name, given in Recorder.given if name == second]
    assert [seen for kind, seen, _ in rewound if kind == "picture"] == [64, 128]
    (text,) = [what for kind, _, what in rewound if kind == "text"]
    assert text == (
        "findings/rewind",
        "rewound to here from 192 images, because of mode-collapse",
    )
    points = Counter((name, kind, seen) for name, (kind, seen, _) in Recorder.given)
    assert set(points.values()) <= {1, 2}, "two rows of numbers at one moment: record and score"


def test_logger_that_rebuilds_gets_everything_each_time(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LoggerKind, "load", lambda kind: Rebuilder)
    train_to(run, 64, 128)
    follow(run)
    follow(run)
    assert steps("picture") == [64, 128, 64, 128]
    assert not (run.directory / "wandb" / "sent.json").exists()


def test_score_measured_again_replaces_the_one_before_and_is_sent_once(run: Run) -> None:
    for value in (3.0, 2.0):
        run.scores.append(run_files.score(while_training=False, value=value))
    follow(run)
    follow(run)
    run.scores.append(run_files.score(while_training=False, metric="fd-lite0"))
    follow(run)
    given = [what for _, (_, _, what) in Recorder.given]
    assert given == [
        {"evaluation/swd": 2.0, "evaluation/swd/floor": 1.0},
        {"evaluation/fd-lite0": 2.0, "evaluation/fd-lite0/floor": 1.0},
    ]


def test_logger_is_closed_after_an_error(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object) -> None:
        raise RuntimeError("gone")

    monkeypatch.setattr(Recorder, "picture", fail)
    train_to(run, 64)
    with pytest.raises(RuntimeError, match="gone"):
        follow(run)
    assert Recorder.closed == 1
