"""`manage.py access_table`: who may do what, as Markdown, from the roles and the routes themselves."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import translation

from collab.access.roles import ORGANISATION_ROLES, PROJECT_ROLES, READ_WORDS, ROLE_WORDS, SESSION_WORDS, WORDS, Role
from collab.access.rules import PUBLIC, SIGNED_IN, STAFF, Rule, routes

_HEAD = """# Who may do what

Made by `manage.py access_table`; a test compares it with the code, so this page is true. Change
`collab/access/roles.py` or a route's rule, then run `manage.py access_table > docs/access.md`.

A person holds **roles**: some in an organisation (organisation admin, authorised signatory, employee), some in a
project (lead, researcher, engineer, observer), each between two dates. A role is a list of **words**. Roles in an
organisation reach into the projects it is a party of. Some words need more than a role: reading and training on data
need an agreement in force that covers the person's party. What one may not see is a 404; what one sees but may not do
is a 403 that names what is missing.

## Roles and words

● holds the word · a token with scope *read* is limited to the words marked r, and no token does those marked s
"""

_ROUTES = """
## Routes and words

*public*: nobody need sign in. *signed in*: any person, and what they get is scoped row by row. *staff*: the admin,
again row by row. Everything else is a word that the answer must have been asked for: an answer that never asked is a
404 at run time, and so is a route without a rule.
"""

_SAID = {PUBLIC: "*public*", SIGNED_IN: "*signed in*", STAFF: "*staff*"}


class Command(BaseCommand):
    help = "Print the tables of docs/access.md: roles × words, routes × words."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--all", action="store_true", help="also the routes of libraries (sign-in, admin)")

    def handle(self, *args: Any, **options: Any) -> None:
        with translation.override("en"):
            self.stdout.write(page(libraries=options["all"]), ending="")


def page(*, libraries: bool = False) -> str:
    """The whole page."""
    return f"{_HEAD}\n{words_table()}{_ROUTES}\n{routes_table(libraries=libraries)}"


def words_table() -> str:
    """One row for each word, one column for each role."""
    roles: list[Role] = [*ORGANISATION_ROLES, *PROJECT_ROLES]
    lines = [
        "| word | lets a person | " + " | ".join(str(role.label) for role in roles) + " | |",
        "|---|---|" + ":-:|" * len(roles) + "---|",
    ]
    for word, meaning in WORDS.items():
        marks = ["●" if word in ROLE_WORDS[role] else "" for role in roles]
        tokens = ("r" if word in READ_WORDS else "") + ("s" if word in SESSION_WORDS else "")
        lines.append(f"| `{word}` | {meaning} | " + " | ".join(marks) + f" | {tokens} |")
    return "\n".join(lines) + "\n"


def routes_table(*, libraries: bool) -> str:
    """One row for each route: its address, and the word for each method."""
    lines = ["| route | methods and words |", "|---|---|"]
    for route in sorted(routes(), key=lambda route: route.pattern):
        library = route.pattern.startswith(("accounts/", "admin/"))
        if libraries or not library:
            lines.append(f"| `/{_readable(route.pattern)}` | {_said(route.rule)} |")
    if not libraries:
        lines.append(
            "| `/accounts/…` | sign-in, sign-up, second factor: *public*, or *signed in* for one's own account |"
        )
        lines.append("| `/admin/…` | *staff* |")
    return "\n".join(lines) + "\n"


def _said(rule: Rule | None) -> str:
    if rule is None:
        return "**no rule: a 404**"
    methods = [method for method in ("GET", "POST", "PUT", "PATCH", "DELETE") if method in rule.methods]
    said = [f"{method} {_SAID.get(rule.word_for(method), f'`{rule.word_for(method)}`')}" for method in methods]
    return " · ".join(said)


def _readable(pattern: str) -> str:
    """`(?P<pk>[0-9a-f]…)` as `<pk>`, `<uuid:pk>` as `<pk>`."""
    text, depth, name = "", 0, ""
    index = 0
    while index < len(pattern):
        char = pattern[index]
        if depth == 0 and pattern.startswith("(?P<", index):
            name = pattern[index + 4 : pattern.index(">", index)]
            text += f"<{name}>"
            depth, index = 1, pattern.index(">", index) + 1
            continue
        if depth:
            depth += {"(": 1, ")": -1}.get(char, 0)
        elif char == "<":
            inside = pattern[index + 1 : pattern.index(">", index)]
            text += f"<{inside.rpartition(':')[2]}>"
            index = pattern.index(">", index)
        elif char not in "^$\\":
            text += char
        index += 1
    return text
