"""Does a spec fit its dataset? Asked by the web before queueing, from the profile alone. Torch-free."""

from typing import Any, Literal

from training.engine.catalogue import ARCHS, TASKS
from training.engine.labelling import label_sets
from training.engine.searching import trial_specs
from training.engine.sizing import (
    chars_of,
    chars_per_token,
    chars_read,
    classes_of,
    column,
    estimate,
    figures,
    train_share,
)
from training.engine.spec import PARTS, Spec, contradictions
from training.engine.strict import Issue, make_issue

Profile = dict[str, Any]
MIN_ROWS = 10
FEW_ROWS = 8
MAX_CLASSES = 1_000
MAX_PAIRS = 5
UNTOLD = ("folders", "masks")  # where no table says anything of images


def validate(spec: Spec, profile: Profile, start: Spec | None = None) -> list[Issue]:
    """Everything wrong or doubtful about running `spec` on a dataset with this profile; errors come first.

    `start`: the spec of the model version that `spec.model.start` or `spec.tokenizer.start` names.
    """
    if spec.search is not None:
        return _search(spec, profile, start)
    issues = contradictions(spec) + _whole_batches(spec)
    if start is not None:
        issues += reading_issues(spec, start) if reads_as_another(spec) else start_issues(spec, start)
    if any(issue.level == "error" for issue in issues):
        return _sorted(issues)
    task, kind = TASKS[spec.task], profile.get("kind")
    if kind not in task.kinds:
        params = {"task": spec.task, "kinds": " or ".join(task.kinds), "kind": kind}
        return _sorted([*issues, make_issue("data.dataset_version", "kind_unfit", **params)])
    issues += _columns(spec, profile) + _split(spec, profile) + _slices(spec, profile)
    issues += _clean(spec, profile) + _beside(spec, profile)
    if not any(issue.level == "error" for issue in issues):
        issues += _classes(spec, profile) if task.classes else []
        issues += _labels(spec, profile) if spec.task == "multi-label-classification" else []
        if spec.task == "forecasting":
            issues += _series(spec, profile)
        else:
            issues += _text_length(spec, profile) if task.packed else _rows(spec, profile)
        issues += _fit(spec, profile) + (_sounds(spec, profile) if kind == "audio" else [])
    return _sorted(issues)


def _whole_batches(spec: Spec) -> list[Issue]:
    """Batches that are not to be cut, or are cut too small.

    Asked of new work alone: runs of earlier specs stay readable, and go on.
    """
    if TASKS[spec.task].contrasts and spec.train.micro is not None:
        return [make_issue("train.micro", "micro_unfit", task=spec.task)]
    least = ARCHS[spec.model.arch].least_rows(spec.shape)
    given = {"train.batch": spec.train.batch, "train.micro": spec.train.micro}
    params = {"arch": spec.model.arch, "image": spec.shape.image, "least": least}
    return [make_issue(p, "batch_single", **params) for p, rows in given.items() if rows is not None and rows < least]


def _search(spec: Spec, profile: Profile, start: Spec | None) -> list[Issue]:
    """What is wrong with the space, or else with any of the trials, each once; the time is that of all."""
    issues = contradictions(spec)
    if any(issue.level == "error" for issue in issues):
        return _sorted(issues)
    found = {(i.path, i.code): i for trial in trial_specs(spec) for i in validate(trial, profile, start)}
    found.pop(("limits.minutes", "limit_short"), None)
    if any(issue.level == "error" for issue in found.values()):
        return _sorted(list(found.values()))
    return _sorted([*found.values(), *_minutes(spec, profile)])


def start_issues(spec: Spec, start: Spec) -> list[Issue]:
    """What keeps a spec from starting with the weights of a model that was trained by the spec `start`."""
    starts = TASKS[spec.task].starts
    if start.task not in starts:
        params = {"task": spec.task, "other": start.task, "choices": ", ".join(starts)}
        return [make_issue("model.start", "start_task", **params)]
    if start.model.arch != spec.model.arch:
        return [make_issue("model.arch", "start_arch", arch=start.model.arch)]
    issues = []
    for name in ARCHS[start.model.arch].settings:
        wanted, own = getattr(start.shape, name), getattr(spec.shape, name)
        shorter = name == "context" and own is not None and wanted is not None and own <= wanted
        if name != "dropout" and own != wanted and not shorter:
            issues.append(make_issue(f"model.{name}", "start_shape", setting=name, value=wanted))
    if TASKS[spec.task].tokenizer and not _read_alike(spec, start):
        issues.append(make_issue("tokenizer", "start_tokenizer", tokenizer=_written(start)))
    return issues


