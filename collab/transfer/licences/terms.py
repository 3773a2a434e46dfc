"""The terms of a licence as plain JSON: read strictly, every fault named at once, and said in words.

This is what each version of the agreement holds and what its hash covers. Amounts are decimals written as text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

from django.utils.formats import date_format
from django.utils.translation import gettext as _

from collab.accounts.models import Organisation
from collab.kernel.errors import Fault, FaultyInputError, InvalidError
from collab.kernel.names import faulty_character
from collab.transfer.currencies import amount_in, known_currency
from collab.transfer.disclosures.models import in_language
from collab.transfer.licences.models import Licence
from collab.transfer.licences.places import FieldOfUse, Place, Territory
from collab.transfer.licences.states import (
    AssetKind,
    Costs,
    CostsOf,
    Exclusivity,
    Frequency,
    RoyaltyBasis,
    SharesBy,
    Span,
    Sublicensing,
)

HUNDRED = Decimal(100)
_DEFAULTS: dict[str, Any] = {
    "licensors": [],
    "licensee": "",
    "option": "",
    "exclusivity": "",
    "fields": [],
    "territories": [],
    "field_note": "",
    "commercial": True,
    "sublicensing": Sublicensing.NONE.value,
    "sublicences_end": False,
    "academic_use": True,
    "assets": [],
    "currency": "",
    "issue_fee": None,
    "issue_fee_days": 30,
    "annual_minimum": None,
    "minimum_creditable": True,
    "minimum_from": None,
    "royalty_basis": RoyaltyBasis.NONE.value,
    "tiers_by": Span.YEAR.value,
    "tiers": [],
    "royalty_cap": None,
    "cap_by": Span.YEAR.value,
    "sublicence_percent": None,
    "equity_percent": None,
    "equity_note": "",
    "costs": Costs.NONE.value,
    "costs_of": CostsOf.CASES.value,
    "costs_percent": None,
    "costs_cap": None,
    "costs_days": 30,
    "late_interest_percent": None,
    "shares_by": SharesBy.ASSETS.value,
    "shares": [],
    "share_days": 30,
    "milestones": [],
    "diligence": [],
    "report_frequency": Frequency.NONE.value,
    "report_days": 45,
    "audit_right": True,
    "audit_notice_days": 30,
    "audit_cost_percent": None,
    "convertible": False,
    "negotiation_days": None,
}
TERMS = tuple(_DEFAULTS)
_YES_OR_NO = ("commercial", "academic_use", "convertible", "audit_right")
_MONEY = ("issue_fee", "annual_minimum", "royalty_cap", "costs_cap")
_PERCENT = ("sublicence_percent", "equity_percent", "late_interest_percent", "costs_percent", "audit_cost_percent")
_CHOICES: dict[str, Any] = {
    "exclusivity": Exclusivity,
    "sublicensing": Sublicensing,
    "royalty_basis": RoyaltyBasis,
    "tiers_by": Span,
    "cap_by": Span,
    "costs": Costs,
    "costs_of": CostsOf,
    "shares_by": SharesBy,
    "report_frequency": Frequency,
}
_DAYS = {
    "issue_fee_days": 3650,
    "costs_days": 3650,
    "share_days": 365,
    "report_days": 365,
    "audit_notice_days": 365,
    "negotiation_days": 3650,
}
_ROWS_MAX = 60


def whole_terms(terms: Mapping[str, Any]) -> dict[str, Any]:
    """What a version says, and for terms that were not known when it was written what holds without them."""
    return {**_DEFAULTS, **terms}


def read_terms(given: Mapping[str, Any] | None, *, starts_on: date, ends_on: date | None) -> dict[str, Any]:
    """The terms in their one spelling; raises FaultyInputError naming each one at fault."""
    return _Reader(given or {}, starts_on, ends_on).read()


class _Reader:
    def __init__(self, given: Mapping[str, Any], starts_on: date, ends_on: date | None) -> None:
        self.given = {**_DEFAULTS, **{name: value for name, value in given.items() if value is not None}}
        self.unknown = sorted(set(given) - set(TERMS))
        self.starts_on, self.ends_on = starts_on, ends_on
        self.faults: list[Fault] = []

    def read(self) -> dict[str, Any]:
        for name in self.unknown:
            self._fault(name, _("There is no such term."))
        made: dict[str, Any] = {name: self.given[name] for name in TERMS}
        for name, choices in _CHOICES.items():
            if made[name] not in choices.values:
                self._fault(name, _("Choose one of: %(these)s.") % {"these": ", ".join(choices.values)})
        for name in (*_YES_OR_NO, "minimum_creditable", "sublicences_end"):
            if not isinstance(made[name], bool):
                self._fault(name, _("Write true or false."))
        for name, most in _DAYS.items():
            self._days(name, made, most)
        for name in ("field_note", "equity_note"):
            made[name] = self._text(name, made[name], 500 if name == "field_note" else 300, needed=False)
        self._parties(made)
        made["shares"] = self._shares(made)
        made["fields"] = self._places("fields", made["fields"], FieldOfUse)
        made["territories"] = self._places("territories", made["territories"], Territory)
        made["assets"] = self._assets(made["assets"])
        self._money(made)
        made["diligence"] = self._rows("diligence", made["diligence"], self._diligence)
        if self.faults:
            raise FaultyInputError(self.faults, field=self.faults[0].path.split(".")[0])
        return made

    # --- parts
    def _fault(self, path: str, text: str) -> None:
        self.faults.append(Fault(path, text))

    def _try(self, path: str, act: Callable[[], Any]) -> Any:
        try:
            return act()
        except InvalidError as error:
            self._fault(path, str(error))
            return None

    def _days(self, name: str, made: dict[str, Any], most: int) -> None:
        value = made[name]
        if value is None:
            return
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
            self._fault(name, _("Write a whole number of days from 0 to %(n)d.") % {"n": most})

    def _text(self, path: str, value: Any, most: int, *, needed: bool = True) -> str:
        text = value.strip() if isinstance(value, str) else ""
        if not isinstance(value, str) or len(text) > most or faulty_character(text, allow="\n\t") is not None:
            self._fault(path, _("Write at most %(n)d characters of plain text.") % {"n": most})
        elif needed and not any(c.isalnum() for c in text):
            self._fault(path, _("Write at least one letter or digit."))
        return text

    def _day(self, path: str, value: Any) -> str | None:
        if value in (None, ""):
            return None
        try:
            day = value if isinstance(value, date) else date.fromisoformat(str(value))
        except ValueError:
            self._fault(path, _("Write a day as in 2026-05-31."))
            return None
        if not 1900 <= day.year <= 2200:
            self._fault(path, _("Write a year between 1900 and 2200."))
        elif day < self.starts_on:
            self._fault(path, _("This day is before the licence begins."))
        return day.isoformat()

    def _percent(self, path: str, value: Any) -> str | None:
        if value in (None, ""):
            return None
        try:
            percent = Decimal(str(value)) if not isinstance(value, float | bool) else Decimal("NaN")
        except InvalidOperation:
            percent = Decimal("NaN")
        if not percent.is_finite() or not 0 <= percent <= 100:
            self._fault(path, _("Write a percentage from 0 to 100 as a decimal number."))
            return None
        if percent != percent.quantize(Decimal("0.0001")):
            self._fault(path, _("Write at most four digits after the point."))
            return None
        return _plain(percent)

    def _parties(self, made: dict[str, Any]) -> None:
        keys = [str(key) for key in made["licensors"]] if isinstance(made["licensors"], list | tuple) else []
        licensee, option = str(made["licensee"] or ""), str(made["option"] or "")
        if not keys or len(set(keys)) != len(keys) or not all(map(_is_uuid, keys)):
            self._fault("licensors", _("Name each licensor once."))
        if not _is_uuid(licensee):
            self._fault("licensee", _("Name the licensee."))
        elif licensee in keys:
            self._fault("licensee", _("Nobody licenses to themselves: licensor and licensee are the same."))
        if option and not _is_uuid(option):
            self._fault("option", _("There is no such option."))
        made |= {"licensors": keys, "licensee": licensee, "option": option}

    def _shares(self, made: dict[str, Any]) -> list[dict[str, Any]]:
        """Agreed parts, in the order of the licensors. Those that follow the assets are worked out by `binding.py`."""
        if made["shares_by"] != SharesBy.AGREED:
            return []
        rows = self._rows("shares", made["shares"], self._share)
        keys = [row["licensor"] for row in rows]
        if sorted(keys) != sorted(made["licensors"]) or len(keys) < 2:
            self._fault("shares", _("Several licensors share what a licence brings: name the part of each once."))
            return rows
        parts = [Decimal(row["percent"]) for row in rows if row["percent"] is not None]
        if len(parts) == len(rows) and (total := sum(parts)) != HUNDRED:
            text = _("The parts of the licensors make %(sum)s per cent; they must make exactly 100.")
            self._fault("shares", text % {"sum": _plain(total)})
        return sorted(rows, key=lambda row: made["licensors"].index(row["licensor"]))

    def _share(self, path: str, row: Mapping[str, Any]) -> dict[str, Any]:
        self._known(path, row, "licensor", "percent")
        percent = self._percent(f"{path}.percent", row.get("percent"))
        if percent is None and row.get("percent") in (None, ""):
            self._fault(f"{path}.percent", _("Write the part in per cent."))
        return {"licensor": str(row.get("licensor", ""))[:64], "percent": percent}

    def _places(self, name: str, codes: Any, model: type[Place]) -> list[str]:
        """The codes, those left out that lie inside another one of them."""
        wanted = [str(code) for code in codes] if isinstance(codes, list | tuple) else []
        rows = {row.code: row for row in model._default_manager.filter(code__in=wanted)}
        missing = [code for code in wanted if code not in rows]
        if missing or not wanted:
            labels = {"fields": _("field of use"), "territories": _("territory")}
            text = _("There is no %(what)s “%(code)s”.") if missing else _("Name at least one %(what)s.")
            self._fault(name, text % {"what": labels[name], "code": missing[0] if missing else ""})
        outer = [row for row in rows.values() if not any(o != row and o.holds(row) for o in rows.values())]
        return sorted(row.code for row in outer)

    def _rows(self, name: str, rows: Any, read: Callable[[str, Mapping[str, Any]], dict[str, Any]]) -> list[Any]:
        if not isinstance(rows, list | tuple) or len(rows) > _ROWS_MAX:
            self._fault(name, _("Write a list of at most %(n)d rows.") % {"n": _ROWS_MAX})
            return []
        made = []
        for number, row in enumerate(rows, 1):
            if not isinstance(row, Mapping):
                self._fault(f"{name}.{number}", _("This is no row."))
                continue
            made.append(read(f"{name}.{number}", row))
        titles = [row.get("title") for row in made if row.get("title")]
        for title in {title for title in titles if titles.count(title) > 1}:
            self._fault(name, _("“%(title)s” is there twice.") % {"title": title})
        return made

    def _known(self, path: str, row: Mapping[str, Any], *names: str) -> None:
        for name in sorted(set(row) - set(names)):
            self._fault(f"{path}.{name}", _("There is no such term."))

    def _assets(self, rows: Any) -> list[dict[str, Any]]:
        made = self._rows("assets", rows, self._asset)
        if not made:
            self._fault("assets", _("A licence is about at least one asset."))
            return made
        keys = [(row["subject_type"], row["subject_id"]) for row in made]
        if len(set(keys)) != len(keys):
            self._fault("assets", _("Name each asset once."))
        parts = [Decimal(row["percent"]) for row in made if row["percent"] is not None]
        if len(parts) == len(made) and (total := sum(parts)) != HUNDRED:
            text = _("The parts of the assets make %(sum)s per cent; they must make exactly 100.")
            self._fault("assets", text % {"sum": _plain(total)})
        return made

    def _asset(self, path: str, row: Mapping[str, Any]) -> dict[str, Any]:
        self._known(path, row, "kind", "subject_type", "subject_id", "label", "label_zh", "percent")
        kind = row.get("kind")
        if kind not in AssetKind.values:
            self._fault(f"{path}.kind", _("Choose one of: %(these)s.") % {"these": ", ".join(AssetKind.values)})
        percent = self._percent(f"{path}.percent", row.get("percent", "100"))
        return {
            "kind": kind,
            "subject_type": str(row.get("subject_type", ""))[:60],
            "subject_id": str(row.get("subject_id", ""))[:64],
            "label": str(row.get("label", ""))[:200],
            "label_zh": str(row.get("label_zh", ""))[:200],
            "percent": percent,
        }

    def _money(self, made: dict[str, Any]) -> None:
        milestones = made["milestones"]
        takes_money = any(made[name] not in (None, "") for name in _MONEY) or milestones
        takes_money = takes_money or made["royalty_basis"] != RoyaltyBasis.NONE or made["costs"] != Costs.NONE
        # reports are of sums, and shares are of them: both are owed in the currency of the licence
        reports = made["report_frequency"] != Frequency.NONE
        takes_money = takes_money or reports or made["sublicence_percent"] not in (None, "")
        currency = None
        if takes_money or made["currency"]:
            currency = self._try("currency", lambda: known_currency(made["currency"], field="currency"))
        for name in _MONEY:
            made[name] = self._amount(name, made[name], currency)
        for name in _PERCENT:
            made[name] = self._percent(name, made[name])
        made["minimum_from"] = self._day("minimum_from", made["minimum_from"])
        if made["annual_minimum"] is None:
            made["minimum_from"] = None
        made["tiers"] = self._rows("tiers", made["tiers"], lambda p, r: self._tier(p, r, made, currency))
        begins = [Decimal(row["from"]) for row in made["tiers"] if row["from"] is not None]
        if made["royalty_basis"] == RoyaltyBasis.NONE and made["tiers"]:
            self._fault("royalty_basis", _("Say on what the royalty runs."))
        elif made["royalty_basis"] != RoyaltyBasis.NONE and not made["tiers"]:
            self._fault("tiers", _("A running royalty needs at least one rate."))
        elif begins and (begins[0] != 0 or begins != sorted(set(begins))):
            self._fault("tiers", _("The first tier begins at 0, and each further one higher than the one before."))
        if not reports and made["royalty_basis"] != RoyaltyBasis.NONE:
            self._fault("report_frequency", _("A running royalty is counted from reports: say how often they come."))
        elif not reports and made["sublicence_percent"] is not None:
            self._fault("report_frequency", _("Sublicence income is counted from reports: say how often they come."))
        made["milestones"] = self._rows("milestones", milestones, lambda p, r: self._milestone(p, r, currency))

    def _amount(self, path: str, value: Any, currency: str | None) -> str | None:
        if value in (None, ""):
            return None
        amount = self._try(path, lambda: amount_in(value, currency or "EUR", field=path))
        return None if amount is None else format(amount, "f")

    def _tier(self, path: str, row: Mapping[str, Any], made: dict[str, Any], currency: str | None) -> dict[str, Any]:
        self._known(path, row, "from", "rate", "per_unit")
        by_unit = made["royalty_basis"] == RoyaltyBasis.UNITS
        begin = self._amount(f"{path}.from", row.get("from") or "0", currency)
        rate = None if by_unit else self._percent(f"{path}.rate", row.get("rate"))
        per_unit = self._amount(f"{path}.per_unit", row.get("per_unit"), currency) if by_unit else None
        if rate is None and per_unit is None and row.get("per_unit" if by_unit else "rate") in (None, ""):
            text = _("Write the amount for each unit.") if by_unit else _("Write the rate in per cent.")
            self._fault(f"{path}.{'per_unit' if by_unit else 'rate'}", text)
        return {"from": begin, "rate": rate, "per_unit": per_unit}

    def _milestone(self, path: str, row: Mapping[str, Any], currency: str | None) -> dict[str, Any]:
        self._known(path, row, "title", "title_zh", "amount", "due_on")
        amount = self._amount(f"{path}.amount", row.get("amount"), currency)
        if amount is None:
            self._fault(f"{path}.amount", _("Write the amount that is paid."))
        return self._titled(path, row) | {"amount": amount, "due_on": self._day(f"{path}.due_on", row.get("due_on"))}

    def _diligence(self, path: str, row: Mapping[str, Any]) -> dict[str, Any]:
        self._known(path, row, "title", "title_zh", "due_on")
        due_on = self._day(f"{path}.due_on", row.get("due_on"))
        if due_on is None and not row.get("due_on"):
            self._fault(f"{path}.due_on", _("A diligence milestone needs its day."))
        elif due_on and self.ends_on and due_on >= self.ends_on.isoformat():
            self._fault(f"{path}.due_on", _("This day is after the licence ends."))
        return self._titled(path, row) | {"due_on": due_on}

    def _titled(self, path: str, row: Mapping[str, Any]) -> dict[str, str]:
        return {
            "title": self._text(f"{path}.title", row.get("title", ""), 200),
            "title_zh": self._text(f"{path}.title_zh", row.get("title_zh") or "", 200, needed=False),
        }


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def _plain(number: Decimal) -> str:
    """`3.5000` -> `3.5`, `100` -> `100`."""
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


# --- in words
def say_terms(terms: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The terms as lines to read; what says nothing is left out."""
    terms = whole_terms(terms)
    keys = [*terms["licensors"], terms["licensee"]]
    names = {str(row.pk): str(row) for row in Organisation.objects.filter(pk__in=keys)}
    yield _("Licensor"), _(", ").join(names.get(key, key) for key in terms["licensors"])
    yield _("Licensee"), names.get(terms["licensee"], terms["licensee"])
    for asset in terms["assets"]:
        label = f"{AssetKind(asset['kind']).label}: {in_language(asset['label'], asset.get('label_zh', ''))}"
        yield label, _("%(n)s per cent of the money") % {"n": asset["percent"]}
    yield _label("exclusivity"), str(Exclusivity(terms["exclusivity"]).label)
    yield _("Field of use"), " – ".join(filter(None, [_named(FieldOfUse, terms["fields"]), terms["field_note"]]))
    yield _("Territory"), _named(Territory, terms["territories"])
    for name in _YES_OR_NO:
        yield _label(name), _("yes") if terms[name] else _("no")
    yield _label("sublicensing"), str(Sublicensing(terms["sublicensing"]).label)
    if terms["sublicences_end"]:
        yield _("Sublicences that these terms leave no room for"), _("end with them")
    yield from _say_money(terms)
    if terms["report_frequency"] != Frequency.NONE:
        yield _label("report_frequency"), str(Frequency(terms["report_frequency"]).label)
        yield _label("report_days"), str(terms["report_days"])
    for row in terms["diligence"]:
        yield f"{_('Diligence milestone')}: {row['title']}", date_format(date.fromisoformat(row["due_on"]))
    if terms["negotiation_days"] is not None:
        yield _label("negotiation_days"), str(terms["negotiation_days"])


