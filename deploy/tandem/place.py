"""Where things are on this machine, and the few settings that count before Django can be asked."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from deploy.tandem.say import Trouble

ROOT = Path(__file__).resolve().parent.parent.parent
YES = {"1", "true", "yes", "on", "y"}


@dataclass(frozen=True)
class Place:
    """A checkout, its virtual environment and its data folder."""

    root: Path = ROOT
    values: Mapping[str, str] = field(default_factory=dict)  # the environment over `.env`

    @classmethod
    def here(cls, root: Path = ROOT) -> "Place":
        return cls(root=root, values={**read_dotenv(root / ".env"), **os.environ})

    @property
    def venv(self) -> Path:
        return self.root / ".venv"

    @property
    def python(self) -> Path:
        """The interpreter of the virtual environment."""
        return self.venv / "bin" / "python"

    @property
    def data(self) -> Path:
        return self.root / (self.values.get("TANDEM_DATA_DIR") or "var")

    @property
    def log(self) -> Path:
        return self.data / "log"

    def text(self, name: str, default: str = "") -> str:
        return self.values.get(name) or default

    def wants(self, name: str) -> bool:
        """A switch given on the command line of make: ONCE=1, JSON=1, AGAIN=1."""
        return self.values.get(name, "").strip().lower() in YES

    def port(self, name: str, default: int) -> int:
        text = self.values.get(name, "").strip() or str(default)
        if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 65535:
            raise Trouble(
                f"{name} is {text!r}, which is no port.", f"write a number from 1 to 65535 ({where(self, name)})"
            )
        return int(text)

    def shown(self, path: Path) -> str:
        """A path as a person would type it from the checkout."""
        try:
            return str(path.relative_to(self.root))
        except ValueError:
            return str(path)


def where(place: Place, name: str) -> str:
    """Where a bad value was found."""
    return "in the environment" if name in os.environ else f"in {place.root / '.env'}"


def read_dotenv(path: Path) -> dict[str, str]:
    """NAME=value lines of `.env`. Faulty lines are left to config/env.py, which names them."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return {}
    except PermissionError:
        raise Trouble(f"{path} cannot be read.", f"make it readable for you: chmod u+r {path}", code=2) from None
    except (UnicodeDecodeError, OSError):
        raise Trouble(f"{path} is not a UTF-8 text file.", "compare it with .env.example", code=2) from None
    found = {}
    for line in lines:
        name, equals, value = line.strip().removeprefix("export ").partition("=")
        value = value.strip()
        if value[:1] in {'"', "'"} and value[-1:] == value[:1] and len(value) > 1:
            value = value[1:-1]
        elif " #" in value:
            value = value.partition(" #")[0].rstrip()
        if equals and name.strip().isidentifier():
            found[name.strip()] = value
    return found


def check_data_folder(place: Place) -> None:
    """Make the data folder and its logs, and write a byte into it, before anything slow begins."""
    remedy = f"make it writable for {user_name()}, or choose another folder with TANDEM_DATA_DIR"
    try:
        place.log.mkdir(parents=True, exist_ok=True)
        for folder in (place.data, place.log):
            probe = folder / f".probe-{os.getpid()}"
            probe.write_bytes(b"1")
            probe.unlink()
    except (PermissionError, NotADirectoryError, FileExistsError, FileNotFoundError):
        raise Trouble(f"Tandem cannot write to its data folder {place.data}.", remedy, code=2) from None
    except OSError as fault:
        reason = (fault.strerror or "unknown fault").lower()
        raise Trouble(f"Tandem cannot write to its data folder {place.data}: {reason}.", remedy, code=2) from None


def user_name() -> str:
    import pwd  # POSIX only; the entry has already refused the rest

    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return f"user {os.geteuid()}"


def python_version() -> str:
    return ".".join(str(part) for part in sys.version_info[:3])
