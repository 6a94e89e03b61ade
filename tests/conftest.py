"""What every test process needs on a machine that does other things too; and a hub to try."""

import functools
import gc
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from tyro import _docstrings

from .builders.hub import TOKEN, Hub, imitation
from .builders.operators import list_operators_once
from .extras import require_extra

gc.set_threshold(50_000, 20, 20)  # compilers make so many objects that garbage took an eighth
# torch's compiler of kernels would start a pool of processes that import torch, for two kernels.
os.environ.setdefault("TORCHINDUCTOR_COMPILE_THREADS", "1")
settings.register_profile("shared machine", deadline=None)
settings.load_profile("shared machine")


def pytest_configure(config: pytest.Config) -> None:
    """Small networks on shared cores are faster on one thread, and xdist brings two processes.

    A third one hands out the tests. It starts sooner without torch.
    """
    if not config.getoption("numprocesses", None):
        import torch

        torch.set_num_threads(1)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Collecting ten thousand tests makes no garbage, and looking for it took two fifths of it.

    Growing and looking for the largest batch collect garbage too, many times. Among so many tests
    that would take half a second of a core each time.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        keep_out_of_sight()


def keep_out_of_sight() -> None:
    """Take what there is out of the garbage collector's sight: it lives to the end."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def no_waiting_for_the_disk() -> Iterator[None]:
    """Flushing matters when the power fails; tests kill processes, and patch it where it matters.

    Ten thousand tests write tens of thousands of files, and a disk takes milliseconds for each.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)
        yield


@pytest.fixture(scope="session", autouse=True)
def sources_are_read_once() -> Iterator[None]:
    """tyro reads the source of every class of flags, for each command anew.

    That is two fifths of what parsing `train` takes, and the tests start hundreds of trainings.
    """
    kept = functools.cache(_docstrings._ClassTokenization.make)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_docstrings._ClassTokenization, "make", staticmethod(kept))
        yield


@pytest.fixture(scope="module")
def nothing_to_collect() -> None:
    """Garbage is collected fast, also after tests that have imported compilers and exporters."""
    keep_out_of_sight()


@pytest.fixture(scope="module")
def known_operators() -> Iterator[None]:
    """Exports to ONNX take less time. Not for tests of what the exporter says while it lists."""
    require_extra("onnx")
    with pytest.MonkeyPatch.context() as patch:
        list_operators_once(patch)
        yield


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """An empty imitation of the hub, with the token of somebody who may write, and a cache.

    Processes that are started get it by their environment, and this one, which may have imported
    the library already, by the library's constants.
    """
    require_extra("hf")
    import huggingface_hub
    from huggingface_hub import constants

    cache = tmp_path / "hub-cache"
    with imitation() as served:
        monkeypatch.setenv("HF_ENDPOINT", served.address)
        monkeypatch.setenv("HF_HOME", str(cache))
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        monkeypatch.setenv("HF_HUB_DISABLE_XET", "1")
        monkeypatch.setattr(constants, "ENDPOINT", served.address)
        template = f"{served.address}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache / "hub"))
        monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(cache / "token"))
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        yield served
        huggingface_hub.close_session()
