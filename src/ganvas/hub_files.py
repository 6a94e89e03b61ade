"""Files of the Hugging Face hub: `hf:owner/name[@revision]`, read through the cache that all its
programs share.

huggingface_hub is imported only here and in `hub/`, and only when the hub is used.
"""

from __future__ import annotations

import glob
import io
import re
import threading
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from ganvas.errors import HubError
from ganvas.extras import check_extra
from ganvas.formatting import format_bytes
from ganvas.storage import free_bytes
from ganvas.system_errors import advice_for, reason_of

if TYPE_CHECKING:
    from ganvas.progress import Progress

HUB = "hf:"
"""Before the name of a repository of the hub."""
Kind = Literal["model", "dataset"]

COMMIT = re.compile(r"[0-9a-f]{40}")
CONFIG_JSON = "config.json"
"""What a generator is; beside it are its weights."""
WEIGHTS = "model.safetensors"
GENERATOR_FILES = (CONFIG_JSON, WEIGHTS)
"""What makes a repository one of ganvas, as in the `generator/` of a run."""
RECIPE_FILE = "recipe.toml"
"""Beside them, where `ganvas push` made the repository."""
DISCRIMINATOR_FILE = "discriminator.safetensors"
"""Beside them, where it was pushed too: the discriminator, and the raw generator of that moment."""
LOG_IN = "`hf auth login`, or HF_TOKEN"

_CONNECTIONS = 8
_ADDRESS = re.compile(r"hf:([\w-][\w.-]*/[\w-][\w.-]*)(?:@([^\s:#@]+))?")


@dataclass(frozen=True)
class HubAddress:
    """A repository of the hub, and perhaps one of its revisions. Prints as it is typed."""

    repo: str
    """OWNER/NAME."""
    revision: str = ""
    """A branch, a tag or a commit; empty for the newest state of the main branch."""

    @classmethod
    def parse(cls, text: str) -> HubAddress:
        """Raises `HubError` for anything but hf:OWNER/NAME or hf:OWNER/NAME@REVISION."""
        match = _ADDRESS.fullmatch(text)
        if match is None:
            raise HubError(
                f"{text!r} is no address of the hub: expected hf:OWNER/NAME, such as "
                "hf:you/clothes, or hf:OWNER/NAME@REVISION"
            )
        return cls(match[1], match[2] or "")

    @property
    def name(self) -> str:
        """The name without its owner."""
        return self.repo.partition("/")[2]

    def __str__(self) -> str:
        """As `parse` reads it."""
        return f"{HUB}{self.repo}" + (f"@{self.revision}" if self.revision else "")


def is_hub(place: object) -> bool:
    """Whether a place that a user named is one of the hub, and no path."""
    return _text(place).startswith(HUB)


def address_of(place: Path | str) -> HubAddress:
    """The address that a user gave, even where it was taken for a path. Raises `HubError`."""
    return HubAddress.parse(_text(place))


@dataclass(frozen=True)
class Repository:
    """A repository at one commit: what it holds, and its files once they are fetched."""

    address: HubAddress
    """Its revision is the commit."""
    kind: Kind
    sizes: Mapping[str, int]
    """The bytes of each file, by path."""

    def fetch(self, paths: Collection[str], on_progress: Progress | None = None) -> Path:
        """The folder in the cache where these files are, now if not before.

        Args:
            on_progress: called with the bytes that are fetched, and all that will be.

        Raises:
            HubError: a file cannot be fetched, or the disk has no room for all of them.
        """
        hub = hub_library(self.address)
        repo, stop = self.address.repo, threading.Event()
        arguments: dict[str, Any] = {"repo_type": self.kind, "revision": self.address.revision}

        def fetch_one(path: str) -> None:
            hub.hf_hub_download(repo, path, tqdm_class=bar, **arguments)

        with hub_errors(self.address, self.kind):
            cached = {path: self._cached(path) for path in paths}
            missing = [path for path, place in cached.items() if place is None]
            if hub.is_offline_mode() and not missing:
                path, place = next(iter(cached.items()))
                return Path(str(place)).parents[path.count("/")]
            size = sum(self.sizes[path] for path in missing)
            self._check_room(size)
            # This call keeps the list of files, for when there is no network. With all of them as
            # its patterns it would compare each file with each pattern.
            smallest = min(self.sizes, key=lambda path: self.sizes[path])
            bar, pool = _bar(on_progress, size, stop), ThreadPoolExecutor(_CONNECTIONS)
            folder = hub.snapshot_download(
                repo, allow_patterns=glob.escape(smallest), tqdm_class=bar, **arguments
            )
            try:
                for _ in pool.map(fetch_one, missing):
                    pass
            except BaseException:
                stop.set()
                raise
            finally:
                pool.shutdown(cancel_futures=True)
        return Path(folder)

    def _cached(self, path: str) -> str | None:
        """Where a file lies in the cache; None where it does not."""
        from huggingface_hub import try_to_load_from_cache

        address = self.address
        place = try_to_load_from_cache(
            address.repo, path, revision=address.revision, repo_type=self.kind
        )
        return place if isinstance(place, str) else None

    def _check_room(self, size: int) -> None:
        cache = _cache()
        free = free_bytes(cache)
        if size > free:
            raise HubError(
                f"{self.address} needs {format_bytes(size)} in {cache}, and {format_bytes(free)} "
                "are free there. Free some space, or set HF_HOME to a folder on a larger disk"
            )


