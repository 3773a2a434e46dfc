"""Every route states who may come in. A route that says nothing is a 404 (collab.web.middleware), and a red test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver, path

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


def rule_of(callback: Callable[..., Any], route: str) -> Rule | None:
    """The rule of a resolved view: its own, its viewset's, or the table's for library routes. None: no one comes in."""
    own = getattr(callback, "access_rule", None)
    if own is not None:
        return own
    viewset = getattr(callback, "cls", None)
    actions = getattr(callback, "actions", None)
    if viewset is not None and actions is not None and hasattr(viewset, "words"):
        words = {method.upper(): viewset.words.get(action) for method, action in actions.items() if method != "head"}
        if any(word is None for word in words.values()):
            return None
        methods = set(words) | ({"HEAD"} if "GET" in words else set())
        first = next(iter(words.values()))
        return Rule(first, frozenset(methods), tuple(words.items()))
    return LIBRARY_RULES.get(route)


@dataclass(frozen=True)
class Route:
    """One address of the site, as the resolver knows it."""

    pattern: str
    callback: Callable[..., Any]
    name: str

    @cached_property
    def rule(self) -> Rule | None:
        return rule_of(self.callback, self.pattern)


def routes(patterns: list[Any] | None = None, prefix: str = "", namespace: str = "") -> Iterator[Route]:
    """Every route below these patterns (the whole site by default), joined as ResolverMatch.route joins them."""
    for pattern in get_resolver().url_patterns if patterns is None else patterns:
        full = prefix + str(pattern.pattern).removeprefix("^") if prefix else str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            inner = f"{namespace}{pattern.namespace}:" if pattern.namespace else namespace
            yield from routes(pattern.url_patterns, full, inner)
        else:
            yield Route(full, pattern.callback, f"{namespace}{pattern.name or ''}")
