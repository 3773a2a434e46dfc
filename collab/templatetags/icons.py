"""`{% icon "bell" %}`: one symbol of the sprite. A tag, not an included template: a page draws thirty of them."""

from __future__ import annotations

from django import template
from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

register = template.Library()
DRAWING = '<svg class="icon{}"{}><use href="{}#{}"/></svg>'


@register.simple_tag
def icon(name: str, label: str = "", class_: str = "") -> SafeString:
    """Without a label it only decorates, and a screen reader passes over it."""
    told = format_html(' role="img" aria-label="{}"', label) if label else mark_safe(' aria-hidden="true"')
    return format_html(DRAWING, f" {class_}" if class_ else "", told, static("vendor/bootstrap-icons/icons.svg"), name)
