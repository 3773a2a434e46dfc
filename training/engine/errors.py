"""What ends a run before its end: an error with its reason and sentence, or a request to stop."""

import signal
import threading
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Any, TypeVar

from training.engine.messages import HINTS, MESSAGES
from training.engine.protocol import Reason
from training.engine.strict import Issue

LOOK_S = 0.1
T = TypeVar("T")
Check = Callable[[], None]  # called in what takes long; ends it by raising


class EngineError(Exception):
    """A failure with a reason and a sentence from MESSAGES. `step` is None outside training.

    `issues` tell at which places of a spec what is wrong with it.
    """

    def __init__(
        self, reason: Reason, message: str, *, step: int | None = None, issues: Sequence[Issue] = (), **params: Any
    ) -> None:
        self.reason, self.message, self.step, self.issues = reason, message, step, list(issues)
        self.params = params if step is None else params | {"step": step}
        super().__init__(MESSAGES[message] % self.params)

    @property
    def hint(self) -> str:
        """How to mend it, or an empty text."""
        return HINTS.get(self.message, "") % self.params


class DataError(EngineError):
    """The dataset is not what its profile promised."""

    def __init__(self, message: str, **params: Any) -> None:
        super().__init__(Reason.DATA_ERROR, message, **params)


class StopRequestedError(Exception):
    """Somebody asked the run to stop; raised only at places where nothing is half done."""


class ReachedError(StopRequestedError):
    """The run came to the share of it that was asked for, and waits there."""


class DismissedError(Exception):
    """The work of a process that is not the first of several is over."""


def unasked() -> None:
    """The check of what nobody asks to stop."""


class Stop:
    """The flag that SIGTERM and SIGINT set. Every loop longer than a second looks at it."""

    def __init__(self) -> None:
        self.requested = False

    def listen(self) -> None:
        """Set the flag on SIGTERM and SIGINT from now on."""
        signal.signal(signal.SIGTERM, self._on_signal)
        signal.signal(signal.SIGINT, self._on_signal)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self.requested = True

    def attend(self, work: Callable[[], T]) -> T:
        """What `work` returns. It may be long away in a library: a thread does it, while this one looks."""
        found: list[Any] = []

        def go() -> None:
            try:
                found.append(work())
            except BaseException as error:  # raised again where it was asked for
                found.append(error)

        thread = threading.Thread(target=go, name="attended", daemon=True)  # what is given up dies with the process
        thread.start()
        while thread.is_alive():
            thread.join(LOOK_S)
            self.check()
        self.check()  # it may have been over before the first look
        if isinstance(found[0], BaseException):
            raise found[0]
        return found[0]

    def check(self) -> None:
        """Raise StopRequestedError once the flag is set."""
        if self.requested:
            raise StopRequestedError