def reads_as_another(spec: Spec) -> bool:
    """Whether a spec takes over a tokenizer, and no weights."""
    return spec.model.start is None and spec.tokenizer is not None and spec.tokenizer.start is not None


def reading_issues(spec: Spec, start: Spec) -> list[Issue]:
    """What keeps a spec from reading text with the tokenizer of a model that was trained by the spec `start`.

    It holds the marks that its own task needs, so it serves the tasks that can start with such a model's weights.
    """
    starts = TASKS[spec.task].starts
    if start.task not in starts or start.tokenizer is None:
        params = {"task": spec.task, "other": start.task, "choices": ", ".join(starts)}
        return [make_issue("tokenizer.start", "reads_task", **params)]
    if not _read_alike(spec, start):
        return [make_issue("tokenizer", "reads_other", tokenizer=_written(start))]
    return []


def _read_alike(spec: Spec, start: Spec) -> bool:
    own, theirs = ((one.tokenizer.kind, one.tokenizer.vocab) if one.tokenizer else None for one in (spec, start))
    return own == theirs


def _written(start: Spec) -> str:
    return f"{start.tokenizer.kind} {start.tokenizer.vocab or ''}".strip() if start.tokenizer else ""


def _sorted(issues: list[Issue]) -> list[Issue]:
    return sorted(issues, key=lambda issue: issue.level != "error")


def _clean(spec: Spec, profile: Profile) -> list[Issue]:
    """A text is one row, and captions go with their images: they are mended and masked, but no rows are left out."""
    code = {"text": "clean_rows", "images": "clean_captions"}.get(str(profile.get("kind")))
    if code is None:
        return []
    clean = spec.data.clean
    asked = {
        "duplicates": clean.duplicates,
        "near_duplicates": clean.near_duplicates,
        "languages": clean.languages,
        "pii": clean.pii == "drop",
        "min_chars": clean.min_chars,
        "max_chars": clean.max_chars,
    }
    found = [make_issue(f"data.clean.{name}", code) for name, value in asked.items() if value]
    if clean.whitespace == "fold" and code == "clean_rows":
        found.append(make_issue("data.clean.whitespace", "clean_lines"))
    return found


def _beside(spec: Spec, profile: Profile) -> list[Issue]:
    """Whether the zip holds beside its images what the task learns from."""
    beside = TASKS[spec.task].beside
    if beside in (None, (profile.get("image") or {}).get("labels_from")):
        return []
    return [make_issue("data.dataset_version", f"{beside}_absent")]


def _columns(spec: Spec, profile: Profile) -> list[Issue]:
    if profile.get("kind") in ("text", "images", "audio"):
        return [
            make_issue(f"data.columns.{role}", "column_unused", task=spec.task, role=role) for role in spec.data.columns
        ]
    issues = []
    names = ", ".join(str(c.get("name")) for c in (profile.get("columns") or [])[:20])
    optional = [role for role in TASKS[spec.task].optional if role in spec.data.columns]
    for role in (*TASKS[spec.task].roles, *optional):
        path, name = f"data.columns.{role}", spec.data.columns.get(role)
        if name is None:
            issues.append(make_issue(path, "column_required", role=role))
            continue
        found = column(profile, name)
        if found is None:
            issues.append(make_issue(path, "column_absent", column=name, columns=names))
            continue
        if role in TASKS[spec.task].reads and found.get("type") not in ("text", "category"):
            issues.append(make_issue(path, "column_type", "warning", column=name, type=found.get("type")))
        if role == "value" and found.get("type") not in ("number", "integer"):
            issues.append(make_issue(path, "column_numbers", column=name))
        if found.get("missing") and role not in optional:
            params = {"missing": found["missing"], "rows": profile.get("rows"), "column": name}
            issues.append(make_issue(path, "column_missing_values", "warning", **params))
    return issues


