"""`make lock`: writes requirements.lock and requirements-dev.lock from the two requirements files.

One lock serves every machine: torch is pinned without its build (a CPU build satisfies the pin, and PyPI's build brings
its own CUDA packages by itself), and nothing in a lock names a folder, an index or a system we do not run on.
"""

import subprocess
import tempfile
from pathlib import Path

from deploy.tandem import say
from deploy.tandem.place import Place
from deploy.tandem.say import Trouble

# Packages that only PyPI's Linux build of torch wants; it asks for them itself where it is installed.
CUDA = ("nvidia-", "cuda-", "triton==")
# Markers that can never hold where Tandem runs (Python 3.11, CPython, Linux or macOS) …
NEVER = ("python_full_version >= '3.12'", "sys_platform == 'win32'", "sys_platform == 'emscripten'")
# … and markers that always hold there.
ALWAYS = (
    "python_full_version < '3.12'",
    "platform_python_implementation != 'PyPy'",
    "implementation_name != 'PyPy'",
    "implementation_name != 'pypy'",
)
HEAD = "# Exact versions of everything in {}. Written by `make lock`; do not edit by hand.\n"


def write(place: Place, *, upgrade: bool) -> None:
    """Resolve both requirements files; keeps the versions of the present lock unless `upgrade`."""
    run_lock, dev_lock = place.root / "requirements.lock", place.root / "requirements-dev.lock"
    for source, target, constraint in (
        ("requirements.txt", run_lock, None),
        ("requirements-dev.txt", dev_lock, run_lock),
    ):
        text = compile_lock(place, place.root / source, target, constraint, upgrade)
        target.write_text(HEAD.format(source) + text)
        say.done("lock", f"{target.name}: {text.count('==')} packages")


def compile_lock(place: Place, source: Path, target: Path, constraint: Path | None, upgrade: bool) -> str:
    uv = place.venv / "bin" / "uv"
    if not uv.exists():
        raise Trouble("The lock is made by uv, which is not in .venv.", "run: .venv/bin/python -m pip install uv")
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "lock.txt"
        if target.exists() and not upgrade:
            output.write_text(target.read_text())
        command = [
            str(uv), "pip", "compile", str(source), "--universal", "--python-version", "3.11", "--quiet",
            "--no-header", "--no-annotate", "--output-file", str(output),
        ]  # fmt: skip
        if constraint:
            command += ["--constraint", str(constraint)]
        if upgrade:
            command += ["--upgrade"]
        answer = subprocess.run(command, cwd=place.root, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        if answer.returncode != 0:
            reason = answer.stderr.strip().splitlines()
            raise Trouble("The requirements could not be resolved.", "see the lines above", lines=reason[-8:])
        return "".join(line + "\n" for line in clean(output.read_text().splitlines()))


def clean(lines: list[str]) -> list[str]:
    """The lines of a universal lock that matter here, without what belongs to torch's CUDA build."""
    kept = []
    for line in lines:
        pin, _, marker = (part.strip() for part in line.partition(";"))
        if not pin or pin.startswith("#") or pin.startswith(CUDA):
            continue
        if pin.startswith("torch=="):
            pin, marker = pin.partition("+")[0], ""
        clauses = [part.strip() for part in marker.split(" and ")] if marker and " or " not in marker else []
        if any(clause in NEVER for clause in clauses) or marker in NEVER:
            continue
        if " or " in marker and all(clause.strip(" ()") in NEVER for clause in marker.split(" or ")):
            continue
        if clauses:
            marker = " and ".join(clause for clause in clauses if clause not in ALWAYS)
        entry = f"{pin} ; {marker}" if marker else pin
        if entry not in kept:
            kept.append(entry)
    return kept
