"""Entry of the make targets. It must stay readable for any old Python, so that the version can be told politely."""

# Pythons as old as 2.7 read this file:
# ruff: noqa: PTH100, PTH120
import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
NEEDED = (3, 11)


def main():
    if sys.version_info[:2] != NEEDED:
        sys.stderr.write(
            "Tandem needs Python 3.11, and {} is Python {}.\n"
            "  What to do: install Python 3.11 (Debian, Ubuntu: sudo apt install python3.11 python3.11-venv; "
            "macOS: brew install python@3.11), or name one: make PYTHON=/path/to/python3.11 run\n".format(
                sys.executable or "python", ".".join(str(part) for part in sys.version_info[:3])
            )
        )
        return 2
    if os.name != "posix":
        sys.stderr.write(
            "Tandem runs on Linux and macOS.\n  What to do: on Windows, run it inside WSL (wsl --install).\n"
        )
        return 2
    sys.path[0] = ROOT
    from deploy.tandem import cli  # after the check: the rest is written for Python 3.11

    return cli.main(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
