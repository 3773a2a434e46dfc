"""Files of modules and of trainings: attachments of the size that courses allow."""

from __future__ import annotations

from django.conf import settings
from django.core.files.uploadedfile import TemporaryUploadedFile

from collab.kernel import attachments
from collab.kernel.attachments import Kept


def keep_file(file: TemporaryUploadedFile, kinds: frozenset[str]) -> Kept:
    """Store a file of one of the kinds; raises what `attachments.keep_file` raises."""
    return attachments.keep_file(file, kinds, settings.COURSE_FILE_MAX_BYTES)
