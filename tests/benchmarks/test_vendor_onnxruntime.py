"""What ganvas ships of onnxruntime-web is what the pinned npm package holds."""

from __future__ import annotations

import gzip
import hashlib
import importlib
import io
import tarfile
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "src" / "ganvas" / "exports" / "onnxruntime_web"


@pytest.fixture
def vendor(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    return importlib.import_module("vendor_onnxruntime")


def test_the_shipped_files_are_those_of_the_package(vendor: ModuleType) -> None:
    for name, checksum in vendor.FILES.items():
        packed = SHIPPED / f"{name}.gz"
        content = gzip.decompress(packed.read_bytes()) if packed.exists() else b""
        content = content or (SHIPPED / name).read_bytes()
        assert hashlib.sha256(content).hexdigest() == checksum, name


def test_files_of_another_package_are_refused(vendor: ModuleType, tmp_path: Path) -> None:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as packed:
        for name in vendor.FILES:
            member = tarfile.TarInfo(f"package/dist/{name}")
            packed.addfile(member, io.BytesIO())
    archive.seek(0)
    with (
        tarfile.open(fileobj=archive) as packed,
        pytest.raises(Exception, match="is not the file that ganvas was tested with"),
    ):
        vendor.unpack(packed, tmp_path)
    assert list(tmp_path.iterdir()) == []
