"""Gathers the admin of every slice."""

from collab.accounts import admin as accounts
from collab.agreements import admin as agreements
from collab.audit import admin as audit
from collab.courses import admin as courses
from collab.ethics import admin as ethics
from collab.inbox import admin as inbox
from collab.internships import admin as internships
from collab.projects import admin as projects
from collab.publications import admin as publications
from collab.terms import admin as terms
from collab.transfer import admin as transfer

__all__ = [
    "accounts",
    "agreements",
    "audit",
    "courses",
    "ethics",
    "inbox",
    "internships",
    "projects",
    "publications",
    "terms",
    "transfer",
]