def _say_money(terms: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    currency = terms["currency"]
    for name in _MONEY:
        if terms[name] is not None:
            yield _label(name), f"{terms[name]} {currency}"
    if terms["issue_fee"] is not None:
        yield _label("issue_fee_days"), str(terms["issue_fee_days"])
    if terms["annual_minimum"] is not None:
        yield _label("minimum_creditable"), _("yes") if terms["minimum_creditable"] else _("no")
    if terms["minimum_from"]:
        yield _label("minimum_from"), date_format(date.fromisoformat(terms["minimum_from"]))
    if terms["royalty_basis"] != RoyaltyBasis.NONE:
        yield _label("royalty_basis"), str(RoyaltyBasis(terms["royalty_basis"]).label)
        yield _("Rates"), say_tiers(terms["tiers"], currency)
        yield _label("tiers_by"), str(Span(terms["tiers_by"]).label)
    if terms["royalty_cap"] is not None:
        yield _label("cap_by"), str(Span(terms["cap_by"]).label)
    for name in _PERCENT:
        if terms[name] is not None:
            yield _label(name), f"{terms[name]} %"
    if terms["equity_note"]:
        yield _label("equity_note"), terms["equity_note"]
    if terms["costs"] != Costs.NONE:
        yield _label("costs"), str(Costs(terms["costs"]).label)
        yield _label("costs_of"), str(CostsOf(terms["costs_of"]).label)
        yield _label("costs_days"), str(terms["costs_days"])
    yield from _say_shares(terms)
    for row in terms["milestones"]:
        day = f", {date_format(date.fromisoformat(row['due_on']))}" if row["due_on"] else ""
        yield f"{_('Milestone payment')}: {row['title']}", f"{row['amount']} {currency}{day}"


def _say_shares(terms: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Who of several licensors administers the licence, and what part of the receipts each gets."""
    if len(terms["licensors"]) < 2:
        return
    names = {str(row.pk): str(row) for row in Organisation.objects.filter(pk__in=terms["licensors"])}
    yield _("Administered by"), names.get(terms["licensors"][0], terms["licensors"][0])
    yield _label("shares_by"), str(SharesBy(terms["shares_by"]).label)
    for row in terms["shares"]:
        name = names.get(row["licensor"], row["licensor"])
        yield _("Part of %(who)s") % {"who": name}, _("%(n)s per cent of the money") % {"n": row["percent"]}
    yield _label("share_days"), str(terms["share_days"])


def say_tiers(tiers: list[dict[str, Any]], currency: str) -> str:
    """“from 0: 3 %; from 100000: 5 %”."""
    said = [
        _("from %(from)s: %(rate)s")
        % {"from": row["from"], "rate": f"{row['rate']} %" if row["rate"] else f"{row['per_unit']} {currency}"}
        for row in tiers
    ]
    return "; ".join(said)


def _named(model: type[Place], codes: list[str]) -> str:
    rows = {row.code: row for row in model._default_manager.filter(code__in=codes)}
    return _(", ").join(str(rows.get(code, code)) for code in codes)


def _label(name: str) -> str:
    text = str(Licence._meta.get_field(name).verbose_name)
    return text[:1].upper() + text[1:]