def _slices(spec: Spec, profile: Profile) -> list[Issue]:
    """Whether there are such columns. Tables in a zip are read in the run itself, before it learns."""
    if profile.get("kind") in ("images", "audio"):
        untold = (profile.get("image") or {}).get("labels_from") in UNTOLD
        numbers = range(len(spec.eval.slices) if untold else 0)
        return [make_issue(f"eval.slices.{number}", "slices_untold") for number in numbers]
    names = ", ".join(str(c.get("name")) for c in (profile.get("columns") or [])[:20])
    return [
        make_issue(f"eval.slices.{number}", "column_absent", column=name, columns=names)
        for number, name in enumerate(spec.eval.slices)
        if column(profile, name) is None
    ]


def _split(spec: Spec, profile: Profile) -> list[Issue]:
    """Whether the column that decides the parts is there, and can. Tables in a zip are read in the run itself."""
    split = spec.data.split
    name, path = split.given or split.by, "data.split.given" if split.given else "data.split.by"
    if name is None:
        return []
    kind, beside = profile.get("kind"), (profile.get("image") or {}).get("labels_from")
    if spec.task == "forecasting":
        return [make_issue(path, "split_time")]
    if kind == "text" or (kind == "images" and beside in UNTOLD):
        return [make_issue(path, "split_untold")]
    if kind in ("images", "audio"):
        return []
    found = column(profile, name)
    if found is None:
        names = ", ".join(str(c.get("name")) for c in (profile.get("columns") or [])[:20])
        return [make_issue(path, "column_absent", column=name, columns=names)]
    if found.get("missing"):
        params = {"missing": found["missing"], "rows": profile.get("rows"), "column": name}
        return [make_issue(path, "split_missing", **params)]
    told = {str(value).strip() for value in (profile.get("classes") or {}).get(name) or ()}
    if split.given and told:
        odd, lack = sorted(told - set(PARTS)), [part for part in PARTS if part not in told]
        if odd:
            return [make_issue(path, "split_words", column=name, value=odd[0][:40])]
        return [make_issue(path, "split_lack", column=name, part=lack[0])] if lack else []
    groups = found.get("distinct")
    if split.by and isinstance(groups, int) and groups < len(PARTS) and not found.get("distinct_more"):
        return [make_issue(path, "split_groups", column=name, count=groups)]
    return []


def _classes(spec: Spec, profile: Profile) -> list[Issue]:
    path = "data.columns.label" if spec.data.columns.get("label") else "data.dataset_version"
    name, classes = spec.data.columns.get("label", "label"), classes_of(spec, profile)
    if classes is None:
        distinct = (column(profile, name) or {}).get("distinct")
        return [make_issue(path, "label_unfit", column=name, distinct=distinct)]
    count, rows = len(classes), sum(classes.values())
    if count < 2:
        return [make_issue(path, "classes_few", column=name, count=count)]
    if count > MAX_CLASSES:
        return [make_issue(path, "classes_many", column=name, count=count, limit=MAX_CLASSES)]
    issues = []
    if rows < 3 * count:
        issues.append(make_issue(path, "classes_sparse", column=name, count=count, rows=rows))
    small = sorted((n, label) for label, n in classes.items() if n < FEW_ROWS)
    for n, label in small[:MAX_PAIRS]:
        issues.append(make_issue(path, "class_small", "warning", label=label, count=n, limit=FEW_ROWS))
    seen: dict[str, str] = {}
    pairs = []
    for label in sorted(classes):
        key = " ".join(label.split()).casefold()
        if key in seen:
            pairs.append((seen[key], label))
        seen.setdefault(key, label)
    for first, second in pairs[:MAX_PAIRS]:
        issues.append(make_issue(path, "class_case", "warning", first=first, second=second))
    return issues


def _labels(spec: Spec, profile: Profile) -> list[Issue]:
    path, name, cells = "data.columns.label", spec.data.columns["label"], classes_of(spec, profile)
    if cells is None:  # too many different cells to be listed: no sign of anything wrong
        return []
    sets = label_sets(cells)
    if len({label for labels in sets for label in labels}) < 2:
        return [make_issue(path, "classes_few", column=name, count=1)]
    if max(map(len, sets)) < 2:
        return [make_issue(path, "labels_single", "warning", column=name)]
    return []


