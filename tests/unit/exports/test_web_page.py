"""The exported page as text: complete, and without a way out. A browser opens it in end_to_end."""

from __future__ import annotations

import base64
import gzip
import json
import re
from pathlib import Path

import pytest

from ganvas.exports import web_page
from ganvas.exports.demo_page import PageRun, page_file, page_run
from ganvas.exports.web_page import shipped

from ...builders.generator_folders import LABELS, write_generator
from ...builders.generators import small_generator

MODEL = b"the generator as ONNX"


@pytest.fixture
def run(tmp_path: Path) -> PageRun:
    return page_run("<!--<script>", write_generator(tmp_path / "run", labels=LABELS), True)


def test_the_one_file_has_all_parts_inside(run: PageRun) -> None:
    text = web_page.web_page(run, MODEL).decode()
    parts = dict(re.findall(r'type="application/gzip;base64" id="(\w+)">([^<]*)<', text))
    unpacked = {name: gzip.decompress(base64.b64decode(part)) for name, part in parts.items()}
    assert unpacked["generator"] == MODEL
    assert unpacked["machine"][:4] == b"\0asm"
    assert b"ONNX Runtime Web v1.30.0" in unpacked["runtime"]


def test_no_address_leads_out_and_none_may_be_asked(run: PageRun) -> None:
    text = web_page.web_page(run, MODEL).decode()
    assert re.findall(r"https?://", text) == []
    assert re.findall(r'(?:src|href)="(?!#|data:)', text) == []
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', text)
    assert "default-src &#39;none&#39;" in policy
    assert "connect-src" not in policy


def test_no_text_can_end_the_element_that_it_stands_in(run: PageRun) -> None:
    text = web_page.web_page(run, MODEL).decode()
    assert text.count("</script>") == 5, "config, three parts, and the script itself"
    (config,) = re.findall(r'id="config">(.*?)</script>', text)
    table = json.loads(config)["runs"][0]
    assert table["name"] == "<!--<script>"
    assert table["labels"] == list(LABELS.names)
    assert table["label_counts"] == list(LABELS.counts)
    for name in ("demo.js", "browser.js", "random.js"):
        assert "</script" not in page_file(name)


def test_a_folder_has_the_same_page_with_files_beside_it(run: PageRun) -> None:
    folder = web_page.web_folder(run, MODEL)
    page = folder["index.html"].decode()
    (config,) = re.findall(r'id="config">(.*?)</script>', page)
    assert set(json.loads(config)["files"].values()) < folder.keys()
    assert folder["generator.onnx"] == MODEL
    assert b"MIT License" in folder["LICENSE-onnxruntime-web.txt"]
    assert len(page) < 60_000
    assert "connect-src &#39;self&#39;" in page


@pytest.mark.parametrize(
    ("family", "on_exported_page", "served"),
    [("dcgan", True, True), ("style", False, True), ("fastgan", False, False)],
)
def test_truncation_is_offered_where_it_has_an_effect(
    family: str, on_exported_page: bool, served: bool
) -> None:
    generator = small_generator(family)
    expected = {False: on_exported_page, True: served}
    for moves_styles, offered in expected.items():
        run = page_run("run", generator, moves_styles)
        assert run.to_table()["truncates"] is offered


def test_the_licence_of_the_runtime_is_shipped() -> None:
    assert b"Copyright (c) Microsoft Corporation" in shipped("LICENSE-onnxruntime-web.txt")
