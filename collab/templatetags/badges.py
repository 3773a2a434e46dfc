"""`{% badge_of state room as name %}`: how a state is drawn."""

from __future__ import annotations

from django import template

from collab.web import badges

register = template.Library()


@register.simple_tag
def badge_of(state: object, room: object = "") -> badges.Badge:
    """For components/_status.html alone; everything else includes that."""
    return badges.badge_of(str(state or ""), str(room or ""))
