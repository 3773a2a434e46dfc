"""Forms about training jobs."""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from typing import Any

import django_filters
from django import forms
from django.db.models import Q, QuerySet
from django.utils.html import escape
from django.utils.translation import get_language_info, gettext, ngettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from collab.kernel.errors import Fault, FaultyInputError
from collab.kernel.names import DisplayNameValidator
from collab.projects.models import Project
from collab.web.forms import ListFilter, OnceForm, SearchInput
from registry.catalog.metrics import task_label
from registry.catalog.models import ModelVersion
from registry.datasets.models import DatasetVersion
from registry.uses.matching import ANSWERS, TEXTS, Asked
from registry.uses.vocabulary import FOR_OWNER
from training.engine.contract import ARCHS, LANGUAGES, LEARNT, TASKS, UNMASKED, UNTOLD, SpecError, parse_json
from training.jobs.models import Job
from training.jobs.services import fault_of
from training.jobs.starting import spec_of
from training.jobs.states import JobState

ARCH_WORDS = {
    "gpt": _("GPT (decoder)"),
    "lstm": _("Embedding, LSTM, softmax"),
    "bert": _("BERT (encoder)"),
    "llama": _("Llama (decoder)"),
    "modernbert": _("ModernBERT (encoder)"),
    "esm": _("ESM (encoder of proteins)"),
    "bart": _("BART (encoder and decoder)"),
    "t5": _("T5 (encoder and decoder)"),
    "ast": _("Audio spectrogram transformer"),
    "wav2vec2": _("wav2vec 2.0 (convolutions and encoder)"),
    "whisper": _("Whisper (encoder and decoder)"),
    "speecht5": _("SpeechT5 (encoder and decoder)"),
    "patchtst": _("PatchTST (patches of time)"),
    "resnet": _("ResNet (convolutions)"),
    "vit": _("Vision transformer"),
    "convnext": _("ConvNeXt V2 (convolutions)"),
    "vit-gpt2": _("Vision transformer that GPT-2 writes about"),
    "clip": _("CLIP (images and texts side by side)"),
    "unet": _("Diffusion U-Net (convolutions)"),
    "dit": _("Diffusion transformer (DiT)"),
    "yolos": _("YOLOS (boxes by a vision transformer)"),
    "segformer": _("SegFormer (a class for each pixel)"),
}
STATE_WORDS = {
    JobState.WAITING: _("Waiting for the owner of the data"),
    JobState.QUEUED: _("Queued"),
    JobState.STARTING: _("Starting"),
    JobState.RUNNING: _("Running"),
    JobState.STOPPING: _("Stopping"),
    JobState.PAUSED: _("Paused"),
    JobState.DONE: _("Done"),
    JobState.FAILED: _("Failed"),
    JobState.STOPPED: _("Stopped"),
}


def my_projects(request: Any) -> QuerySet[Project]:
    """The projects a filter offers."""
    return Project.objects.visible_to(request.user)


class JobFilter(ListFilter):
    """Search, state, project and task of the job list."""

    q = django_filters.CharFilter(
        method="search", label=_("Search jobs"), max_length=100, widget=SearchInput(_("Search jobs"))
    )
    state = django_filters.ChoiceFilter(
        choices=[(s.value, STATE_WORDS[s]) for s in JobState], label=_("State"), empty_label=_("Any state")
    )
    project = django_filters.ModelChoiceFilter(
        queryset=my_projects, to_field_name="slug", label=_("Project"), empty_label=_("Any project")
    )
    task = django_filters.ChoiceFilter(
        choices=lambda: [(name, task_label(name)) for name in TASKS], label=_("Task"), empty_label=_("Any task")
    )

    class Meta:
        model = Job
        fields: list[str] = []

    def search(self, rows: QuerySet[Job], name: str, value: str) -> QuerySet[Job]:
        return rows.filter(Q(name__icontains=value) | Q(dataset_version__dataset__name__icontains=value))


class ColumnsField(forms.CharField):
    """Names of columns, parted by commas, where nobody knows which ones there are."""

    def prepare_value(self, value: Any) -> Any:
        """As they are written."""
        return ", ".join(map(str, value)) if isinstance(value, list | tuple) else value

    def to_python(self, value: Any) -> Any:
        """As the spec has them."""
        return [name.strip() for name in str(value or "").split(",") if name.strip()]


