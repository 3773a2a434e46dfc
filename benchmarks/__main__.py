"""`make bench`: runs each benchmark of this folder in a process of its own: `python -m benchmarks [NAME …]`."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent


def names() -> list[str]:
    return sorted(file.stem for file in HERE.glob("*.py") if not file.stem.startswith("_"))


def main() -> int:
    """Run the named benchmarks, or all. Returns 1 when one of them failed."""
    wanted = sys.argv[1:] or names()
    if unknown := [name for name in wanted if name not in names()]:
        print(f"There is no benchmark {', '.join(unknown)}; there are: {', '.join(names())}.", file=sys.stderr)
        return 2
    failed = []
    for name in wanted:
        print(f"\n== {name} ==", flush=True)
        began = time.monotonic()
        if subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], cwd=HERE.parent).returncode != 0:
            failed.append(name)
        print(f"({time.monotonic() - began:.0f} s)", flush=True)
    if failed:
        print(f"Failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
