"""What the person at the terminal reads: steps with their time, a line that repaints itself, troubles with remedies."""

import shutil
import sys
import time


class Trouble(Exception):  # noqa: N818  (it reads as what it is)
    """Something the person can mend: one sentence, and what to do. Never a trace."""

    def __init__(self, sentence: str, remedy: str = "", *, lines: list[str] | None = None, code: int = 1) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.remedy = remedy
        self.lines = lines or []
        self.code = code


def tell(trouble: Trouble) -> int:
    """Print a trouble on stderr and return the exit code that goes with it."""
    line.clear()
    sys.stdout.flush()
    for text in trouble.lines:
        print(f"  | {text}", file=sys.stderr)
    print(trouble.sentence, file=sys.stderr)
    if trouble.remedy:
        print(f"  What to do: {trouble.remedy}", file=sys.stderr)
    return trouble.code


def clock(seconds: float | None) -> str:
    """65 -> '1:05'."""
    if seconds is None:
        return "?:??"
    whole = max(0, round(seconds))
    return f"{whole // 60}:{whole % 60:02d}"


def note(text: str = "") -> None:
    line.clear()
    print(text, flush=True)


def done(name: str, text: str, since: float | None = None) -> None:
    """One finished step: 'packages      187 installed (6.2 s)'. `since` is a time.monotonic()."""
    took = "" if since is None else f"  ({time.monotonic() - since:.1f} s)"
    note(f"  {name:<12} {text}{took}")


class Line:
    """A line that repaints itself on a terminal, and is printed now and then when nobody can see it repaint."""

    def __init__(self, every_s: float = 5.0) -> None:
        self.every_s = every_s
        self.shown = False
        self._last = 0.0

    def live(self, text: str) -> None:
        """Only where it can be painted over again."""
        if sys.stdout.isatty():
            width = shutil.get_terminal_size().columns - 1
            sys.stdout.write("\r\x1b[2K" + text[:width])
            sys.stdout.flush()
            self.shown = True

    def show(self, text: str) -> None:
        if sys.stdout.isatty():
            self.live(text)
        elif time.monotonic() - self._last >= self.every_s:
            self._last = time.monotonic()
            print(text, flush=True)

    def clear(self) -> None:
        if self.shown:
            sys.stdout.write("\r\x1b[2K")
            sys.stdout.flush()
            self.shown = False

    def restart(self) -> None:
        """Begin a new thing: its first line is printed at once."""
        self._last = 0.0


line = Line()
