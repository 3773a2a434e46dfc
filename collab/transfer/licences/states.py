"""States of a licence. Nearly all follow from its agreement and its dates; only a breach is a row of its own."""

from enum import StrEnum

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from collab.kernel.tables import Moves


class LicenceState(StrEnum):
    TERM_SHEET = "term_sheet"
    NEGOTIATION = "negotiation"
    APPROVED = "approved"
    SIGNED = "signed"
    ACTIVE = "active"
    IN_BREACH = "in_breach"
    SUSPENDED = "suspended"
    EXPIRED = "expired"
    TERMINATED = "terminated"
    WITHDRAWN = "withdrawn"


STATE_WORDS = {
    LicenceState.TERM_SHEET: pgettext_lazy("state", "Term sheet"),
    LicenceState.NEGOTIATION: pgettext_lazy("state", "Negotiation"),
    LicenceState.APPROVED: pgettext_lazy("state", "Approved"),
    LicenceState.SIGNED: pgettext_lazy("state", "Signed"),
    LicenceState.ACTIVE: pgettext_lazy("state", "Active"),
    LicenceState.IN_BREACH: pgettext_lazy("state", "In breach"),
    LicenceState.SUSPENDED: pgettext_lazy("state", "Suspended"),
    LicenceState.EXPIRED: pgettext_lazy("state", "Expired"),
    LicenceState.TERMINATED: pgettext_lazy("state", "Terminated"),
    LicenceState.WITHDRAWN: pgettext_lazy("state", "Withdrawn"),
}

UNDER_WAY = (LicenceState.TERM_SHEET, LicenceState.NEGOTIATION, LicenceState.APPROVED)
BINDING = (LicenceState.SIGNED, LicenceState.ACTIVE, LicenceState.IN_BREACH, LicenceState.SUSPENDED)


class Exclusivity(models.TextChoices):
    EXCLUSIVE = "exclusive", _("exclusive: nobody else, the owner neither")
    SOLE = "sole", _("sole: nobody else but the owner")
    NON_EXCLUSIVE = "non_exclusive", _("non-exclusive")


# Those that leave no room for another licensee.
SHUTTING = (Exclusivity.EXCLUSIVE.value, Exclusivity.SOLE.value)


class Sublicensing(models.TextChoices):
    NONE = "none", _("not allowed")
    CONSENT = "consent", _("with the licensor's written consent")
    FREE = "free", _("allowed")


class SublicenceState(StrEnum):
    ASKED = "asked"  # the licensor has not consented yet
    GRANTED = "granted"
    REFUSED = "refused"
    ENDED = "ended"


SUBLICENCE_MOVES = Moves(
    {
        "consent": ({SublicenceState.ASKED}, SublicenceState.GRANTED),
        "refuse": ({SublicenceState.ASKED}, SublicenceState.REFUSED),
        "end": ({SublicenceState.ASKED, SublicenceState.GRANTED}, SublicenceState.ENDED),
    }
)


class RoyaltyBasis(models.TextChoices):
    NONE = "none", _("no running royalty")
    NET_SALES = "net_sales", _("net sales")
    GROSS_SALES = "gross_sales", _("gross sales")
    UNITS = "units", _("units sold")


class Span(models.TextChoices):
    """Over what tiers and caps count."""

    PERIOD = "period", _("each report period")
    YEAR = "year", _("each calendar year")
    TOTAL = "total", _("the whole term")


class Frequency(models.TextChoices):
    NONE = "none", _("no reports")
    QUARTERLY = "quarterly", _("every three months")
    HALF_YEARLY = "half_yearly", _("every six months")
    YEARLY = "yearly", _("every year")


class Costs(models.TextChoices):
    NONE = "none", _("the licensor bears them")
    PAST = "past", _("those until signing")
    FUTURE = "future", _("those from signing on")
    ALL = "all", _("all of them")


class CostsOf(models.TextChoices):
    """Whose costs of protection a licensee repays."""

    CASES = "cases", _("of every right of the licensed cases")
    ASSETS = "assets", _("of the licensed rights alone")


class SharesBy(models.TextChoices):
    """By what several licensors share what a licence brings."""

    ASSETS = "assets", _("by the parts of the assets, each to its owners")
    AGREED = "agreed", _("as agreed")


class AssetKind(models.TextChoices):
    MODEL_VERSION = "model_version", _("Model version")
    DATASET_VERSION = "dataset_version", _("Dataset version")
    PROTECTION = "protection", _("Protected right")
    SOFTWARE = "software", _("Software")
    TECHNOLOGY = "technology", _("Technology or know-how")