def open_repository(address: HubAddress, kind: Kind) -> Repository:
    """Find out what a repository holds. A commit that is in the cache needs no network.

    Raises:
        HubError: it does not exist, may not be read, or cannot be reached; or HF_HUB_OFFLINE is set
            and it is not in the cache.
    """
    hub = hub_library(address)
    with hub_errors(address, kind):
        if not COMMIT.fullmatch(address.revision):
            api, revision = hub.HfApi(), address.revision or None
            if not (offline := hub.is_offline_mode()):
                # Where this fails, the library would take what it knew last time, without a word.
                api.repo_info(address.repo, repo_type=kind, revision=revision)
            resolved = api.resolve_revision(
                address.repo, repo_type=kind, revision=revision, local_files_only=offline
            )
            address = replace(address, revision=resolved.resolved)
        return Repository(address, kind, _sizes(hub, address, kind))


def _sizes(hub: Any, address: HubAddress, kind: Kind) -> dict[str, int]:
    """The bytes of each file of a commit, which the cache knows where one was fetched before."""
    from huggingface_hub.errors import CachedRepoTreeNotFoundError

    arguments: dict[str, Any] = {"repo_type": kind, "revision": address.revision}
    try:
        tree = hub.get_cached_repo_tree(address.repo, **arguments)
    except CachedRepoTreeNotFoundError:
        if hub.is_offline_mode():
            raise
        tree = hub.HfApi().list_repo_tree(address.repo, recursive=True, **arguments)
        tree = [entry for entry in tree if isinstance(entry, hub.RepoFile)]
    return {file.path: file.size for file in tree}


def fetch_model(address: HubAddress, extra: Collection[str] = ()) -> tuple[HubAddress, Path]:
    """The address with its commit, and the folder in the cache with a generator of the hub.

    Args:
        extra: further files to fetch, where there are such.

    Raises:
        HubError: there is no such repository, or none of ganvas; or it cannot be fetched.
    """
    repository = open_repository(address, "model")
    missing = [name for name in GENERATOR_FILES if name not in repository.sizes]
    if missing:
        raise HubError(
            f"{address} holds no generator of ganvas: it has no {' and no '.join(missing)}"
        )
    files = [*GENERATOR_FILES, *(name for name in extra if name in repository.sizes)]
    return repository.address, repository.fetch(files)


@contextmanager
def hub_errors(address: HubAddress, kind: Kind = "model") -> Iterator[None]:
    """Turn what huggingface_hub raises into a `HubError` of one sentence with the way out."""
    from httpx2 import HTTPError
    from huggingface_hub import errors

    missing = (
        errors.LocalEntryNotFoundError,
        errors.CachedRepoTreeNotFoundError,
        errors.RevisionResolutionError,
        errors.OfflineModeIsEnabled,
    )
    try:
        yield
    except errors.LocalTokenNotFoundError as error:
        raise HubError(f"{address}: this needs a token: {LOG_IN}") from error
    except missing as error:
        raise HubError(_not_cached(address)) from error
    except errors.HfHubHTTPError as error:
        raise HubError(_refusal(error, address, kind)) from error
    except (HTTPError, errors.XetDownloadError) as error:
        raise HubError(
            f"{address}: {host()} cannot be reached ({_without_token(str(error))}). Check the "
            "network. With HF_HUB_OFFLINE=1 what is in the cache can be used"
        ) from error
    except errors.HFValidationError as error:
        raise HubError(f"{address} is no name that the hub allows: {error}") from error
    except OSError as error:
        raise HubError(
            f"{address} cannot be kept in {_cache()}: {reason_of(error)}; {advice_for(error)}, or "
            "set HF_HOME to another folder"
        ) from error