class PurposeForm(OnceForm):
    """What a job is for: `asked` are the questions, `purpose` what was said before.

    No answer is required here: which ones are, the codes of the data say when the job is submitted or resumed.
    """

    def __init__(
        self, *args: Any, asked: Sequence[Asked] = (), purpose: dict[str, Any] | None = None, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.asked, purpose = asked, purpose or {}
        for question, codes in asked:
            name = f"purpose_{question.name}"
            self.fields[name] = _answer_field(question.name, question.label, _why(question.hint, codes))
            value = purpose.get(question.name)
            self.initial[name] = {True: "yes", False: "no", None: ""}[value] if question.name in ANSWERS else value

    @classmethod
    def saying(cls, purpose: dict[str, Any], *, asked: Sequence[Asked]) -> PurposeForm:
        """As if these answers had been sent, so that what is wrong with them can be shown."""
        fresh = cls(asked=asked, purpose=purpose)
        form = cls({name: fresh[name].value() for name in fresh.fields}, asked=asked)
        form.is_valid()
        return form

    def purpose(self) -> dict[str, Any]:
        """The answers that were given."""
        given = {question.name: self.cleaned_data[f"purpose_{question.name}"] for question, _codes in self.asked}
        return {name: value == "yes" if name in ANSWERS else value for name, value in given.items() if value}

    @property
    def purpose_fields(self) -> list[Any]:
        return [self[f"purpose_{question.name}"] for question, _codes in self.asked]

    @property
    def purpose_is_asked(self) -> bool:
        """Whether the codes of the data ask for it."""
        return any(codes for _question, codes in self.asked)

    @property
    def owner_is_asked(self) -> bool:
        """Whether a code leaves it to the owner of the data, so that the job waits for them."""
        return any(code.code in FOR_OWNER for _question, codes in self.asked for code in codes)

    def place_of(self, fault: Fault, field: str | None) -> str | None:
        if fault.path.startswith("purpose."):
            field = fault.path.replace(".", "_")
        return super().place_of(fault, field)


class _DraftForm(PurposeForm):
    """A job before it is submitted. `spec()` gives the spec as parsed JSON, `purpose()` what it is for."""

    name = forms.CharField(
        label=_("Name"),
        max_length=80,
        validators=[DisplayNameValidator()],
        help_text=_("The model will be registered under this name; jobs of the same name become its versions."),
    )

    def spec(self) -> dict[str, Any]:
        raise NotImplementedError


def _answer_field(name: str, label: Any, why: str) -> forms.Field:
    if name in ANSWERS:
        choices = [("", _("not said")), ("yes", _("Yes")), ("no", _("No"))]
        return forms.ChoiceField(label=label, choices=choices, required=False, help_text=why)
    line = forms.CharField(label=label, max_length=TEXTS[name], required=False, help_text=why)
    line.widget.attrs["autocomplete"] = "off"
    return line


def _why(hint: Any, codes: list[Any]) -> str:
    """The hint, and which codes ask, with what they permit."""
    asking = [f"{code}: {code.parameter}" if code.parameter else str(code) for code in codes]
    if not asking:
        return str(hint)
    said = gettext("Asked by: %(codes)s.") % {"codes": gettext("; ").join(asking)}
    return escape(f"{hint} {said}")  # a field's hint is shown as HTML, and codes carry what people wrote


# Field -> where its value lies in the spec.
ESSENTIALS: dict[str, tuple[str, ...]] = {
    "text_column": ("data", "columns", "text"),
    "prompt_column": ("data", "columns", "prompt"),
    "label_column": ("data", "columns", "label"),
    "value_column": ("data", "columns", "value"),
    "target_column": ("data", "columns", "target"),
    "question_column": ("data", "columns", "question"),
    "context_column": ("data", "columns", "context"),
    "answer_column": ("data", "columns", "answer"),
    "pair_column": ("data", "columns", "pair"),
    "document_column": ("data", "columns", "document"),
    "summary_column": ("data", "columns", "summary"),
    "arch": ("model", "arch"),
    "size": ("model", "size"),
    "tokenizer": ("tokenizer", "kind"),
    "vocab": ("tokenizer", "vocab"),
    "epochs": ("train", "epochs"),
    "batch": ("train", "batch"),
    "lr": ("train", "lr"),
    "minutes": ("limits", "minutes"),
    "optimizer": ("train", "optimizer"),
    "momentum": ("train", "momentum"),
    "schedule": ("train", "schedule"),
    "warmup": ("train", "warmup"),
    "weight_decay": ("train", "weight_decay"),
    "clip": ("train", "clip"),
    "patience": ("train", "patience"),
    "ema_decay": ("train", "ema_decay"),
    "micro": ("train", "micro"),
    "gradient_checkpointing": ("train", "gradient_checkpointing"),
    "learn_layers": ("model", "learn_layers"),
    "lora": ("model", "lora"),
    "slices": ("eval", "slices"),
    "split_valid": ("data", "split", "valid"),
    "split_test": ("data", "split", "test"),
    "split_by": ("data", "split", "by"),
    "split_given": ("data", "split", "given"),
    "clean_unicode": ("data", "clean", "unicode"),
    "clean_whitespace": ("data", "clean", "whitespace"),
    "clean_duplicates": ("data", "clean", "duplicates"),
    "clean_near_duplicates": ("data", "clean", "near_duplicates"),
    "clean_languages": ("data", "clean", "languages"),
    "clean_pii": ("data", "clean", "pii"),
    "clean_min_chars": ("data", "clean", "min_chars"),
    "clean_max_chars": ("data", "clean", "max_chars"),
}
LEARNING = ("optimizer", "momentum", "schedule", "warmup", "weight_decay", "clip", "patience", "ema_decay")
LEARNING += ("micro", "gradient_checkpointing")
IF_EMPTY = {"momentum": 0.0}  # what an emptied field means, where it is neither nothing nor what stood there
KEPT_IF_EMPTY = frozenset({"optimizer", "schedule", "warmup", "weight_decay", "split_valid", "split_test"})
SPLITTING = [name for name in ESSENTIALS if name.startswith("split_")]
SPLIT_COLUMNS = ("split_by", "split_given")
CLEANING = [name for name in ESSENTIALS if name.startswith("clean_")]
OF_WHOLE_TEXTS = ("clean_unicode", "clean_whitespace", "clean_pii")  # leave out no rows


def language_name(code: str) -> str:
    """A language in the words of the page."""
    return gettext("Chinese") if code == "zh" else str(get_language_info(code)["name_translated"])


ROLE_FIELDS = {name: place[2] for name, place in ESSENTIALS.items() if place[:2] == ("data", "columns")}
FROM_START = ("arch", "size", "tokenizer", "vocab")  # come with the model that a job starts from


class EssentialForm(_DraftForm):
    """The settings that most people change; all others stay as in `base`, a spec as JSON."""

    text_column = forms.ChoiceField(label=_("Column of the text"))
    prompt_column = forms.TypedChoiceField(
        label=_("Column of the prompt"),
        required=False,
        empty_value=None,
        help_text=_("What stands before the text, such as an instruction or a question: read, but not learnt to say."),
    )
    label_column = forms.ChoiceField(label=_("Column of the label"))
    value_column = forms.ChoiceField(label=_("Column of the number"))
    target_column = forms.ChoiceField(label=_("Column of the text to write"))
    question_column = forms.ChoiceField(label=_("Column of the question"))
    context_column = forms.ChoiceField(label=_("Column of the text that the question is about"))
    answer_column = forms.ChoiceField(label=_("Column of the answer"))
    pair_column = forms.ChoiceField(label=_("Column of the text that belongs to it"))
    document_column = forms.ChoiceField(label=_("Column of the document"))
    summary_column = forms.ChoiceField(label=_("Column of the summary"))
    arch = forms.ChoiceField(label=_("Architecture"))
    size = forms.ChoiceField(label=_("Size"))
    tokenizer = forms.ChoiceField(
        label=pgettext_lazy("pieces of text", "Tokens"),
        choices=[
            ("char", _("characters")),
            ("byte", _("bytes")),
            ("bpe", _("byte pairs, learnt from the text")),
            ("wordpiece", _("pieces of words (WordPiece)")),
            ("unigram", _("pieces of words, by how likely each is (unigram)")),
            ("smiles", _("atoms and bonds (SMILES)")),
            ("protein", _("residues of proteins")),
        ],
    )
    vocab = forms.IntegerField(
        label=_("Vocabulary"), required=False, help_text=_("Only for what is learnt from the text.")
    )
    epochs = forms.IntegerField(label=_("Passes over the data"), required=False)
    batch = forms.IntegerField(label=_("Batch"), help_text=_("Rows, images or stretches of text in one step."))
    lr = forms.FloatField(label=_("Learning rate"))
    minutes = forms.FloatField(label=_("Time limit in minutes"), help_text=_("At the limit the work is kept."))
    optimizer = forms.ChoiceField(
        label=_("Optimizer"),
        required=False,
        choices=[("adamw", "AdamW"), ("adam", "Adam"), ("sgd", _("gradient descent (SGD)"))],
    )
    momentum = forms.FloatField(
        label=_("Momentum"),
        required=False,
        help_text=_(
            "Only for SGD: the share of the last step that goes on, 0 to below 1, for example 0.9. Empty: none."
        ),
    )
    schedule = forms.ChoiceField(
        label=_("How the learning rate falls"),
        required=False,
        choices=[
            ("cosine", _("as a cosine")),
            ("linear", _("evenly")),
            ("constant", _("not at all")),
            ("wsd", _("in the last fifth only")),
        ],
    )
    warmup = forms.FloatField(
        label=_("Warm-up"), required=False, help_text=_("Share of the run in which the learning rate rises, 0 to 1.")
    )
    weight_decay = forms.FloatField(label=_("Weight decay"), required=False)
    clip = forms.FloatField(
        label=_("Largest gradient"), required=False, help_text=_("Longer gradients are shortened. Empty: never.")
    )
    patience = forms.IntegerField(
        label=_("Patience"),
        required=False,
        help_text=_("Stop after so many evaluations without a better result. Empty: learn to the end."),
    )
    ema_decay = forms.FloatField(
        label=_("Moving average of the weights"),
        required=False,
        help_text=_(
            "How much of it stays at each step, for example 0.999; it is what is judged and kept. Empty: none."
        ),
    )
    micro = forms.IntegerField(
        label=_("At once in memory"),
        required=False,
        help_text=_("A batch is read in pieces of so many, and their gradients are summed. Empty: as a whole."),
    )
    gradient_checkpointing = forms.BooleanField(
        label=_("Compute layers again instead of keeping them"),
        required=False,
        help_text=_("A third of the memory of activations, about a third more time."),
    )
    learn_layers = forms.TypedChoiceField(
        label=_("What learns"),
        required=False,
        coerce=int,
        empty_value=None,
        help_text=_("What is held still costs no memory for its gradients, and stays as it was."),
    )
    lora = forms.IntegerField(
        label=_("Low-rank changes (LoRA)"),
        required=False,
        help_text=_("Their rank, for example 8: only they and the head learn. Empty: the weights themselves learn."),
    )
    slices = forms.MultipleChoiceField(
        label=_("Results for each value of"),
        required=False,
        help_text=_("At most three columns, for example a region or a device: whom does the model serve worse?"),
    )
    split_valid = forms.FloatField(
        label=_("Share to choose the best checkpoint by"), required=False, help_text=_("For example 0.1.")
    )
    split_test = forms.FloatField(
        label=_("Share to test with"), required=False, help_text=_("Measured once, at the end. For example 0.1.")
    )
    split_by = forms.TypedChoiceField(
        label=_("Groups that stay whole"),
        required=False,
        empty_value=None,
        help_text=_(
            "For example authors, patients or scaffolds: all of one are in the same part, so that the test is about "
            "others. Shares are then about those asked for."
        ),
    )
    split_given = forms.TypedChoiceField(
        label=_("Column that says the part"),
        required=False,
        empty_value=None,
        help_text=_("It says train, valid or test for each row. Empty: parts are drawn."),
    )
    clean_unicode = forms.BooleanField(label=_("Bring characters into one form (Unicode NFC)"), required=False)
    clean_whitespace = forms.TypedChoiceField(
        label=_("Spaces"),
        required=False,
        empty_value=None,
        help_text=_("Runs of spaces and tabs become one space, and those at the ends are left out."),
    )
    clean_duplicates = forms.BooleanField(label=_("Leave out rows that repeat an earlier one"), required=False)
    clean_near_duplicates = forms.BooleanField(
        label=_("Leave out rows that nearly repeat an earlier one"),
        required=False,
        help_text=_("About four fifths of their short pieces are the same."),
    )
    clean_pii = forms.TypedChoiceField(
        label=_("What points to a person"),
        required=False,
        empty_value=None,
        help_text=_(
            "E-mail addresses, phone numbers, identity papers, accounts, cards and internet addresses are known by "
            "their form; names and addresses are not found."
        ),
    )
    clean_languages = forms.MultipleChoiceField(
        label=_("Keep these languages only"),
        required=False,
        help_text=_("None chosen: all. Rows too short to tell their language stay."),
    )
    clean_min_chars = forms.IntegerField(label=_("Leave out texts of fewer characters"), required=False)
    clean_max_chars = forms.IntegerField(label=_("Leave out texts of more characters"), required=False)
    search_kind = forms.ChoiceField(
        label=_("Search"),
        required=False,
        choices=[
            ("", _("none: train once")),
            ("grid", _("every combination of the values")),
            ("random", _("random draws")),
            ("halving", _("random draws, of which the better ones go on")),
        ],
        help_text=_("Tries several settings one after the other and registers the best."),
    )
    search_trials = forms.IntegerField(label=_("Draws"), required=False, help_text=_("Only for random draws."))
    search_space = forms.CharField(
        label=_("Settings to try"),
        required=False,
        max_length=2_000,
        widget=forms.Textarea(attrs={"rows": 3, "class": "mono", "spellcheck": "false"}),
        help_text=_("One on a line: train.lr = 0.0001..0.01 draws from a range, train.batch = 16, 32 lists values."),
    )
    base = forms.CharField(widget=forms.HiddenInput, max_length=100_000)

    def __init__(
        self,
        *args: Any,
        task: str,
        version: DatasetVersion,
        base: dict[str, Any],
        start: ModelVersion | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self._fit(task, version.profile)
        self._go_on_from(start, task, reads_only=_at(base, ("tokenizer", "start")) is not None)
        self.initial["base"] = json.dumps(base)
        for name in ESSENTIALS.keys() & self.fields.keys():
            value = _at(base, ESSENTIALS[name])
            self.initial[name] = int(value) if isinstance(value, float) and value.is_integer() else value
        search = base.get("search") or {}
        self.initial |= {"search_kind": search.get("kind", ""), "search_trials": search.get("trials")}
        self.initial["search_space"] = "\n".join(
            f"{path} = {text}" for path, text in (search.get("space") or {}).items()
        )

    def _fit(self, task: str, profile: dict[str, Any]) -> None:
        """Leave out what this task or data has no use for, and offer what it has."""
        facts = TASKS[task]
        columns = [(column["name"], column["name"]) for column in profile.get("columns") or []]
        tabular = profile.get("kind") in {"csv", "jsonl", "parquet"}
        for name, role in ROLE_FIELDS.items():
            if tabular and role in facts.roles:
                self._choices(name, columns)
            elif tabular and role in facts.optional:
                self._choices(name, [("", _("none")), *columns])
            else:
                del self.fields[name]
        untold = (profile.get("image") or {}).get("labels_from") in UNTOLD
        if tabular and facts.unit == "rows":
            self._choices("slices", columns)
        elif profile.get("kind") in {"images", "audio"} and not untold:
            self.fields["slices"] = ColumnsField(
                label=self.fields["slices"].label,
                required=False,
                max_length=600,
                help_text=_(
                    "At most three columns of the table in the zip, parted by commas, for example a region or a "
                    "device: whom does the model serve worse?"
                ),
            )
        else:
            del self.fields["slices"]
        self._fit_split(task, columns if tabular else [], profile)
        if not facts.tokenizer:
            del self.fields["tokenizer"], self.fields["vocab"]
        self._fit_cleaning(task, tabular)
        if not any(ARCHS[arch].layered for arch in facts.archs):
            del self.fields["gradient_checkpointing"]
        self._choices("arch", [(arch, ARCH_WORDS.get(arch, ARCHS[arch].title)) for arch in facts.archs])
        sizes = dict.fromkeys(size for arch in facts.archs for size in ARCHS[arch].sizes)
        self._choices("size", [(size, size) for size in sizes])

    def _fit_split(self, task: str, columns: list[tuple[str, str]], profile: dict[str, Any]) -> None:
        """Columns of a table are chosen; those of a table in a zip are not known here, and written."""
        zipped = profile.get("kind") in {"images", "audio"}
        for name in SPLIT_COLUMNS:
            if task == "forecasting" or not (columns or zipped):
                del self.fields[name]
            elif columns:
                self._choices(name, [("", _("none")), *columns])
            else:
                old = self.fields[name]
                self.fields[name] = forms.CharField(
                    label=old.label, required=False, max_length=200, empty_value=None, help_text=old.help_text
                )

    def _fit_cleaning(self, task: str, tabular: bool) -> None:
        for name in CLEANING:
            if not TASKS[task].tokenizer or not (tabular or name in OF_WHOLE_TEXTS):
                del self.fields[name]
        if "clean_whitespace" in self.fields:
            ways = [("", _("leave as it is")), ("fold", _("fold, line breaks too")), ("lines", _("fold within lines"))]
            self._choices("clean_whitespace", [way for way in ways if tabular or way[0] != "fold"])
        if "clean_pii" in self.fields:
            ways = [("", _("leave as it is")), ("mask", _("mask it")), ("drop", _("leave such rows out"))]
            unfit = {"mask"} if task in UNMASKED else set()
            self._choices("clean_pii", [way for way in ways if way[0] not in unfit and (tabular or way[0] != "drop")])
        if "clean_languages" in self.fields:
            named = [(code, language_name(code)) for code in LANGUAGES]
            self._choices("clean_languages", sorted(named, key=lambda one: one[1]))

    @property
    def columns(self) -> list[Any]:
        """The fields that say which column is what."""
        return [self[name] for name in ROLE_FIELDS if name in self.fields]

    @property
    def learning(self) -> list[Any]:
        """The fields about how it learns."""
        return [self[name] for name in LEARNING if name in self.fields]

    @property
    def learning_is_wrong(self) -> bool:
        """Whether any is wrong, so that they are shown open."""
        return any(field.errors for field in self.learning)

    @property
    def splitting(self) -> list[Any]:
        """The fields about which rows are held out; shares mean nothing where a column says the parts."""
        fields = [self[name] for name in SPLITTING if name in self.fields]
        given = "split_given" in self.fields and self["split_given"].value()
        return [field for field in fields if not given or field.name in SPLIT_COLUMNS or field.errors]

    @property
    def splitting_is_said(self) -> bool:
        """Whether a column is named or a field is wrong, so that they are shown open."""
        named = (self[name].value() for name in SPLIT_COLUMNS if name in self.fields)
        return any(named) or any(field.errors for field in self.splitting)

    @property
    def cleaning(self) -> list[Any]:
        """The fields about cleaning."""
        return [self[name] for name in CLEANING if name in self.fields]

    @property
    def cleaning_is_said(self) -> bool:
        """Whether any is filled in or wrong, so that they are shown open."""
        return any(field.errors or field.value() for field in self.cleaning)

    def _go_on_from(self, start: ModelVersion | None, task: str, *, reads_only: bool) -> None:
        """Of a start the net and the tokenizer are known, or the tokenizer alone; what is left to say is how much of
        the net learns.
        """
        if start is None or reads_only:
            del self.fields["learn_layers"], self.fields["lora"]
            for name in ("tokenizer", "vocab") if reads_only else ():
                self.fields.pop(name, None)
            return
        for name in FROM_START:
            self.fields.pop(name, None)
        spec = spec_of(start)
        if not ARCHS[spec.model.arch].lora:
            del self.fields["lora"]
        parts = [
            (n, ngettext("the last layer and the head", "the last %(n)s layers and the head", n) % {"n": n})
            if n
            else (n, _("the head alone"))
            for n in ARCHS[spec.model.arch].learnable(spec.shape, task)
        ]
        self._choices("learn_layers", [("", _("the whole net")), *parts])

    def _choices(self, name: str, choices: list[tuple[str, Any]]) -> None:
        field: Any = self.fields[name]
        field.choices = choices

    def spec(self) -> dict[str, Any]:
        """`base` with what was filled in; settings that the chosen architecture does not read are dropped."""
        spec = copy.deepcopy(_parsed(self.cleaned_data["base"]))
        for name in ESSENTIALS.keys() & self.fields.keys():
            value = self.cleaned_data[name]
            if name in ROLE_FIELDS and value is None:  # one that may be left away, and is
                ((spec.get("data") or {}).get("columns") or {}).pop(ROLE_FIELDS[name], None)
            elif name not in KEPT_IF_EMPTY or value not in ("", None):
                _put(spec, ESSENTIALS[name], IF_EMPTY.get(name) if value is None else value)
        spec["search"] = self._search(spec.get("search") or {})
        if "tokenizer" in self.fields and self.cleaned_data["tokenizer"] not in LEARNT:
            _put(spec, ESSENTIALS["vocab"], None)
        if "arch" in self.fields:
            arch = ARCHS[self.cleaned_data["arch"]]
            model = spec.get("model") or {}
            spec["model"] = {k: v for k, v in model.items() if k in {"arch", "size"} or k in arch.settings}
        return spec

    def clean_search_space(self) -> dict[str, str]:
        """What is tried by its setting."""
        lines = [line for line in self.cleaned_data["search_space"].splitlines() if line.strip()]
        parted = [line.partition("=") for line in lines]
        for line, (name, _sign, text) in zip(lines, parted, strict=True):
            if not name.strip() or not text.strip():
                raise forms.ValidationError(
                    gettext("Write a setting, an equals sign and values, not “%(line)s”.") % {"line": line.strip()[:80]}
                )
        return {name.strip(): text.strip() for name, _sign, text in parted}

    def _search(self, base: dict[str, Any]) -> dict[str, Any] | None:
        asked = self.cleaned_data
        if not asked["search_kind"]:
            return None
        trials = {} if asked["search_trials"] is None else {"trials": asked["search_trials"]}
        return base | {"kind": asked["search_kind"], "space": asked["search_space"]} | trials

    def place_of(self, fault: Fault, field: str | None) -> str | None:
        for name in ("space", "trials", "kind"):
            if fault.path.startswith(f"spec.search.{name}"):
                return f"search_{name}"
        path = tuple(fault.path.removeprefix("spec.").split("."))
        found = next(
            (name for name, place in ESSENTIALS.items() if path[: len(place)] == place and name in self.fields), None
        )
        return found or super().place_of(fault, field)


class WholeForm(_DraftForm):
    """The whole spec as JSON."""

    spec_text = forms.CharField(
        label=_("All settings"),
        max_length=100_000,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 32, "class": "mono", "spellcheck": "false"}),
    )

    def spec(self) -> dict[str, Any]:
        return _parsed(self.cleaned_data["spec_text"])


def _parsed(text: str) -> dict[str, Any]:
    """JSON as the spec's reader takes it; raises FaultyInputError."""
    try:
        found = parse_json(text)
    except SpecError as fault:
        raise FaultyInputError([fault_of(issue) for issue in fault.issues], field="spec") from None
    if not isinstance(found, dict):
        raise FaultyInputError([Fault("spec", str(_("Write an object in braces.")))], field="spec")
    return found


def _at(spec: dict[str, Any], path: tuple[str, ...]) -> Any:
    value: Any = spec
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _put(spec: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    for key in path[:-1]:
        if not isinstance(spec.get(key), dict):
            spec[key] = {}
        spec = spec[key]
    spec[path[-1]] = value
