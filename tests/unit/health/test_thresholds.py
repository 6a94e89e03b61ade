"""Every limit of the rules says where it comes from, and can be replaced."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import itertools
from dataclasses import replace

from ganvas.health import thresholds
from ganvas.health.thresholds import Thresholds
from tests.builders.symptoms import evidence, symptoms


def test_thresholds_can_be_replaced() -> None:
    noisy = evidence("dcgan", {"probe/checkerboard/ratio": 2.0})
    assert symptoms(noisy) == []
    strict = replace(noisy, thresholds=Thresholds(checkerboard=1.5))
    assert symptoms(strict) == ["checkerboard"]


def test_every_threshold_has_a_docstring() -> None:
    (body,) = (
        node.body
        for node in ast.parse(inspect.getsource(thresholds)).body
        if isinstance(node, ast.ClassDef)
    )
    fields = {f.name for f in dataclasses.fields(Thresholds)}
    explained = {
        node.target.id
        for node, following in itertools.pairwise(body)
        if isinstance(node, ast.AnnAssign)
        and isinstance(node.target, ast.Name)
        and isinstance(following, ast.Expr)
    }
    assert explained == fields
