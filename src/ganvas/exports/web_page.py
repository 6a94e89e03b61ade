"""A trained generator as a web page that makes its pictures in the browser, by onnxruntime-web.

One HTML file opens from a disk and asks for nothing. As a folder, for a web server, the same page
loads the files beside it. `onnxruntime_web/` holds what is shipped of onnxruntime-web;
`benchmarks/vendor_onnxruntime.py` makes it again.
"""

from __future__ import annotations

import dataclasses
import gzip

import ganvas
from ganvas import storage
from ganvas.exports.demo_page import DemoPage, PageRun, page_file, page_run
from ganvas.exports.onnx_file import checked_onnx
from ganvas.exports.request import ExportRequest
from ganvas.package_files import package_bytes

RUNTIME = "ort.wasm.bundle.min.mjs"
MACHINE = "ort-wasm-simd-threaded.wasm.gz"
LICENSE = "LICENSE-onnxruntime-web.txt"
GENERATOR = "generator.onnx"
PAGE = "index.html"

POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' 'wasm-unsafe-eval' blob:; "
    "style-src 'unsafe-inline'; img-src data: blob:; base-uri 'none'; form-action 'none'"
)
"""What the page may load: nothing. `blob:` is what it unpacks of itself."""
POLICY_OF_FOLDER = f"{POLICY}; connect-src 'self'"

SCRIPTS = ("random.js", "browser.js")
ABOUT_SEEDS = "Not the seeds of ganvas sample: a browser cannot repeat torch's random numbers."
FOOTER = (
    f"Made by ganvas {ganvas.__version__}. The generator runs in your browser with onnxruntime-web "
    "1.30.0 (MIT License, Microsoft), and nothing is sent anywhere."
)


def write_web_page(request: ExportRequest) -> str:
    """Write the page, as one file or as a folder, and say how its generator compares with torch."""
    run = page_run(request.name, request.trained, moves_styles=False)
    generator, comparison = checked_onnx(dataclasses.replace(request, output="uint8"))
    if request.folder:
        with storage.write_errors(request.out), storage.atomic_directory(request.out) as draft:
            for name, content in web_folder(run, generator).items():
                storage.write_bytes(draft / name, content)
    else:
        storage.make_directory(request.out.parent)
        storage.write_bytes(request.out, web_page(run, generator))
    return comparison


def web_page(run: PageRun, generator: bytes) -> bytes:
    """The page as one HTML file.

    Args:
        run: what `page_run` describes.
        generator: as `onnx_bytes` gives it, with uint8 output.
    """
    parts = {
        "runtime": gzip.compress(shipped(RUNTIME), 9, mtime=0),
        "machine": shipped(MACHINE),
        "generator": gzip.compress(generator, 9, mtime=0),
    }
    return DemoPage([run], _scripts(), ABOUT_SEEDS, FOOTER, POLICY, parts).render()


def web_folder(run: PageRun, generator: bytes) -> dict[str, bytes]:
    """The page as files for a web server, by their names; otherwise as `web_page`."""
    names = {"runtime": RUNTIME, "machine": MACHINE, "generator": GENERATOR}
    page = DemoPage([run], _scripts(), ABOUT_SEEDS, FOOTER, POLICY_OF_FOLDER, files=names)
    return {
        GENERATOR: generator,
        **{name: shipped(name) for name in (RUNTIME, MACHINE, LICENSE)},
        PAGE: page.render(),
    }


def shipped(name: str) -> bytes:
    """A file of onnxruntime-web that ganvas ships."""
    return package_bytes(f"exports/onnxruntime_web/{name}")


def _scripts() -> list[str]:
    return [page_file(name) for name in SCRIPTS]
