"""Paper: PDF pages in both languages that carry their own glyphs, the same bytes for the same content.

reportlab is loaded when the first page is made, so that no process pays for it that makes none.
"""

from __future__ import annotations

import io
import unicodedata
from collections.abc import Iterable, Sequence
from functools import cache
from importlib.resources import as_file, files
from typing import Any
from xml.sax.saxutils import escape

from django.utils import translation
from django.utils.functional import Promise

LANGUAGES = ("en", "zh-hans")
_BODY, _MONO = "TandemBody", "TandemMono"
_INK, _QUIET, _LINE, _WARNING = "#1b2430", "#5b6675", "#d5dae1", "#b3261e"


def both(text: str | Promise) -> str:
    """A lazy sentence in both languages: “Parties · 当事方”."""
    said = []
    for language in LANGUAGES:
        with translation.override(language):
            said.append(str(text))
    return said[0] if said[0] == said[1] else " · ".join(said)


def each(text: str | Promise) -> list[str]:
    """A lazy sentence in English, then in Chinese."""
    said = []
    for language in LANGUAGES:
        with translation.override(language):
            said.append(str(text))
    return said


class Paper:
    """Pages, written from top to bottom; `footer` stands on each with its number."""

    def __init__(self, *, title: str, footer: str) -> None:
        _register_fonts()
        self.title, self.footer, self._stamp = title, footer, ""
        self._story: list[Any] = []
        self._styles = _styles()

    def heading(self, text: str, *, level: int = 2) -> None:
        self._story.append(self._paragraph(text, f"h{level}"))

    def note(self, text: str) -> None:
        self._story.append(self._paragraph(text, "note"))

    def text(self, text: str) -> None:
        """Plain text, line by line."""
        for line in text.splitlines():
            self._story.append(self._paragraph(line, "body") if line.strip() else _space(6))

    def facts(self, rows: Iterable[tuple[str, str]]) -> None:
        """Terms and what they are."""
        self.table([], rows, widths=(0.28, 0.72), quiet_first=True)

    def table(
        self,
        head: Sequence[str],
        rows: Iterable[Sequence[str]],
        *,
        widths: Sequence[float],
        quiet_first: bool = False,
        mono: Sequence[int] = (),
    ) -> None:
        """Rows under a head that is repeated on every page; `widths` are parts of the line."""
        from reportlab.platypus import LongTable, TableStyle

        lines = [[self._paragraph(cell, "head") for cell in head]] if head else []
        for row in rows:
            lines.append(
                [
                    self._paragraph(cell, "mono" if n in mono else "quiet" if quiet_first and n == 0 else "cell")
                    for n, cell in enumerate(row)
                ]
            )
        if not lines:
            return
        style = [("VALIGN", (0, 0), (-1, -1), "TOP"), ("LINEBELOW", (0, 0), (-1, -1), 0.4, _LINE)]
        style += [("LEFTPADDING", (0, 0), (0, -1), 0), ("BOTTOMPADDING", (0, 0), (-1, -1), 4)]
        made = LongTable(
            lines, colWidths=[part * _width() for part in widths], repeatRows=1 if head else 0, style=TableStyle(style)
        )
        made.hAlign = "LEFT"
        self._story += [made, _space(8)]

    def code(self, url: str, beside: str) -> None:
        """A QR code of an address, and what it is for."""
        from reportlab.graphics.barcode.qr import QrCodeWidget
        from reportlab.graphics.shapes import Drawing
        from reportlab.platypus import Table, TableStyle

        widget = QrCodeWidget(url, barLevel="M")
        left, low, right, high = widget.getBounds()
        size = 92
        picture = Drawing(size, size, transform=[size / (right - left), 0, 0, size / (high - low), 0, 0])
        picture.add(widget)
        words = [self._paragraph(beside, "cell"), _space(4), self._paragraph(url, "mono")]
        style = TableStyle([("VALIGN", (0, 0), (-1, -1), "MIDDLE"), ("LEFTPADDING", (0, 0), (0, 0), 0)])
        self._story.append(Table([[picture, words]], colWidths=[size + 8, _width() - size - 8], style=style))

    def stamp(self, words: str) -> None:
        """Write it large and slanting across every page, so that no copy is taken for one that counts."""
        self._stamp = words

    def next_page(self) -> None:
        from reportlab.platypus import PageBreak

        self._story.append(PageBreak())

    def render(self) -> bytes:
        """The file. No clock and no chance enters it."""
        from reportlab.lib.pagesizes import A4
        from reportlab.platypus import SimpleDocTemplate

        out = io.BytesIO()
        made = SimpleDocTemplate(
            out,
            pagesize=A4,
            leftMargin=_MARGIN,
            rightMargin=_MARGIN,
            topMargin=56,
            bottomMargin=56,
            title=self.title,
            author="Tandem",
            invariant=1,
        )
        made.build(self._story, onFirstPage=self._frame, onLaterPages=self._frame)
        return out.getvalue()

    def _frame(self, canvas: Any, page: Any) -> None:
        canvas.saveState()
        canvas.setFont(_MONO, 6.5)
        canvas.setFillColor(_QUIET)
        canvas.drawString(_MARGIN + 6, 32, _known(self.footer))
        canvas.drawRightString(page.pagesize[0] - _MARGIN - 6, 32, str(page.page))
        if self._stamp:
            width, height = page.pagesize
            canvas.translate(width / 2, height / 2)
            canvas.rotate(52)
            canvas.setFont(_BODY, 58)
            canvas.setFillColor(_WARNING, alpha=0.22)
            canvas.drawCentredString(0, -18, _known(self._stamp))
        canvas.restoreState()

    def _paragraph(self, text: str, style: str) -> Any:
        from reportlab.platypus import Paragraph

        known = _known(text)
        chosen = f"{style}-cjk" if any(unicodedata.east_asian_width(c) == "W" for c in known) else style
        return Paragraph(escape(known).replace("\n", "<br/>"), self._styles[chosen])


