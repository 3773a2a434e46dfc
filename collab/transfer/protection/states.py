"""Kinds of protection, where each stands and the moves between; states of deadlines, offers and interests."""

from enum import StrEnum

from django.utils.translation import gettext_lazy as _

from collab.kernel.tables import Moves


class ProtectionKind(StrEnum):
    PROVISIONAL = "provisional"
    PCT = "pct"
    NATIONAL = "national"
    DIVISIONAL = "divisional"
    CONTINUATION = "continuation"
    MARK = "mark"
    COPYRIGHT = "copyright"
    TRADE_SECRET = "trade_secret"  # noqa: S105
    OPEN_LICENCE = "open_licence"
    DEPOSIT = "deposit"


KIND_WORDS = {
    ProtectionKind.PROVISIONAL: _("Provisional application"),
    ProtectionKind.PCT: _("International application (PCT)"),
    ProtectionKind.NATIONAL: _("National or regional application"),
    ProtectionKind.DIVISIONAL: _("Divisional application"),
    ProtectionKind.CONTINUATION: _("Continuation"),
    ProtectionKind.MARK: _("Trade mark"),
    ProtectionKind.COPYRIGHT: _("Copyright"),
    ProtectionKind.TRADE_SECRET: _("Trade secret"),
    ProtectionKind.OPEN_LICENCE: _("Open licence"),
    ProtectionKind.DEPOSIT: _("Deposit"),
}

PATENTS = frozenset(
    {
        ProtectionKind.PROVISIONAL,
        ProtectionKind.PCT,
        ProtectionKind.NATIONAL,
        ProtectionKind.DIVISIONAL,
        ProtectionKind.CONTINUATION,
    }
)
OFFICIAL = PATENTS | {ProtectionKind.MARK}  # an office examines them; the others hold by what their owner does
OF_A_PARENT = frozenset({ProtectionKind.DIVISIONAL, ProtectionKind.CONTINUATION})


class ProtectionStatus(StrEnum):
    PLANNED = "planned"
    FILED = "filed"
    PUBLISHED = "published"
    GRANTED = "granted"
    IN_FORCE = "in_force"  # of what no office grants
    LAPSED = "lapsed"
    REFUSED = "refused"
    EXPIRED = "expired"
    ABANDONED = "abandoned"


PENDING = frozenset({ProtectionStatus.FILED, ProtectionStatus.PUBLISHED})
HOLDING = frozenset({ProtectionStatus.GRANTED, ProtectionStatus.IN_FORCE})
ALIVE = PENDING | HOLDING
OVER = frozenset(
    {ProtectionStatus.LAPSED, ProtectionStatus.REFUSED, ProtectionStatus.EXPIRED, ProtectionStatus.ABANDONED}
)

PROTECTION_MOVES = Moves(
    {
        "file": ({ProtectionStatus.PLANNED}, ProtectionStatus.FILED),
        "publish": ({ProtectionStatus.FILED}, ProtectionStatus.PUBLISHED),
        "grant": (set(PENDING), ProtectionStatus.GRANTED),
        "claim": ({ProtectionStatus.PLANNED}, ProtectionStatus.IN_FORCE),
        "refuse": (set(PENDING), ProtectionStatus.REFUSED),
        "lapse": (set(ALIVE), ProtectionStatus.LAPSED),
        "restore": ({ProtectionStatus.LAPSED}, ProtectionStatus.GRANTED),
        "revive": ({ProtectionStatus.LAPSED}, ProtectionStatus.FILED),  # what lapsed before it was granted
        "expire": (set(ALIVE), ProtectionStatus.EXPIRED),
        "abandon": ({ProtectionStatus.PLANNED, *ALIVE}, ProtectionStatus.ABANDONED),
    }
)

# Where a protection stands by mistake -> the day that is taken back; where it stands then, its other days say.
CORRECTIONS = {
    ProtectionStatus.FILED: "filed_on",
    ProtectionStatus.IN_FORCE: "filed_on",
    ProtectionStatus.PUBLISHED: "published_on",
    ProtectionStatus.GRANTED: "granted_on",
    **dict.fromkeys(sorted(OVER), "ended_on"),
}

MOVE_WORDS = {
    "file": _("Filed"),
    "publish": _("Published"),
    "grant": _("Granted"),
    "claim": _("In force"),
    "refuse": _("Refused"),
    "lapse": _("Lapsed"),
    "restore": _("Restored"),
    "revive": _("Pending again"),
    "expire": _("Expired"),
    "abandon": _("Give it up"),
}

