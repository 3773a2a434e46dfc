"""Domain errors, named after the problem. They know no HTTP; collab.web.errors translates them once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

if TYPE_CHECKING:
    from collab.access.policy import Missing


class DomainError(Exception):
    """Something a person asked for cannot be done. `str()` is a sentence for that person.

    `code` is stable for programs; `field` names the input at fault, when there is one.
    """

    code = "refused"

    def __init__(self, message: str, *, field: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.field = field
        self.code = code or type(self).code


class NotFoundError(DomainError):
    """Not there, or not yours to see: the two look alike."""

    code = "not_found"

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or _("There is nothing here, or it is not yours to see."))


class RefusedError(DomainError):
    """You may see it, but not do this; `missing` says what would make it possible."""

    code = "access_refused"

    def __init__(self, missing: Sequence[Missing]) -> None:
        self.missing = list(missing)
        super().__init__(" ".join(str(item.sentence) for item in self.missing))


class InvalidError(DomainError):
    """Understood, but the content cannot be accepted."""

    code = "invalid"


@dataclass(frozen=True)
class Fault:
    """One thing wrong in a larger input: where it is, what is wrong, how to mend it."""

    path: str
    text: str
    hint: str = ""
    level: str = "error"

    def as_dict(self) -> dict[str, str]:
        return {"path": self.path, "text": self.text, "hint": self.hint, "level": self.level}


class FaultyInputError(InvalidError):
    """Several faults at once, so that a person mends them in one go."""

    code = "faulty_input"

    def __init__(self, faults: Sequence[Fault], *, field: str | None = None) -> None:
        self.faults = list(faults)
        super().__init__(" ".join(f"{fault.path}: {fault.text}" for fault in self.faults), field=field)


class UnsupportedKindError(InvalidError):
    """The bytes are of a kind we do not take."""

    code = "kind_not_accepted"


class TooLargeError(DomainError):
    code = "too_large"


class ConflictError(DomainError):
    """The state has moved on, or a second act came too late."""

    code = "conflict"


class StaleError(ConflictError):
    """Somebody changed it since you opened it. `now` is how it stands, so that both versions can be shown."""

    code = "stale"

    def __init__(
        self,
        message: str,
        *,
        field: str | None = None,
        code: str | None = None,
        now: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(message, field=field, code=code)
        self.now = dict(now or {})


class NotReadyError(ConflictError):
    """Possible later: `missing` says what must be there first, and where to mend it."""

    code = "not_ready"

    def __init__(self, missing: Sequence[Missing]) -> None:
        self.missing = list(missing)
        super().__init__(" ".join(str(item.sentence) for item in self.missing))


class QuotaExceededError(DomainError):
    code = "quota_exceeded"


class NoRoomError(DomainError):
    """The disk is full; nothing was written."""

    code = "no_room"


class ExpiredError(DomainError):
    code = "expired"
