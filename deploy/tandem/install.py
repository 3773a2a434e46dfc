"""The virtual environment: made, filled from the lock and stamped, so that the next start skips all of it.

The stamp is written last. A folder that was begun and has no stamp is an interrupted set-up and is made anew; a folder
that we never began belongs to somebody else, so the packages are added to it and nothing in it is deleted.
"""

import ast
import contextlib
import fcntl
import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

from deploy.tandem import say
from deploy.tandem.place import Place, python_version
from deploy.tandem.say import Trouble

UV = "uv==0.13.9"
BEGUN, STAMP = "tandem-begun", "tandem-stamp.json"
NO_NETWORK = (
    "dns error", "Name or service not known", "Temporary failure in name resolution", "nodename nor servname",
    "NewConnectionError", "Connection refused", "Network is unreachable", "No route to host", "ConnectTimeoutError",
    "client error (Connect)", "operation timed out", "Failed to fetch", "Read timed out", "ProxyError",
    "Could not connect",
)  # fmt: skip


def ensure(place: Place, *, dev: bool = False) -> bool:
    """Have the locked packages installed. Returns True when something had to be done. Raises Trouble."""
    if fits(place, dev=dev):
        return False
    with only_one(place):
        if fits(place, dev=dev):  # somebody else has just done it
            return False
        began = time.monotonic()
        log = place.log / "setup.log"
        log.write_bytes(b"")
        mine = make_venv(place, log)
        (place.venv / STAMP).unlink(missing_ok=True)
        if mine:
            (place.venv / BEGUN).touch()
        fill(place, dev=dev, log=log)
        write_stamp(place, dev=dev)
        say.done("packages", f"all of {lock_file(place, dev).name} is installed", began)
    return True


# the stamp


def lock_file(place: Place, dev: bool) -> Path:
    return place.root / ("requirements-dev.lock" if dev else "requirements.lock")


