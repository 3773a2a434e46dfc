"""What the parsing child takes from itself before it reads a hostile file. Only the child calls this.

Each measure is tried on its own: a platform that lacks one still has the others, and the report names those that held.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
import sys

from .contract import Limits

_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS = 1, 4, 38
_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000
_NOBODY = 65_534


def confine(limits: Limits, *, parent: int) -> tuple[str, ...]:
    """Limit this process for good. Everything it will need must be imported and open by now.

    `parent` is the process id that must still be ours afterwards: when it is gone, so are we.
    """
    held = []
    libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
    if libc is not None and _without_network(libc):
        held.append("no_network")
    if _as_nobody():
        held.append("own_user")
    if libc is not None:
        if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0:
            held.append("no_new_rights")
        libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
        # After the change of user, which clears it.
        if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) == 0:
            held.append("dies_with_parent")
        if os.getppid() != parent:
            os._exit(3)
    for name, which, soft, hard in (
        ("memory", resource.RLIMIT_AS, limits.memory_bytes, limits.memory_bytes),
        ("cpu", resource.RLIMIT_CPU, limits.cpu_s, limits.cpu_s + 2),
        ("no_files_written", resource.RLIMIT_FSIZE, 0, 0),
        ("few_open_files", resource.RLIMIT_NOFILE, limits.max_open_files, limits.max_open_files),
        ("no_core", resource.RLIMIT_CORE, 0, 0),
        ("no_children", resource.RLIMIT_NPROC, 0, 0),
    ):
        with contextlib.suppress(OSError, ValueError):
            _, most = resource.getrlimit(which)
            low, high = (one if most == resource.RLIM_INFINITY else min(one, most) for one in (soft, hard))
            resource.setrlimit(which, (low, high))
            held.append(name)
    if "no_children" in held and _can_fork():
        held.remove("no_children")  # the limit does not bind the superuser, by whatever name
    return tuple(held)


def _without_network(libc: ctypes.CDLL) -> bool:
    """A network of our own with nothing in it; where that needs a user namespace, one of those too."""
    return libc.unshare(_CLONE_NEWNET) == 0 or libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET) == 0


def _can_fork() -> bool:
    try:
        child = os.fork()
    except OSError:
        return False
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    return True


def _as_nobody() -> bool:
    """Started by the superuser, go on as nobody."""
    if os.geteuid() != 0:
        return False
    try:
        os.setgroups([])
        os.setresgid(_NOBODY, _NOBODY, _NOBODY)
        os.setresuid(_NOBODY, _NOBODY, _NOBODY)
    except OSError:
        return False
    return True
