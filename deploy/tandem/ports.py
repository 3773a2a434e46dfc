"""Free ports on loopback, and who holds a taken one."""

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path

from deploy.tandem.say import Trouble

HOST = "127.0.0.1"
LISTEN = "0A"  # TCP state in /proc/net/tcp


@dataclass(frozen=True)
class Holder:
    """Who listens on a port: as much as this user may know."""

    pid: int | None = None
    name: str = ""
    user: str = ""

    def __str__(self) -> str:
        if self.pid:
            return f"{self.name or 'a process'} (process {self.pid})"
        return f"a process of user {self.user}" if self.user else "another process"


def is_free(port: int, host: str = HOST) -> bool:
    """Whether a server could listen there now, as gunicorn would (SO_REUSEADDR, so TIME_WAIT does not count)."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError:
            return False
    return True


def choose(wanted: int, *, avoid: set[int] | None = None, tries: int = 200) -> int:
    """The wanted port, or the next free one above it."""
    avoid = avoid or set()
    for port in range(wanted, min(wanted + tries, 65536)):
        if port not in avoid and is_free(port):
            return port
    raise Trouble(
        f"No port from {wanted} to {min(wanted + tries, 65536) - 1} is free for Tandem.",
        "choose others with TANDEM_WEB_PORT and TANDEM_TRACKING_PORT (numbers above 1023)",
    )


def reason(port: int) -> str:
    """Why a port cannot be had: 'is taken by nginx (process 812)', or the privilege it needs."""
    if port < 1024 and os.geteuid() != 0 and not listeners(port):
        return "needs the rights of root"
    return f"is taken by {holder(port)}"


def holder(port: int) -> Holder:
    found = listeners(port)
    if found:
        return from_proc(found)
    return from_lsof(port)


def listeners(port: int, proc: Path = Path("/proc")) -> dict[str, int]:
    """inode -> uid of the sockets listening on the port (Linux)."""
    found = {}
    for table in ("net/tcp", "net/tcp6"):
        with contextlib.suppress(OSError):
            for row in (proc / table).read_text().splitlines()[1:]:
                fields = row.split()
                if fields[3] == LISTEN and int(fields[1].rpartition(":")[2], 16) == port:
                    found[fields[9]] = int(fields[7])
    return found


def from_proc(inodes: dict[str, int], proc: Path = Path("/proc")) -> Holder:
    wanted = {f"socket:[{inode}]" for inode in inodes}
    for folder in sorted((p for p in proc.iterdir() if p.name.isdigit()), key=lambda p: int(p.name)):
        with contextlib.suppress(OSError):  # another user's process, or gone meanwhile
            for handle in (folder / "fd").iterdir():
                with contextlib.suppress(OSError):
                    if str(handle.readlink()) in wanted:
                        return Holder(pid=int(folder.name), name=program(folder))
    uid = next(iter(inodes.values()))
    try:
        return Holder(user=pwd.getpwuid(uid).pw_name)
    except KeyError:
        return Holder(user=str(uid))


def program(folder: Path) -> str:
    """A name a person recognises: 'gunicorn' rather than 'python3.11'."""
    try:
        words = (folder / "cmdline").read_bytes().decode(errors="replace").split("\0")
        name = Path(words[0]).name
        if name.startswith("python"):
            rest = [word for word in words[1:] if word and not word.startswith("-")]
            name = Path(rest[0]).name if rest else name
        return name or (folder / "comm").read_text().strip()
    except OSError:
        return ""


def from_lsof(port: int) -> Holder:
    """macOS has no /proc; lsof ships with it."""
    if not (lsof := shutil.which("lsof")):
        return Holder()
    command = [lsof, "-nP", f"-iTCP:{port}", "-sTCP:LISTEN", "-Fpc"]
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        answer = subprocess.run(command, capture_output=True, text=True, timeout=10, stdin=subprocess.DEVNULL)
        fields = {row[:1]: row[1:] for row in reversed(answer.stdout.splitlines())}
        if fields.get("p", "").isdigit():
            return Holder(pid=int(fields["p"]), name=fields.get("c", ""))
    return Holder()