# Move -> the date of the protection that it enters. The others enter the day of the end.
DATE_OF_MOVE = {"file": "filed_on", "publish": "published_on", "grant": "granted_on", "claim": "filed_on"}
ENDING_MOVES = frozenset({"refuse", "lapse", "expire", "abandon"})

_NOT_OFFICIAL = frozenset({"claim", "expire", "abandon"})
_KIND_MOVES: dict[ProtectionKind, frozenset[str]] = {
    ProtectionKind.PROVISIONAL: frozenset({"file", "expire", "abandon"}),
    ProtectionKind.PCT: frozenset({"file", "publish", "expire", "lapse", "abandon"}),
}


def moves_of(kind: str) -> frozenset[str]:
    """The moves that a kind knows: no office grants a trade secret, and a provisional application is never granted."""
    found = ProtectionKind(kind)
    if found not in OFFICIAL:
        return _NOT_OFFICIAL
    return _KIND_MOVES.get(found, frozenset(PROTECTION_MOVES.table) - {"claim"})


class DeadlineState(StrEnum):
    OPEN = "open"
    MET = "met"
    WAIVED = "waived"  # somebody decided not to do it, with a reason
    VOID = "void"  # what it was counted from has changed, or its protection is over
    GONE_BY = "gone_by"  # it had gone by when it was first counted


DEADLINE_MOVES = Moves(
    {
        "meet": ({DeadlineState.OPEN, DeadlineState.GONE_BY}, DeadlineState.MET),
        "waive": ({DeadlineState.OPEN, DeadlineState.GONE_BY}, DeadlineState.WAIVED),
        "reopen": ({DeadlineState.MET, DeadlineState.WAIVED}, DeadlineState.OPEN),
    }
)


class BaseDate(StrEnum):
    """What days are counted from: of the case, of the funder's rules chosen for it, or of one protection."""

    DISCLOSED = "disclosed_on"
    PUBLIC_DISCLOSURE = "public_disclosure_on"
    REPORTED = "reported_on"
    ELECTED = "elected_on"
    FIRST_FILED = "first_filed_on"
    PRIORITY = "priority_on"
    FILED = "filed_on"
    PUBLISHED = "published_on"
    GRANTED = "granted_on"


BASE_WORDS = {
    BaseDate.DISCLOSED: _("disclosure to the office"),
    BaseDate.PUBLIC_DISCLOSURE: _("first public disclosure"),
    BaseDate.REPORTED: _("report to the funder"),
    BaseDate.ELECTED: _("election of title"),
    BaseDate.FIRST_FILED: _("first filing of the case"),
    BaseDate.PRIORITY: _("priority date"),
    BaseDate.FILED: _("filing date"),
    BaseDate.PUBLISHED: _("publication date"),
    BaseDate.GRANTED: _("grant date"),
}
CASE_BASES = frozenset(
    {BaseDate.DISCLOSED, BaseDate.PUBLIC_DISCLOSURE, BaseDate.REPORTED, BaseDate.ELECTED, BaseDate.FIRST_FILED}
)


class OfferState(StrEnum):
    DRAFT = "draft"
    PUBLISHED = "published"
    WITHDRAWN = "withdrawn"


OFFER_MOVES = Moves(
    {
        "publish": ({OfferState.DRAFT, OfferState.WITHDRAWN}, OfferState.PUBLISHED),
        "withdraw": ({OfferState.PUBLISHED}, OfferState.WITHDRAWN),
    }
)


class InterestState(StrEnum):
    NEW = "new"
    IN_CONTACT = "in_contact"
    UNDER_NDA = "under_nda"
    IN_NEGOTIATION = "in_negotiation"
    DECLINED = "declined"


_TALKING = frozenset({InterestState.IN_CONTACT, InterestState.UNDER_NDA, InterestState.IN_NEGOTIATION})
INTEREST_MOVES = Moves(
    {
        "contact": ({InterestState.NEW, InterestState.DECLINED}, InterestState.IN_CONTACT),
        "nda": ({InterestState.NEW, InterestState.IN_CONTACT}, InterestState.UNDER_NDA),
        "negotiate": ({InterestState.IN_CONTACT, InterestState.UNDER_NDA}, InterestState.IN_NEGOTIATION),
        "decline": ({InterestState.NEW, *_TALKING}, InterestState.DECLINED),
    }
)
INTEREST_MOVE_WORDS = {
    "contact": _("In contact"),
    "nda": _("Under a non-disclosure agreement"),
    "negotiate": _("In negotiation"),
    "decline": _("Goes no further"),
}