def host() -> str:
    """The hub's own name: huggingface.co, or that in HF_ENDPOINT."""
    from huggingface_hub import constants

    return urlsplit(constants.ENDPOINT).netloc


def page_of(repo: str, kind: Kind = "model") -> str:
    """The address of a repository's page."""
    from huggingface_hub import constants

    return f"{constants.ENDPOINT}/{'datasets/' if kind == 'dataset' else ''}{repo}"


def _refusal(error: Any, address: HubAddress, kind: Kind) -> str:
    """Why the hub did not answer as asked, and what to do."""
    from huggingface_hub import errors, get_token

    page, code = page_of(address.repo, kind), error.response.status_code
    message = _without_token(error.server_message or str(error)).strip().splitlines()
    reason = message[0] if message else f"error {code}"
    if isinstance(error, errors.GatedRepoError):
        return (
            f"{address} is gated: accept its terms at {page}, and give a token of that account "
            f"({LOG_IN})"
        )
    if isinstance(error, errors.RepositoryNotFoundError):
        token = (
            f"the token may not see it ({LOG_IN})" if get_token() else f"needs a token: {LOG_IN}"
        )
        return f"{address}: {host()} has no such {kind}, or it is private and {token}"
    if isinstance(error, errors.RevisionNotFoundError):
        return f"{address}: there is no revision {address.revision!r}. All: {page}/commits/main"
    if code == 401:
        return f"{address}: {host()} does not accept the token. Give another one: {LOG_IN}"
    if code == 403:
        return f"{address}: the token does not allow this ({reason}). Give another one: {LOG_IN}"
    if code == 429:
        return f"{address}: too many requests to {host()}. Wait some minutes, or give a token"
    later = ". Try again later" if code >= 500 else ""
    return f"{address}: {host()} answers with error {code} ({reason}){later}"


def _not_cached(address: HubAddress) -> str:
    from huggingface_hub import is_offline_mode

    if is_offline_mode():
        why = "HF_HUB_OFFLINE is set. Fetch it once without that"
    else:
        why = f"{host()} cannot be reached. Check the network"
    return f"{address} is not in {_cache()}, or not all of it, and {why}"


def hub_library(address: HubAddress) -> Any:
    """The module huggingface_hub. Raises a `GanvasError` where it is not installed."""
    check_extra("hf", str(address), "huggingface_hub")
    import huggingface_hub

    return huggingface_hub


def _cache() -> Path:
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE)


def _text(place: object) -> str:
    return place.as_posix() if isinstance(place, Path) else str(place)


def _without_token(text: str) -> str:
    """A text of the hub or of a proxy, in which the token may stand."""
    from huggingface_hub import get_token

    token = get_token()
    return text.replace(token, "TOKEN") if token else text


def _bar(on_progress: Progress | None, total: int, stop: threading.Event) -> type:
    """A bar of huggingface_hub that shows nothing and reports bytes, of all files together.

    Once `stop` is set it ends the downloads, which would keep an interrupted program waiting.
    """
    from tqdm import tqdm

    lock, done = threading.Lock(), 0

    class Report(tqdm):  # type: ignore[misc]  # it has no types
        monitor_interval = 0  # no thread of tqdm's watches it, and warns of what it sees

        def __init__(self, *arguments: Any, **settings: Any) -> None:
            settings.pop("name", None)
            super().__init__(*arguments, **settings | {"file": io.StringIO(), "disable": False})

        def update(self, n: float | None = 1) -> bool | None:
            nonlocal done
            if stop.is_set():
                raise CancelledError
            if on_progress is not None and self.unit == "B" and total:
                with lock:
                    done = min(done + int(n or 0), total)  # a byte may count twice
                    on_progress(done, total)
            changed: bool | None = super().update(n)
            return changed

    return Report
