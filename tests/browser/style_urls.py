"""Addresses of the component tests: one page with every component, and the small endpoints its scripts read."""

import math
import re
from pathlib import Path

from django import forms
from django.conf import settings
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template import engines
from django.utils import timezone, translation
from django_htmx.http import HttpResponseClientRedirect

from collab.access.rules import PUBLIC, route, rule
from collab.kernel.errors import Fault
from config.urls import handler400, handler403, handler404, handler500  # noqa: F401  Django looks for them here
from config.urls import urlpatterns as product_urls

PAGE = Path(__file__).with_name("style_page.html")
STATUS = settings.BASE_DIR / "templates" / "components" / "_status.html"
STATES = [*re.findall(r'state == "(\w+)"', STATUS.read_text(encoding="utf-8")), "unknown"]
LOG_LINES = [f"step {step} loss {4 - step / 400:.3f}" for step in range(0, 400, 20)]
LOG_LINES += ["WARNING: the learning rate is high", "ERROR: 无法写入检查点"]


class UploadForm(forms.Form):
    file = forms.FileField(label="File", help_text="Up to 200 MB: text, CSV, JSONL or a zip of images.")
    file.widget.attrs["class"] = "form-control"


def style(request: HttpRequest) -> HttpResponse:
    now = timezone.now()
    trend = [4.1, 3.6, 3.3, 3.2, 2.9, 2.8, 2.82, 2.73]
    context = {
        "zh": translation.get_language() == "zh-hans",
        "nav_items": [
            {"label": label, "url": "#", "icon": icon, "active": label == "Training", "count": count}
            for label, icon, count in [
                ("Dashboard", "speedometer2", None),
                ("Projects", "people", None),
                ("Datasets", "database", None),
                ("Training", "cpu", 2),
                ("Models", "box-seam", None),
            ]
        ],
        "missing": [
            {"sentence": "The agreement “Joint research 2026” has not been signed by Voyage Robotics.", "url": "#1"},
            {"sentence": "The dataset “Letters” has no data card.", "url": "#2", "label": "Write it"},
            {"sentence": "Your membership begins on 1 December.", "url": ""},
        ],
        "faults": [Fault("rows[3].label", "is empty", "give every row a label")],
        "tabs": [
            {"label": "Overview", "url": "#", "active": True},
            {"label": "Datasets", "url": "#d", "count": 3},
            {"label": "Agreements", "url": "#g", "count": 0},
            {"label": "History", "url": "#h"},
        ],
        "jobs": [
            {
                "name": "Letters, 10 M",
                "note": "run 14",
                "state": "running",
                "who": "Ada Lind",
                "loss": "2.731",
                "trend": trend,
            },
            {
                "name": "Digits",
                "note": "run 13",
                "state": "done",
                "who": "王小明",
                "loss": "0.102",
                "trend": trend[::-1],
            },
            {"name": "Letters, 3 M", "note": "run 12", "state": "failed", "who": "Bo Ek", "loss": "–", "trend": [1, 2]},
        ],
        "page": Paginator(range(61), 3).get_page(request.GET.get("page", 2)),
        "nodes": [
            {"kind": "agreement", "label": "Joint research 2026", "url": "#a", "detail": "executed"},
            {"kind": "dataset", "label": "Letters v3", "url": "#b", "detail": "0.5 MB"},
            {"kind": "job", "label": "Run 14", "current": True, "detail": "GPT, 2,000 steps"},
            {"kind": "model", "label": "letters v2", "url": "#c"},
        ],
        "facts": [("Seed", 7), ("Optimiser", "AdamW"), ("Note", None)],
        "classes": {"labels": ["robin", "wren", "blackbird", "知更鸟"], "values": [610, 480, 122, 40]},
        "lengths": {"labels": [0, 50, 100, 150, 200, 250], "values": [12, 80, 140, 60, 9]},
        "confusion": {"labels": [0, 1, 2], "matrix": [[50, 2, 0], [1, 47, 3], [0, 5, 44]]},
        "events": [
            {"at": now, "who": "Ada Lind", "text": "started the run", "icon": "play-circle", "tone": "accent"},
            {"at": now, "who": "Bo Ek", "text": "signed the agreement", "icon": "pen", "tone": "ok", "url": "#e"},
            {"at": now, "text": "The draft was made", "detail": "version 1"},
        ],
        "now": now,
        "code": 'from transformers import AutoModelForCausalLM as Net\n\nmodel = Net.from_pretrained("letters")',
        "states": STATES,
        "form": UploadForm(),
    }
    return HttpResponse(engines["django"].from_string(PAGE.read_text(encoding="utf-8")).render(context, request))


def series(request: HttpRequest) -> JsonResponse:
    """A run of 400 steps in two answers; the third says that it is over."""
    after = int(request.GET.get("after", 0))
    until = min(after + 200, 400)
    steps = list(range(after + 1, until + 1))
    loss = [1 + 3 * math.exp(-step / 90) + 0.12 * math.sin(step * 1.7) for step in steps]
    rare = [step for step in steps if step % 40 == 0]
    return JsonResponse(
        {
            "cursor": until,
            "finished": after >= 400,
            "series": [
                {"name": "train/loss", "label": "Training loss", "group": "Loss", "x": steps, "y": loss},
                {
                    "name": "eval/loss",
                    "label": "Validation loss",
                    "group": "Loss",
                    "x": rare,
                    "y": [1.15 + 3 * math.exp(-s / 90) for s in rare],
                },
                {"name": "train/lr", "x": steps, "y": [3e-4 * min(1, s / 40) for s in steps]},
            ],
        }
    )


def log(request: HttpRequest) -> HttpResponse:
    """The text from a byte on, cut in the middle of a character once to see that it is joined again."""
    text = ("\n".join(LOG_LINES) + "\n").encode()
    offset = int(request.GET.get("offset", 0))
    cut = text.index("无".encode()) + 1
    end = len(text) if offset >= cut else cut
    finished = "true" if end == len(text) else "false"
    headers = {"X-Log-Offset": str(end), "X-Log-Finished": finished}
    return HttpResponse(text[offset:end], content_type="text/plain; charset=utf-8", headers=headers)


def fragment(request: HttpRequest) -> HttpResponse:
    return HttpResponse("fresh")


def sent(request: HttpRequest) -> HttpResponse:
    return HttpResponseClientRedirect("/style/fragment/") if request.htmx else HttpResponse("sent")


urlpatterns = [
    route("style/", style, rule(PUBLIC), name="style"),
    route("style/series/", series, rule(PUBLIC), name="style-series"),
    route("style/log/", log, rule(PUBLIC), name="style-log"),
    route("style/fragment/", fragment, rule(PUBLIC), name="style-fragment"),
    route("style/sent/", sent, rule(PUBLIC, "POST"), name="style-sent"),
    *product_urls,
]