def _rows(spec: Spec, profile: Profile) -> list[Issue]:
    classes = classes_of(spec, profile) if TASKS[spec.task].classes else None
    rows = sum(classes.values()) if classes else int(profile.get("rows") or 0)
    if rows < MIN_ROWS:
        return [make_issue("data.dataset_version", "rows_few", rows=rows, limit=MIN_ROWS)]
    split = spec.data.split
    issues = []
    drawn = split.given is None and split.by is None
    for part, share in (("train", train_share(spec, profile)), ("valid", split.valid), ("test", split.test)):
        if drawn and rows * share < 1:
            params = {"part": part, "share": f"{share:.1%}", "rows": rows}
            issues.append(make_issue(f"data.split.{part}", "split_empty", **params))
    left = int(rows * train_share(spec, profile))
    if not issues and spec.train.batch > left:
        issues.append(make_issue("train.batch", "batch_large", batch=spec.train.batch, rows=left))
    if TASKS[spec.task].unit == "rows":
        context = spec.shape.context or 1
        longest = chars_read(spec.task, spec.data.columns, profile, "p95_chars")
        # A long text to find an answer in is read in several windows.
        if longest / chars_per_token(spec) > context and spec.task != "extractive-qa":
            issues.append(make_issue("model.context", "text_truncated", "warning", context=context))
    largest = max([*(profile.get("image") or {}).get("width", [0]), *(profile.get("image") or {}).get("height", [0])])
    if spec.shape.image and largest > 2 * spec.shape.image:
        params = {"largest": largest, "image": spec.shape.image}
        issues.append(make_issue("model.image", "image_shrunk", "warning", **params))
    return issues


def _sounds(spec: Spec, profile: Profile) -> list[Issue]:
    facts, seconds = profile.get("audio") or {}, spec.shape.seconds or 1
    speech = TASKS[spec.task].transcribed
    issues = []
    if speech and not facts.get("transcripts_file"):
        issues.append(make_issue("data.dataset_version", "transcripts_missing"))
    longest = (facts.get("seconds") or [0])[-1]
    if longest > seconds:
        params = {"longest": f"{longest:g}", "seconds": seconds}
        level: Literal["error", "warning"] = "error" if speech else "warning"
        issues.append(make_issue("model.seconds", "sound_long" if speech else "sound_cut", level, **params))
    return issues


def _text_length(spec: Spec, profile: Profile) -> list[Issue]:
    context = spec.shape.context or 1
    tokens = chars_of(spec, profile) / chars_per_token(spec)
    needed = spec.train.batch * context + 1
    left = int(tokens * train_share(spec, profile))
    if left < needed:
        return [make_issue("model.context", "text_short", tokens=left, needed=needed)]
    issues = []
    for part, share in (("valid", spec.data.split.valid), ("test", spec.data.split.test)):
        if spec.data.split.given is None and tokens * share < context + 1:
            issues.append(make_issue(f"data.split.{part}", "part_short", part=part, context=context))
    return issues


def _series(spec: Spec, profile: Profile) -> list[Issue]:
    needed = (spec.shape.context or 1) + (spec.shape.horizon or 1)
    rows = int(profile.get("rows") or 0)
    held_out = sum(max(spec.shape.horizon or 1, round(rows * share)) for share in _held_out(spec))
    if rows - held_out < needed:
        return [make_issue("model.context", "series_short", numbers=max(0, rows - held_out), needed=needed)]
    return []


def _held_out(spec: Spec) -> tuple[float, float]:
    return spec.data.split.valid, spec.data.split.test


def _fit(spec: Spec, profile: Profile) -> list[Issue]:
    issues = []
    if TASKS[spec.task].packed:
        tokens, parameters = int(chars_of(spec, profile) / chars_per_token(spec)), figures(spec, profile).parameters
        if parameters > 20 * tokens:
            params = {"parameters": f"{parameters:,}", "tokens": f"{tokens:,}"}
            issues.append(make_issue("model.size", "model_large", "warning", **params))
    return issues + _minutes(spec, profile)


def _minutes(spec: Spec, profile: Profile) -> list[Issue]:
    minutes = estimate(spec, profile).seconds_cpu / 60
    if spec.resources.gpus or minutes <= spec.limits.minutes:
        return []
    params = {"minutes": f"{minutes:.0f}", "limit": f"{spec.limits.minutes:g}"}
    return [make_issue("limits.minutes", "limit_short", "warning", **params)]