_MARGIN = 52


def _width() -> float:
    from reportlab.lib.pagesizes import A4

    return A4[0] - 2 * _MARGIN - 12  # the frame keeps six points on either side


def _space(height: float) -> Any:
    from reportlab.platypus import Spacer

    return Spacer(1, height)


@cache
def _register_fonts() -> None:
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.ttfonts import TTFont

    with as_file(files("paperang_p2_fonts_cjk") / "fonts" / "wqy-microhei.ttc") as path:
        for name, index in ((_BODY, 0), (_MONO, 1)):
            pdfmetrics.registerFont(TTFont(name, str(path), subfontIndex=index))


@cache
def _glyphs() -> frozenset[int]:
    from reportlab.pdfbase import pdfmetrics

    return frozenset(pdfmetrics.getFont(_BODY).face.charToGlyph)


def _known(text: str) -> str:
    """The text; a character that the font cannot draw is named instead of leaving an empty box."""
    there = _glyphs()
    return "".join(c if ord(c) in there or c in "\n\t" else f"‹U+{ord(c):04X}›" for c in text)


@cache
def _styles() -> dict[str, Any]:
    from reportlab.lib.styles import ParagraphStyle

    plain = {
        "h1": {"fontSize": 17, "leading": 23, "spaceAfter": 6},
        "h2": {"fontSize": 11.5, "leading": 16, "spaceBefore": 10, "spaceAfter": 5},
        "body": {"fontSize": 9.5, "leading": 14.5, "spaceAfter": 2},
        "note": {"fontSize": 8.5, "leading": 12.5, "textColor": _QUIET, "spaceAfter": 6},
        "cell": {"fontSize": 8.5, "leading": 12},
        "quiet": {"fontSize": 8.5, "leading": 12, "textColor": _QUIET},
        "head": {"fontSize": 8, "leading": 11, "textColor": _QUIET},
        "mono": {"fontSize": 7, "leading": 10, "fontName": _MONO, "wordWrap": "CJK"},
    }
    made = {}
    for name, given in plain.items():
        fields = {"fontName": _BODY, "textColor": _INK} | given
        made[name] = ParagraphStyle(name, **fields)
        made[f"{name}-cjk"] = ParagraphStyle(f"{name}-cjk", **(fields | {"wordWrap": "CJK"}))
    return made
