"""Template filters for numbers: `{{ job.seconds|duration }}`, `{{ parameters|compact }}`, `{{ loss|figure }}`."""

from django import template

from collab.web import figures

register = template.Library()
register.filter("duration", figures.duration)
register.filter("compact", figures.compact)
register.filter("figure", figures.figure)
