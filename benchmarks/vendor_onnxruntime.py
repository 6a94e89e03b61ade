"""Make what ganvas ships of onnxruntime-web: `python benchmarks/vendor_onnxruntime.py FOLDER`.

It downloads the pinned npm package (npm and access to a registry), checks its checksum, and writes
the two files that run a model on the CPU: the module as it is, and the WebAssembly packed by gzip.
The npm package has no licence file; the one beside them is that of the onnxruntime repository.
FOLDER must be new; copy its files to src/ganvas/exports/onnxruntime_web/.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import sys
import tarfile
from pathlib import Path

from fetch import FetchError, Package, fetch, read_member

MODULE, WEBASSEMBLY = "ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm"

FILES = {
    MODULE: "11e64bd8ffe11bd1a2a2f0d6275fdfbbba7262f0b76b99b53d228a8a22ef3d90",
    WEBASSEMBLY: "3398c10d07d229bd91b364548e130e0e51a8e5704b88c7c083ebbeb78842dee2",
}
"""The files of the package that ganvas ships, and their SHA-256, unpacked."""


def unpack(packed: tarfile.TarFile, target: Path) -> None:
    """Write the files; WebAssembly is packed by gzip, without a date."""
    for name, checksum in FILES.items():
        content = read_member(packed, f"dist/{name}")
        if hashlib.sha256(content).hexdigest() != checksum:
            raise FetchError(f"{name} is not the file that ganvas was tested with")
        if name == WEBASSEMBLY:
            (target / f"{name}.gz").write_bytes(gzip.compress(content, 9, mtime=0))
        else:
            (target / name).write_bytes(content)


PACKAGE = Package(
    "onnxruntime-web@1.30.0",
    "d2228df7e4616bc3348bf504ee888f3bec43789a273f0a63f3e68d203ce3bf71",
    unpack,
)


def main() -> int:
    """Download, and print the files."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="a new or empty folder")
    folder = parser.parse_args().folder
    try:
        fetch(PACKAGE, folder)
    except FetchError as error:
        print(f"vendor_onnxruntime: {error}", file=sys.stderr)
        return 2
    for path in sorted(folder.iterdir()):
        print(f"{path}: {path.stat().st_size:,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
