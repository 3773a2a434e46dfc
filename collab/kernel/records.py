"""The base of every table: ids that cannot be guessed, times in UTC."""

import uuid
from collections.abc import Iterable

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from collab.kernel.errors import Fault, FaultyInputError


class Record(models.Model):
    """A row with a random public id and its time of creation."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    created_at = models.DateTimeField(_("created at"), default=timezone.now, editable=False)

    class Meta:
        abstract = True

    def require_clean(self, *, exclude: Iterable[str] = ()) -> None:
        """Check every field and say all that is wrong at once: raises FaultyInputError naming the fields.

        Constraints over several rows are left to the database, inside the verb's transaction.
        """
        try:
            self.full_clean(exclude=set(exclude), validate_constraints=False)
        except ValidationError as fault:
            faults = [
                Fault(path="" if name == NON_FIELD_ERRORS else name, text=text)
                for name, texts in fault.message_dict.items()
                for text in texts
            ]
            raise FaultyInputError(faults, field=faults[0].path or None) from None
