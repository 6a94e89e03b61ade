"""`push`: from a run to a model of the hub that anybody can load."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ganvas
from ganvas.errors import HubError
from ganvas.formatting import format_bytes
from ganvas.hub.folder import ABOUT, FOLDER, write_folder
from ganvas.hub.licences import checked_licence
from ganvas.hub_files import LOG_IN, HubAddress, host, hub_errors, hub_library, page_of
from ganvas.progress import TerminalFeedback
from ganvas.runs import Run
from ganvas.shared_changes import SharedChange
from ganvas.storage import check_can_write
from ganvas.terminal import tolerant_output
from ganvas.torch_state import usual_torch


@dataclass(frozen=True)
class Pushed:
    """A generator as it was pushed.

    folder: the files that were pushed, as written into the run.
    url: the commit on the hub; None for a dry run.
    """

    folder: Path
    url: str | None


@tolerant_output()
@usual_torch()
def push(
    run: Run | Path | str,
    to: str,
    *,
    license: str,
    private: bool = False,
    update: bool = False,
    message: str = "",
    discriminator: bool = False,
    checkpoint: str = "last",
    dry_run: bool = False,
    quiet: bool = True,
) -> Pushed:
    """Push a run's generator to the hub, with a model card that gives its scores.

    Everything is checked before anything is written, and written into the run's `hub/` before
    anything is sent. Nothing that is sent contains a path or a name of this machine. The token is
    that of `hf auth login` or HF_TOKEN.

    Args:
        run: the run or its directory.
        to: hf:OWNER/NAME.
        license: under which others may use the weights, as the hub calls it: mit, apache-2.0, ...
        private: make a repository that only its owners see.
        update: a repository that exists gets a new commit. Its other files and its history stay.
        message: of the commit.
        discriminator: push it too, so that others can continue training.
        checkpoint: last, best (by the evaluation while training), or images seen (80k).
        dry_run: only write the folder; needs no network and no token.
        quiet: show no progress.

    Raises:
        HubError: no token, one that may not write, or a repository that exists; or the hub cannot
            be reached, or refuses the card.
        RunError: it is no run, or has no such checkpoint.
        GanvasError: there is no licence, or the hub knows no such name.
    """
    address = HubAddress.parse(to)
    if address.revision:
        raise HubError(f"{to}: pushes go to the main branch; leave out @{address.revision}")
    run = run if isinstance(run, Run) else Run.open(run)
    license = checked_licence(license)
    check_can_write(run.directory / FOLDER / "README.md")
    hub_library(address)
    is_new = not dry_run and check_target(address, private, update)
    feedback = TerminalFeedback(quiet)
    with feedback.progress("drawing samples") as on_progress:
        folder, generator = write_folder(
            run, address, license, checkpoint, discriminator, on_progress
        )
    feedback.message("\n".join(listing(folder)))
    if dry_run:
        return Pushed(folder, None)
    seen = f"{generator.images_seen:,} images seen"
    message = message or f"{address.name} at {seen}, by ganvas {ganvas.__version__}"
    return Pushed(folder, upload(folder, address, private, is_new, message, quiet))


def check_target(address: HubAddress, private: bool, update: bool) -> bool:
    """Whether the repository is a new one.

    Raises:
        HubError: the token may not write there, or there is one already, and no `update`.
    """
    from huggingface_hub import HfApi, is_offline_mode
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError

    if is_offline_mode():
        raise HubError(f"{address}: HF_HUB_OFFLINE is set. Unset it, or give --dry-run")
    with hub_errors(address):
        who = HfApi().whoami()
        check_may_write(who, address)
        try:
            known = HfApi().repo_info(address.repo)
        except RepositoryNotFoundError as error:
            if isinstance(error, GatedRepoError):
                raise
            return True
    if not update:
        raise HubError(
            f"{address} exists already. To add a commit that replaces its generator and its card, "
            "give --update; its history keeps the old ones. Or choose another name"
        )
    if private and not known.private:
        raise HubError(
            f"{address} exists and is public, which --private does not change. Change it at "
            f"{page_of(address.repo)}/settings, or choose another name"
        )
    return False


def check_may_write(who: dict[str, Any], address: HubAddress) -> None:
    """Raise a `HubError` for a token that only reads, or that is somebody else's."""
    role = who.get("auth", {}).get("accessToken", {}).get("role")
    if role == "read":
        raise HubError(f"{address}: the token may only read. Give one that may write: {LOG_IN}")
    names = [who.get("name"), *(each.get("name") for each in who.get("orgs", []))]
    owner = address.repo.partition("/")[0]
    if role == "write" and owner not in names:  # others may not name all that they may do
        known = ", ".join(f"hf:{name}/{address.name}" for name in names)
        raise HubError(f"{address}: the token does not write for {owner}. Choose one of: {known}")


def listing(folder: Path) -> Iterator[str]:
    """A line for each file that is pushed."""
    yield f"to be pushed, in {folder}:"
    for path in sorted(folder.iterdir()):
        size = format_bytes(path.stat().st_size)
        yield f"  {path.name:<26}{size:>10}  {ABOUT[path.name]}"


def upload(
    folder: Path, address: HubAddress, private: bool, is_new: bool, message: str, quiet: bool
) -> str:
    """Make the repository and send the folder as one commit; its address.

    Raises:
        HubError: the hub refuses the card, or the connection broke.
    """
    from huggingface_hub import CommitOperationAdd, HfApi, ModelCard

    api = HfApi(library_name="ganvas", library_version=ganvas.__version__)
    with hub_errors(address), WITHOUT_BARS() if quiet else contextlib.nullcontext():
        try:
            ModelCard((folder / "README.md").read_text(encoding="utf-8")).validate()
        except ValueError as error:
            raise HubError(f"{address}: {host()} refuses the card: {error}") from error
        if is_new:
            api.create_repo(address.repo, private=private)
        files = [
            CommitOperationAdd(path.name, path.read_bytes()) for path in sorted(folder.iterdir())
        ]
        try:
            commit = api.create_commit(address.repo, files, commit_message=message)
        except RuntimeError as error:  # one of its threads failed
            raise error.__cause__ or error from None
    return str(commit.commit_url)


@contextlib.contextmanager
def _without_bars() -> Iterator[None]:
    from huggingface_hub.utils.tqdm import disable_progress_bars

    with disable_progress_bars():
        yield


WITHOUT_BARS = SharedChange(_without_bars)
"""The library shows bars of its own on a terminal."""
