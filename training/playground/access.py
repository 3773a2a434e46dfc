"""Who sees a question and its answer: whoever asked, and only while they may still ask."""

from __future__ import annotations

from copy import copy
from datetime import datetime

from django.db.models import Q
from django.utils.translation import gettext as _

from collab.access.policy import Missing, acting, decide, visible_to
from collab.accounts.models import User
from collab.transfer.licences.models import LicensedAsset
from registry.catalog.models import ModelVersion
from training.playground.models import Trial


def may_still_try(user: User, at: datetime) -> Q:
    """The right that it was asked under holds; so an ended licence takes the answers away as well."""
    user = acting(copy(user), None)  # a token that only reads may still read what was asked
    versions = visible_to(user, "model.try", ModelVersion.objects.all(), at)
    assets = visible_to(user, "release.try", LicensedAsset.objects.all(), at)
    return Q(asset=None, version__in=versions.values("pk")) | Q(asset__in=assets.values("pk"))


def why_not(user: User, trial: Trial, at: datetime) -> Missing:
    """What is missing by now."""
    found = missing_for(user, trial, at)
    return found[0] if found else Missing("access_lost", _("The right to try this model has ended."))


def missing_for(user: User, trial: Trial, at: datetime | None = None) -> list[Missing]:
    """Everything that keeps the person from asking this again."""
    if trial.asset is not None:
        return decide(user, "release.try", trial.asset, at).missing
    return decide(user, "model.try", trial.version, at).missing
