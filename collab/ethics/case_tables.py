"""What the file of a joint project's case tells of its ethics applications."""

from collab.casefile.contents import attributes
from collab.ethics.models import (
    EthicsCase,
    EthicsCondition,
    EthicsCorrection,
    EthicsFile,
    EthicsRefusal,
    EthicsReport,
    EthicsSubmission,
)

ETHICS_TABLES = (
    attributes(
        "ethics_applications",
        "ethics.view",
        "id kind title committee state route reasons round submitted_by submitted_at decided_by decided_at "
        "decision_reason appeal_text valid_until blocks_jobs blocks_releases blocks_data",
        lambda project: (
            EthicsCase.objects.filter(project=project)
            .select_related("committee", "submitted_by", "decided_by")
            .order_by("created_at", "pk")
        ),
    ),
    attributes(
        "ethics_submissions",
        "ethics.view",
        "application=case_id round=number questionnaire=form_version answers reasons note by at=created_at",
        lambda project: (
            EthicsSubmission.objects.filter(case__project=project)
            .select_related("form_version__form", "by")
            .order_by("case__created_at", "case_id", "number")
        ),
    ),
    attributes(
        "ethics_files",
        "ethics.view",
        "application=case_id number edition kind file_name sha256 size_bytes first_round last_round by at=created_at",
        lambda project: (
            EthicsFile.objects.sent()
            .filter(case__project=project)
            .select_related("by")
            .order_by("case__created_at", "case_id", "number", "edition")
        ),
    ),
    attributes(
        "ethics_conditions",
        "ethics.view",
        "application=case_id number condition=condition.text blocks_jobs blocks_releases blocks_data due_on "
        "met_at=condition.met_at",
        lambda project: (
            EthicsCondition.objects.filter(case__project=project)
            .select_related("condition")
            .order_by("case__created_at", "case_id", "number")
        ),
    ),
    attributes(
        "ethics_refusals",
        "ethics.view",
        "application=condition.case_id number=condition.number evidence claimed_by claimed_at reason by at=created_at",
        lambda project: (
            EthicsRefusal.objects.filter(condition__case__project=project)
            .select_related("condition", "claimed_by", "by")
            .order_by("created_at", "pk")
        ),
    ),
    attributes(
        "ethics_corrections",
        "ethics.view",
        "application=case_id reason changes by at=created_at",
        lambda project: (
            EthicsCorrection.objects.filter(case__project=project).select_related("by").order_by("created_at", "pk")
        ),
    ),
    attributes(
        "ethics_reports",
        "ethics.view",
        "application=case_id kind severity happened_on state at=created_at closed_at",
        lambda project: EthicsReport.objects.filter(case__project=project).order_by("created_at", "pk"),
    ),
)
