"""Repositories of the hub: what is fetched, what the cache saves, and every way to be refused."""

from __future__ import annotations

import sys
import threading
from types import SimpleNamespace

import pytest

from tests.extras import require_extra

require_extra("hf")

from huggingface_hub import constants

from ganvas.errors import GanvasError, HubError
from ganvas.hub_files import HubAddress, Kind, open_repository
from tests.builders.hub import TOKEN, Hub, Refused

REPO = "you/clothes"
FILES = {"a/1.txt": b"one", "a/[2].txt": b"two", "README.md": b"about", ".gitattributes": b"*"}
ADDRESS = HubAddress(REPO)


def message(address: HubAddress = ADDRESS, kind: Kind = "dataset", fetch: str = "") -> str:
    with pytest.raises(HubError) as caught:
        open_repository(address, kind).fetch([fetch])
    assert TOKEN not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("text", ["hf:you/clothes", "hf:you/clothes@v1", "hf:a-b/c.d@refs/pr/1"])
def test_an_address_prints_as_it_is_typed(text: str) -> None:
    assert str(HubAddress.parse(text)) == text


@pytest.mark.parametrize(
    "text", ["hf:clothes", "hf:a/b/c", "hf://a/b", "hf:a/b@", "hf:", "hf:a/b@x:y", "hf:../b"]
)
def test_anything_else_is_no_address(text: str) -> None:
    with pytest.raises(HubError, match="expected hf:OWNER/NAME, such as hf:you/clothes"):
        HubAddress.parse(text)


def test_only_what_is_asked_for_is_fetched_and_only_once(hub: Hub) -> None:
    hub.add(REPO, FILES)
    steps: list[tuple[int, int]] = []
    for _ in range(2):
        repository = open_repository(ADDRESS, "dataset")
        assert repository.sizes == {path: len(content) for path, content in FILES.items()}
        folder = repository.fetch(["a/[2].txt"], lambda *step: steps.append(step))
        assert (folder / "a" / "[2].txt").read_bytes() == b"two"
        assert not (folder / "a" / "1.txt").exists()
    fetched = [path.rpartition("/")[2] for path in hub.downloads()]
    assert fetched == [".gitattributes", "[2].txt"], "the smallest comes along"
    assert steps[-1] == (3, 3)


def test_fetching_leaves_no_thread(hub: Hub) -> None:
    """tqdm's own would warn, at a moment of chance, that bars come and go in other threads."""
    before = set(threading.enumerate())
    hub.add(REPO, FILES)
    open_repository(ADDRESS, "dataset").fetch(["a/1.txt"])
    started = set(threading.enumerate()) - before
    assert "tqdm_monitor" not in {thread.name for thread in started}


def test_a_commit_in_the_cache_needs_no_network(hub: Hub) -> None:
    hub.add(REPO, FILES)
    first = open_repository(ADDRESS, "dataset")
    first.fetch(["a/1.txt"])
    hub.requests.clear()
    again = open_repository(first.address, "dataset")
    assert again == first
    assert again.fetch(["a/1.txt"]) == first.fetch(["a/1.txt"])
    assert hub.requests == []


def test_a_new_commit_is_noticed_and_the_old_one_can_be_named(hub: Hub) -> None:
    stored = hub.add(REPO, FILES)
    old = open_repository(ADDRESS, "dataset")
    stored.commit({"a/1.txt": b"changed"})
    new = open_repository(ADDRESS, "dataset")
    assert new.address != old.address
    assert (new.fetch(["a/1.txt"]) / "a" / "1.txt").read_bytes() == b"changed"
    assert (old.fetch(["a/1.txt"]) / "a" / "1.txt").read_bytes() == b"one"
    stored.branches["v1"] = old.address.revision
    assert open_repository(HubAddress(REPO, "v1"), "dataset") == old


def test_offline_the_cache_serves_what_it_has_and_says_what_it_lacks(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.add(REPO, FILES)
    online = open_repository(ADDRESS, "dataset")
    git_file = online.fetch(["a/1.txt"]) / ".gitattributes"
    git_file.unlink()  # other programs fetch only what they need
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    hub.requests.clear()
    offline = open_repository(ADDRESS, "dataset")
    assert offline == online
    assert (offline.fetch(["a/1.txt"]) / "a" / "1.txt").read_bytes() == b"one"
    assert "or not all of it, and HF_HUB_OFFLINE is set" in message(fetch="a/[2].txt")
    assert "HF_HUB_OFFLINE is set. Fetch it once" in message(HubAddress("you/other"))
    assert hub.requests == []


def test_a_private_repository_is_read_with_a_token_and_unknown_without(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.add(REPO, FILES, private=True)
    assert open_repository(ADDRESS, "dataset").sizes
    monkeypatch.delenv("HF_TOKEN")
    text = message()
    assert "has no such dataset, or it is private and needs a token: `hf auth login`" in text
    assert "has no such model" in message(kind="model")


def test_each_refusal_is_a_sentence_with_the_way_out(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "or it is private and the token may not see it" in message()
    hub.add(REPO, FILES, gated=True)
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    assert "does not accept the token. Give another one: `hf auth login`, or HF_TOKEN" in message()
    monkeypatch.delenv("HF_TOKEN")
    page = f"{hub.address}/datasets/{REPO}"
    assert f"is gated: accept its terms at {page}, and give a token" in message(fetch="a/1.txt")
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    assert f"no revision 'v9'. All: {page}/commits/main" in message(HubAddress(REPO, "v9"))


@pytest.mark.parametrize(
    ("failure", "expected"),
    [
        (Refused(403, "", f"not with {TOKEN}"), "does not allow this (not with TOKEN)"),
        (Refused(429), "too many requests to 127.0.0.1"),
        (Refused(503, "", "under repair"), "error 503 (under repair). Try again later"),
        (Refused(418), "answers with error 418"),
    ],
)
def test_what_the_hub_says_is_passed_on_without_the_token(
    hub: Hub, failure: Refused, expected: str
) -> None:
    hub.failure = failure
    assert expected in message()


def test_a_hub_that_cannot_be_reached_is_named(monkeypatch: pytest.MonkeyPatch, hub: Hub) -> None:
    hub.add(REPO, FILES)
    open_repository(ADDRESS, "dataset").fetch(["a/1.txt"])
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    text = message()
    assert "127.0.0.1:9 cannot be reached (" in text
    assert "With HF_HUB_OFFLINE=1 what is in the cache can be used" in text


def test_an_interrupted_download_ends_at_once_and_leaves_nothing_half(hub: Hub) -> None:
    hub.add(REPO, FILES)
    repository = open_repository(ADDRESS, "dataset")

    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        repository.fetch(["a/1.txt", "README.md"], interrupt)
    folder = repository.fetch([".gitattributes"])
    assert not list((folder / "a").glob("*"))
    assert (repository.fetch(["a/1.txt"]) / "a" / "1.txt").read_bytes() == b"one"


def test_a_repository_larger_than_the_disk_is_not_begun(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.add(REPO, FILES)
    repository = open_repository(ADDRESS, "dataset")
    monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=2))
    with pytest.raises(HubError, match=r"needs 3 bytes in .*, and 2 bytes are free there"):
        repository.fetch(["a/1.txt"])
    assert not any(path.endswith("1.txt") for path in hub.downloads())


def test_without_the_library_one_command_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(GanvasError, match=r"clothes needs huggingface_hub.*'ganvas\[hf\]'"):
        open_repository(ADDRESS, "dataset")
