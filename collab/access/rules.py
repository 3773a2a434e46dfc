"""Every route states who may come in. A route that says nothing is a 404 (collab.web.middleware), and a red test."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.urls import URLPattern, path

from collab.access.roles import WORDS

PUBLIC = "public"
SIGNED_IN = "signed_in"
STAFF = "staff"


@dataclass(frozen=True)
class Rule:
    """`access`: public, signed_in, staff, or a permission word that the view must ask the policy before it answers.

    `methods` are the only ones let through. `words` gives other words for other methods.
    """

    access: str
    methods: frozenset[str] = frozenset({"GET", "HEAD"})
    words: tuple[tuple[str, str], ...] = ()

    def word_for(self, method: str) -> str:
        return dict(self.words).get(method, self.access)


# Routes of libraries (sign-in, admin, static): route as ResolverMatch.route gives it -> rule. Filled in config.urls.
LIBRARY_RULES: dict[str, Rule] = {}


def rule(access: str, *methods: str, **words: str) -> Rule:
    """`rule("job.view")`, `rule("job.submit", "POST")`, `rule("project.view", POST="project.edit")`."""
    for word in (access, *words.values()):
        if word not in WORDS and word not in {PUBLIC, SIGNED_IN, STAFF}:
            raise KeyError(f"{word!r} is no permission word; collab/access/roles.py lists them")
    allowed = set(methods) | {m.upper() for m in words} | (set() if methods else {"GET"})
    if "GET" in allowed:
        allowed.add("HEAD")
    return Rule(access, frozenset(allowed), tuple((m.upper(), w) for m, w in words.items()))


def route(pattern: str, view: Callable[..., Any], access: Rule, *, name: str) -> URLPattern:
    """`django.urls.path` with a rule: the only way our own routes are made."""

    def guarded(*args: Any, **kwargs: Any) -> Any:
        return view(*args, **kwargs)

    guarded.__name__ = getattr(view, "__name__", type(view).__name__)
    guarded.__module__ = view.__module__
    guarded.__doc__ = view.__doc__
    guarded.__dict__.update(getattr(view, "__dict__", {}))
    guarded.access_rule = access  # type: ignore[attr-defined]
    return path(pattern, guarded, name=name)
