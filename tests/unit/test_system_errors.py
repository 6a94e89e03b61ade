"""Each error of the system has its own advice; only a missing permission speaks of permissions."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from ganvas.storage import cannot_write
from ganvas.system_errors import ADVICE, advice_for

EXPECTED = {
    "EACCES": "permissions",
    "EPERM": "permissions",
    "EROFS": "choose a folder on another",
    "ENOSPC": "free some space",
    "EDQUOT": "quota",
    "EFBIG": "ulimit -f",
    "ENAMETOOLONG": "shorter name",
    "EINVAL": "choose a name",
    "ENOENT": "a folder of it is missing",
    "EEXIST": "a file is in the way",
    "ENOTDIR": "a file is in the way",
    "EISDIR": "a folder is in the way",
    "ENOTEMPTY": "put there meanwhile",
    "ELOOP": "links",
    "EBUSY": "a new folder inside it",
    "EXDEV": "mount point",
    "EIO": "the disk or its connection fails",
    "ENODEV": "connect it again",
    "ESTALE": "network folder",
    "ETIMEDOUT": "does not answer",
    "EMFILE": "ulimit -n",
    "ENFILE": "end programs",
    "ENOMEM": "memory",
    "ENOLCK": "locks",
}


@pytest.mark.parametrize(("name", "advice"), EXPECTED.items())
def test_a_failed_write_says_what_helps_against_its_cause(name: str, advice: str) -> None:
    number = getattr(errno, name)
    message = str(cannot_write(Path("out"), OSError(number, os.strerror(number))))
    assert message.startswith(f"cannot write out: {os.strerror(number).lower()}. Nothing half-")
    assert advice in message.partition("Nothing half-written")[2]


def test_only_a_missing_permission_speaks_of_permissions() -> None:
    numbers = [
        number for number in errno.errorcode if "permission" in advice_for(OSError(number, ""))
    ]
    assert sorted(numbers) == sorted([errno.EACCES, errno.EPERM])


def test_an_error_without_special_advice_is_tried_again() -> None:
    other = next(number for number in errno.errorcode if number not in ADVICE)
    for error in (OSError(other, "odd"), OSError("no number")):
        assert advice_for(error) == "try again, or choose another folder"