def fingerprint(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def read_stamp(place: Place) -> dict[str, str]:
    try:
        found = json.loads((place.venv / STAMP).read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def fits(place: Place, *, dev: bool) -> bool:
    """Whether the environment on disk is what the lock asks for. The development lock contains the other one."""
    stamp = read_stamp(place)
    name = "dev" if dev else "run"
    return (
        stamp.get(name) == fingerprint(lock_file(place, dev))
        and stamp.get("python") == python_version()
        and stamp.get("path") == str(place.venv)  # a moved or copied environment has dead scripts
        and place.python.exists()  # False for a link whose interpreter has been removed
    )


def write_stamp(place: Place, *, dev: bool) -> None:
    stamp = {"python": python_version(), "path": str(place.venv), "run": fingerprint(lock_file(place, False))}
    if dev:
        stamp["dev"] = fingerprint(lock_file(place, True))
    beside = place.venv / (STAMP + ".new")
    beside.write_text(json.dumps(stamp, indent=1) + "\n")
    beside.replace(place.venv / STAMP)


@contextlib.contextmanager
def only_one(place: Place) -> Iterator[None]:
    """Two set-ups of one checkout take turns. The lock is on the folder itself: it leaves no file and dies with us."""
    handle = os.open(place.root, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say.note("Another set-up is at work in this folder; waiting for it.")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


# the environment


def make_venv(place: Place, log: Path) -> bool:
    """Have a working `.venv` of this Python. Returns True when it is ours to rebuild later."""
    if place.venv.exists() or place.venv.is_symlink():
        state = venv_state(place)
        if state == "foreign":
            return False
        if state == "whole":
            return True
        say.note(f"  environment  {state}; making it anew")
        remove(place.venv)
    began = time.monotonic()
    try:
        place.venv.mkdir()
        (place.venv / BEGUN).touch()
    except OSError as fault:
        raise Trouble(
            f"The virtual environment {place.venv} cannot be made: {(fault.strerror or 'unknown fault').lower()}.",
            f"make {place.root} writable for you, or clone the repository into a folder of your own",
        ) from None
    create(place, log)
    say.done("environment", f".venv with Python {python_version()}", began)
    return True


def venv_state(place: Place) -> str:
    """'whole' (ours), 'foreign' (made by hand and usable), or a sentence saying why it must be made anew."""
    ours = (place.venv / BEGUN).exists()
    stamp = read_stamp(place)
    version = works(place)
    if ours and not stamp:
        return "an earlier set-up was interrupted"
    if version == python_version() and not ours:
        return "foreign"
    if ours and version:
        if version != python_version():
            return f"the environment is of Python {version}"
        return "whole" if stamp.get("path") == str(place.venv) else "the folder has been moved or copied"
    if ours:
        return "the environment no longer works"
    raise Trouble(
        f"{place.venv} was not made by Tandem and is "
        + (f"of Python {version}, not {python_version()}." if version else "no working virtual environment."),
        "move or delete it, then run the same command again",
    )


def works(place: Place) -> str:
    """The version of the environment's interpreter, or '' when it does not run."""
    ask = "import sys; print('.'.join(map(str, sys.version_info[:3])))"
    try:
        answer = subprocess.run(
            [place.python, "-I", "-c", ask], capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return answer.stdout.strip() if answer.returncode == 0 else ""


def remove(folder: Path) -> None:
    try:
        folder.unlink() if folder.is_symlink() else shutil.rmtree(folder)
    except OSError as fault:
        raise Trouble(
            f"The old environment {folder} cannot be removed: {(fault.strerror or 'unknown fault').lower()}.",
            f"delete it yourself (rm -rf {folder}), then run the same command again",
        ) from None


def create(place: Place, log: Path) -> None:
    """An environment without pip takes a fifth of a second and one with it five, so the base Python's pip is used
    where it can install into another environment. Debian splits venv's own pip away; then uv or virtualenv may help.
    """
    if has_module("venv") and base_pip():
        command = [sys.executable, "-m", "venv", "--without-pip", str(place.venv)]
    elif has_module("venv") and has_module("ensurepip"):
        command = [sys.executable, "-m", "venv", str(place.venv)]
    elif uv := shutil.which("uv"):
        command = [uv, "venv", "--seed", "--allow-existing", "--python", sys.executable, str(place.venv)]
    elif has_module("virtualenv"):
        command = [sys.executable, "-m", "virtualenv", str(place.venv)]
    else:
        raise no_venv_module()
    if run(command, log, "environment") != 0 or works(place) == "":
        if "ensurepip" in log.read_text(errors="replace"):
            raise no_venv_module()
        raise explain(place, log, "The virtual environment could not be made.")


def base_pip() -> bool:
    """Whether this Python has a pip that knows `--python` (since 22.3)."""
    try:
        major, minor = metadata.version("pip").split(".")[:2]
        return (int(major), int(minor)) >= (22, 3)
    except (metadata.PackageNotFoundError, ValueError):
        return False


def pip_command(place: Place) -> list[str]:
    """pip for the environment: its own, or the base Python's."""
    own = any(place.venv.glob("lib/python3.11/site-packages/pip/__main__.py"))
    start = [str(place.python), "-m", "pip"] if own else [sys.executable, "-m", "pip", "--python", str(place.python)]
    return [*start, "--disable-pip-version-check", "--no-input"]


def no_venv_module() -> Trouble:
    return Trouble(
        f"This Python ({sys.executable}) lacks the parts that make virtual environments (ensurepip, venv).",
        "install them (Debian, Ubuntu: sudo apt install python3.11-venv), then run the same command again",
    )


def has_module(name: str) -> bool:
    return importlib.util.find_spec(name) is not None


# the packages


@dataclass(frozen=True)
class PipConfig:
    """What pip is configured to use on this machine (pip.conf and PIP_…). uv does not read it by itself."""

    index: str = ""
    find_links: list[str] = field(default_factory=list)
    trusted: list[str] = field(default_factory=list)
    cert: str = ""
    proxy: str = ""
    no_index: bool = False

    @classmethod
    def parse(cls, listing: str) -> "PipConfig":
        """From `pip config list`, lines such as global.find-links='/wheels'; environment > install > global."""
        ranked: dict[str, tuple[int, str]] = {}
        for entry in listing.splitlines():
            name, equals, quoted = entry.partition("=")
            level, _, key = name.strip().rpartition(".")
            rank = {"global": 1, "install": 2, ":env:": 3}.get(level, 0)
            if not equals or not rank:
                continue
            with contextlib.suppress(ValueError, SyntaxError):
                key = key.lower().replace("_", "-")
                ranked[key] = max(ranked.get(key, (0, "")), (rank, str(ast.literal_eval(quoted.strip()))))
        found = {key: text for key, (_, text) in ranked.items()}
        return cls(
            index=found.get("index-url", ""),
            find_links=found.get("find-links", "").split(),
            trusted=found.get("trusted-host", "").split(),
            cert=found.get("cert", ""),
            proxy=found.get("proxy", ""),
            no_index=found.get("no-index", "").lower() in {"1", "true", "yes", "on"},
        )

    def for_uv(self) -> list[str]:
        words = ["--no-index"] if self.no_index else []
        words += ["--default-index", self.index] if self.index and not self.no_index else []
        for folder in self.find_links:
            words += ["--find-links", folder]
        for host in self.trusted:
            words += ["--allow-insecure-host", host]
        return words

    def environment(self) -> dict[str, str]:
        extra = {"SSL_CERT_FILE": self.cert} if self.cert else {}
        return extra | ({"ALL_PROXY": self.proxy} if self.proxy else {})

    def offers(self, prefix: str) -> bool:
        """Whether a wheel of that name lies in one of the configured local folders."""
        return any(any(Path(folder).glob(prefix + "-*.whl")) for folder in self.find_links if Path(folder).is_dir())


def pip_config(place: Place) -> PipConfig:
    answer = subprocess.run(
        [*pip_command(place), "config", "list"], capture_output=True, text=True, stdin=subprocess.DEVNULL
    )
    return PipConfig.parse(answer.stdout if answer.returncode == 0 else "")


def fill(place: Place, *, dev: bool, log: Path) -> None:
    """uv first (seconds), pip as the fallback (minutes)."""
    pip = [*pip_command(place), "install", "--quiet"]
    lock = str(lock_file(place, dev))
    config = pip_config(place)
    uv = place.venv / "bin" / "uv"
    fast = uv.exists() or run([*pip, "--retries", "1", UV], log, "installer") == 0
    if not fast and no_network(log):
        raise explain(place, log, "The packages could not be downloaded.")
    torch_first(place, config, pip, uv if fast else None, log)
    if fast:
        command = [str(uv), "pip", "install", "--python", str(place.python), *config.for_uv(), "-r", lock]
        if run(command, log, "packages", config.environment()) == 0:
            return
        if disk_full(log):
            raise explain(place, log, "The packages could not be installed.")
        say.note("  packages     the fast installer failed; trying again with pip, which takes minutes")
    if run([*pip, "-r", lock], log, "packages") != 0:
        raise explain(place, log, "The packages could not be installed.")


def torch_first(place: Place, config: PipConfig, pip: list[str], uv: Path | None, log: Path) -> None:
    """One small call for the CPU build of torch alone, which saves gigabytes where there is no GPU.

    TANDEM_TORCH_INDEX is `auto` (torch's own CPU index, on a Linux without NVIDIA), `none`, or the address of an index.
    An extra index for *all* packages would cost seconds per package whenever it is down. Failing here is no fault:
    the lock then brings the build of the ordinary index.
    """
    setting = place.text("TANDEM_TORCH_INDEX", "auto").strip()
    lines = lock_file(place, False).read_text().splitlines()
    wanted = next((line.split(";")[0].strip() for line in lines if line.startswith("torch==")), None)
    if setting.lower() in {"none", "off", "no"} or wanted is None or has_torch(place):
        return
    quick = {"UV_HTTP_TIMEOUT": "15", "UV_HTTP_RETRIES": "0"}
    if setting.lower() != "auto":
        if uv:
            command = [
                str(uv),
                "pip",
                "install",
                "--python",
                str(place.python),
                "--no-deps",
                "--default-index",
                setting,
            ]
        else:
            command = [*pip, "--no-deps", "--retries", "1", "--index-url", setting]
        if run([*command, wanted], log, "torch", config.environment()) != 0:
            say.note(
                "  torch        the index in TANDEM_TORCH_INDEX did not give it; taking it with the other packages"
            )
        return
    gpu = Path("/proc/driver/nvidia/version").exists() or Path("/dev/nvidia0").exists()
    own_sources = config.no_index or config.index or config.offers("torch")
    if uv and sys.platform == "linux" and not gpu and not own_sources:
        command = [str(uv), "pip", "install", "--python", str(place.python), "--no-deps", "--torch-backend", "cpu"]
        run([*command, wanted], log, "torch", config.environment() | quick)


def has_torch(place: Place) -> bool:
    return any(place.venv.glob("lib/python3.11/site-packages/torch-*.dist-info"))


# running a step, and saying why it failed


def run(command: list[str], log: Path, name: str, extra: dict[str, str] | None = None) -> int:
    """Run one step with its output in the log, showing that it lives. Returns its exit code."""
    began = time.monotonic()
    say.line.restart()
    environment = os.environ | {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "UV_NO_PROGRESS": "1"} | (extra or {})
    with log.open("ab") as sink:
        sink.write(f"\n$ {' '.join(command)}\n".encode())
        sink.flush()
        child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=sink, stderr=subprocess.STDOUT, env=environment
        )
        try:
            while True:
                try:
                    return child.wait(timeout=0.5)
                except subprocess.TimeoutExpired:
                    say.line.show(f"  {name:<12} working … {say.clock(time.monotonic() - began)}")
        finally:
            if child.poll() is None:
                child.terminate()
                child.wait()
            say.line.clear()


def no_network(log: Path) -> bool:
    text = log.read_text(errors="replace")
    return any(sign in text for sign in NO_NETWORK)


def disk_full(log: Path) -> bool:
    text = log.read_text(errors="replace")
    return "No space left on device" in text or "Disk quota exceeded" in text


def explain(place: Place, log: Path, sentence: str) -> Trouble:
    """Why a step failed, in one sentence, from what the installer wrote."""
    again = "then run the same command again"
    shown = place.shown(log)
    if disk_full(log):
        return Trouble(f"{sentence} The disk is full.", f"free about 6 GB, {again}")
    if no_network(log):
        return Trouble(
            f"{sentence} No package index can be reached from here, and the packages are not installed yet.",
            "connect to the network (or tell pip about your mirror: pip config set global.index-url ADDRESS; or about "
            f"a folder of wheels: PIP_FIND_LINKS=FOLDER), {again}. Details: {shown}",
        )
    text = log.read_text(errors="replace")
    if "Permission denied" in text:
        return Trouble(f"{sentence} A file may not be written.", f"see the last lines of {shown}, {again}")
    if "No matching distribution" in text or "No solution found" in text:
        return Trouble(
            f"{sentence} Your package index lacks one of the locked versions.",
            f"see the last lines of {shown} for its name, or use an index that has it, {again}",
        )
    return Trouble(sentence, f"see the last lines of {shown}, {again}")
