"""What a user can do about an error of the operating system."""

from __future__ import annotations

import errno

ELSEWHERE = "choose another folder"

ADVICE: dict[int, str] = {
    errno.EACCES: "check the permissions",
    errno.EPERM: "check the permissions",
    errno.EROFS: "the disk can only be read: choose a folder on another one",
    errno.ENOSPC: "free some space",
    errno.EDQUOT: "free some space, or ask for a larger quota",
    errno.EFBIG: "raise the limit on the size of a file (ulimit -f), or choose another disk",
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.EILSEQ: "choose a name that this disk can store",
    errno.EINVAL: "choose a name that this disk can store",
    errno.ENOENT: "check the path: a folder of it is missing, or was removed meanwhile",
    errno.EEXIST: f"a file is in the way: {ELSEWHERE}",
    errno.ENOTDIR: f"a file is in the way: {ELSEWHERE}",
    errno.EISDIR: "a folder is in the way: choose another name",
    errno.ENOTEMPTY: f"something was put there meanwhile: {ELSEWHERE}",
    errno.ELOOP: f"links lead in a circle: {ELSEWHERE}",
    errno.EBUSY: "it is in use, perhaps as a mount point: choose a new folder inside it",
    errno.EXDEV: "it is a mount point: choose a new folder inside it",
    errno.ETXTBSY: "another program uses it: end that, or choose another name",
    errno.EIO: "the disk or its connection fails: see the system's log, and choose another disk",
    errno.ENXIO: "the disk is gone: connect it again, or choose another one",
    errno.ENODEV: "the disk is gone: connect it again, or choose another one",
    errno.ESTALE: "the network folder was replaced: open it again, or choose a local one",
    errno.ETIMEDOUT: "the network folder does not answer: check its connection",
    errno.ENOTCONN: "the network folder does not answer: check its connection",
    errno.EHOSTDOWN: "the network folder does not answer: check its connection",
    errno.EHOSTUNREACH: "the network folder does not answer: check its connection",
    errno.EMFILE: "raise the limit on open files (ulimit -n)",
    errno.ENFILE: "end programs that hold many files open",
    errno.ENOMEM: "free some memory",
    errno.ENOLCK: "the disk has no locks for files: choose a folder on a local one",
    errno.EOPNOTSUPP: "the disk cannot do this: choose a folder on a local one",
    errno.ENOSYS: "the disk cannot do this: choose a folder on a local one",
}
"""What to do, by the error's number. Windows reports its own errors by the same numbers."""


def reason_of(error: OSError) -> str:
    """What went wrong, in the system's words, without a capital letter."""
    return (error.strerror or str(error)).lower()


def advice_for(error: OSError) -> str:
    """What to do about it, as the end of a sentence."""
    return ADVICE.get(error.errno or 0, f"try again, or {ELSEWHERE}")
