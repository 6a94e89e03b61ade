"""Inception's weights are found, checked and never downloaded; errors name what is missing.

The package torch-fidelity is replaced by a tiny one, because it needs a torchvision; the last test
runs where the real ones are.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from ganvas.errors import GanvasError
from ganvas.metrics import inception
from ganvas.metrics.feature_networks import load_feature_network
from ganvas.metrics.inception import FILES, VARIABLE, load_inception, load_inception_classes

CPU = torch.device("cpu")

TINY_FIDELITY = """
import torch

__version__ = "9.9"


class FeatureExtractorInceptionV3(torch.nn.Module):
    def __init__(self, name, features_list, feature_extractor_weights_path=None):
        super().__init__()
        assert feature_extractor_weights_path is not None, "would be downloaded"
        self.features_list = features_list
        self.fc = torch.nn.Linear(3, 2048)
        self.load_state_dict(torch.load(feature_extractor_weights_path, weights_only=False))

    def forward(self, pixels):
        assert pixels.dtype == torch.uint8 and pixels.shape[1] == 3
        every = self.fc(pixels.float().mean((2, 3)))
        sizes = {"2048": 2048, "logits_unbiased": 1008}
        return tuple(every[:, : sizes[layer]] for layer in self.features_list)
"""

Package = Callable[[str], None]


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Package:
    """Installs a module torch_fidelity with the given source, and takes it out again."""

    def install(source: str) -> None:
        folder = tmp_path / "packages" / "torch_fidelity"
        folder.mkdir(parents=True)
        (folder / "__init__.py").write_text(source)
        monkeypatch.syspath_prepend(folder.parent)
        for name in [name for name in sys.modules if name.split(".")[0] == "torch_fidelity"]:
            monkeypatch.delitem(sys.modules, name)
        monkeypatch.setitem(sys.modules, "torch_fidelity", None)  # is taken out at the end
        del sys.modules["torch_fidelity"]

    return install


@pytest.fixture
def tiny(package: Package, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The tiny package, an empty cache of torch, and a file of weights that fits both."""
    package(TINY_FIDELITY)
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    path = tmp_path / "given.pth"
    rng = torch.Generator().manual_seed(0)
    weight = torch.randn(2048, 3, generator=rng)
    torch.save({"fc.weight": weight, "fc.bias": torch.zeros(2048)}, path)
    monkeypatch.setattr(inception, "SHA256", hashlib.sha256(path.read_bytes()).hexdigest())
    return path


def put(source: Path, target: Path) -> Path:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(source.read_bytes())
    return target


def refused() -> str:
    with pytest.raises(GanvasError) as caught:
        load_inception(CPU)
    message = str(caught.value)
    assert "lite0" in message, "says nothing of what works without"
    return message


class TestWithWeights:
    def test_features_come_from_the_pooled_layer(self, tiny: Path) -> None:
        network = load_inception(CPU, tiny)
        grey = torch.full((2, 1, 20, 20), 7, dtype=torch.uint8)
        weight = torch.load(tiny, weights_only=True)["fc.weight"]
        expected = (weight.sum(1) * 7).expand(2, -1)
        torch.testing.assert_close(network(grey), expected)
        assert (network.name, network.dimension) == ("inception", 2048)
        protocol = network.config()
        assert protocol["code"] == "torch-fidelity 9.9"
        assert protocol["input"] == "299x299"
        assert protocol["weights"] == inception.SHA256[:16]

    def test_classes_are_the_logits(self, tiny: Path) -> None:
        network = load_inception_classes(CPU, tiny)
        pixels = torch.randint(0, 256, (3, 3, 9, 9), dtype=torch.uint8)
        assert network(pixels).shape == (3, 1008)
        assert (network.name, network.dimension) == ("inception-classes", 1008)
        torch.testing.assert_close(network(pixels), load_inception(CPU, tiny)(pixels)[:, :1008])

    @pytest.mark.parametrize("file", FILES)
    @pytest.mark.parametrize("folder", ["hub/checkpoints", "hub/pyiqa"])
    def test_weights_are_found_where_other_tools_keep_them(
        self, tiny: Path, tmp_path: Path, folder: str, file: str
    ) -> None:
        put(tiny, tmp_path / "torch" / folder / file)
        assert load_feature_network("inception", CPU).name == "inception"

    def test_weights_are_found_by_the_environment_variable(
        self, tiny: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv(VARIABLE, str(tiny))
        assert load_inception(CPU).dimension == 2048

    def test_the_argument_has_priority_over_variable_and_cache(
        self, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv(VARIABLE, str(tmp_path / "not there"))
        (tmp_path / "torch" / "hub" / "checkpoints").mkdir(parents=True)
        (tmp_path / "torch" / "hub" / "checkpoints" / FILES[0]).write_bytes(b"damaged")
        assert load_inception(CPU, tiny).dimension == 2048

    def test_the_file_is_loaded_with_weights_only(
        self, tiny: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        sources: list[tuple[bool, bool]] = []
        load = torch.load

        def watched(file: object, *, weights_only: bool, **others: object) -> object:
            sources.append((isinstance(file, str | Path), weights_only))
            return load(file, weights_only=weights_only, **others)  # type: ignore[arg-type]

        monkeypatch.setattr(torch, "load", watched)
        load_inception(CPU, tiny)
        # first the file's bytes, without code; then our copy, by torch-fidelity
        assert sources == [(False, True), (False, False)]

    def test_loading_does_not_change_the_random_state(self, tiny: Path) -> None:
        state = torch.get_rng_state()
        load_inception(CPU, tiny)
        assert torch.equal(state, torch.get_rng_state())


class TestWithout:
    def test_missing_package_is_named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "torch_fidelity", None)
        message = refused()
        assert "torch_fidelity is missing" in message
        assert "pip install 'ganvas[fid]'" in message

    def test_missing_torchvision_is_named(
        self, package: Package, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        package("import torchvision\n")
        monkeypatch.setitem(sys.modules, "torchvision", None)
        message = refused()
        assert "torchvision is missing" in message
        assert "pip install 'ganvas[fid]'" in message

    @pytest.mark.parametrize("kind", ["RuntimeError", "AttributeError", "ImportError", "OSError"])
    def test_incompatible_torchvision_is_named(self, package: Package, kind: str) -> None:
        package(f"raise {kind}('operator torchvision::nms does not exist')\n")
        message = refused()
        assert f"{kind}: operator torchvision::nms does not exist" in message
        assert f"does not fit torch {torch.__version__.split('+')[0]}" in message

    @pytest.mark.usefixtures("tiny")
    def test_missing_weights_are_named(self, tmp_path: Path) -> None:
        message = refused()
        assert all(file in message for file in FILES)
        assert str(tmp_path / "torch" / "hub" / "checkpoints") in message
        assert VARIABLE in message
        assert "never downloaded" in message
        assert not (tmp_path / "torch").exists()

    @pytest.mark.usefixtures("tiny")
    def test_variable_without_file_is_refused(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for path in (tmp_path / "gone.pth", tmp_path):
            monkeypatch.setenv(VARIABLE, str(path))
            message = refused()
            assert f"there is no file {path} (from {VARIABLE})" in message
            assert FILES[0] in message

    def test_a_missing_given_path_is_refused(self, tiny: Path, tmp_path: Path) -> None:
        put(tiny, tmp_path / "torch" / "hub" / "checkpoints" / FILES[0])
        with pytest.raises(GanvasError, match=r"there is no file gone\.pth: give the path"):
            load_inception(CPU, Path("gone.pth"))

    def test_weights_with_another_checksum_are_refused(self, tiny: Path, tmp_path: Path) -> None:
        path = put(tiny, tmp_path / "torch" / "hub" / "checkpoints" / FILES[1])
        path.write_bytes(path.read_bytes()[:-10])
        message = refused()
        assert f"{path} is damaged or holds other weights" in message
        assert f"expected {inception.SHA256[:8]}" in message
        assert FILES[0] in message


def test_checksum_agrees_with_the_file_names() -> None:
    assert all(f"-{inception.SHA256[:8]}.pth" in file for file in FILES)
    assert len(inception.SHA256) == 64


def test_real_weights_agree_with_torch_fidelity() -> None:
    try:
        ours = load_inception(CPU)
    except GanvasError as error:
        pytest.skip(f"needs torch-fidelity and its weights: {error}")
    theirs = inception._import_fidelity().FeatureExtractorInceptionV3(
        "theirs", ["2048"], feature_extractor_weights_path=str(inception._find_weights(None))
    )
    rng = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (4, 3, 32, 32), dtype=torch.uint8, generator=rng)
    (expected,) = theirs(pixels)
    torch.testing.assert_close(ours(pixels), expected, rtol=1e-3, atol=1e-4)
