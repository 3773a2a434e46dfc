"""Pages of training."""

from collab.access.rules import SIGNED_IN, route, rule
from training.exports import views as exports
from training.jobs import views as jobs
from training.playground import views as playground

app_name = "training"
urlpatterns = [
    route("jobs/", jobs.job_list, rule(SIGNED_IN), name="jobs"),
    route("jobs/new/", jobs.job_new, rule(SIGNED_IN, "GET", "POST"), name="job_new"),
    route("jobs/new/advice/", jobs.job_advice, rule("dataset.view", "POST"), name="job_advice"),
    route("jobs/new/preview/", jobs.job_preview, rule("dataset.read", "POST"), name="job_preview"),
    route("jobs/running/", jobs.running, rule(SIGNED_IN), name="running"),
    route("jobs/attention/", jobs.attention, rule(SIGNED_IN), name="attention"),
    route("jobs/<uuid:pk>/", jobs.job_page, rule("job.view"), name="job"),
    route("jobs/<uuid:pk>/panel/", jobs.job_panel, rule("job.view"), name="job_panel"),
    route("jobs/<uuid:pk>/series/", jobs.job_series, rule("job.view"), name="job_series"),
    route("jobs/<uuid:pk>/log/", jobs.job_log, rule("job.view"), name="job_log"),
    route("jobs/<uuid:pk>/log.txt", jobs.job_log_file, rule("job.view"), name="job_log_file"),
    route("jobs/<uuid:pk>/stop/", jobs.job_stop, rule("job.control", "POST"), name="job_stop"),
    route("jobs/<uuid:pk>/resume/", jobs.job_resume, rule("job.control", "GET", "POST"), name="job_resume"),
    # the playground
    route(
        "models/<uuid:pk>/v<int:number>/try/", playground.model_try, rule("model.try", "GET", "POST"), name="model_try"
    ),
    route("licensed/<uuid:pk>/try/", playground.release_try, rule("release.try", "GET", "POST"), name="release_try"),
    route("trials/<uuid:pk>/panel/", playground.trial_panel, rule("trial.view"), name="trial_panel"),
    # packages as ONNX
    route(
        "models/<uuid:pk>/v<int:number>/onnx/",
        exports.model_onnx,
        rule("model.download", "GET", "POST"),
        name="model_onnx",
    ),
    route(
        "models/<uuid:pk>/v<int:number>/onnx/file/",
        exports.model_onnx_file,
        rule("model.download"),
        name="model_onnx_file",
    ),
    route(
        "licensed/<uuid:pk>/onnx/", exports.release_onnx, rule("release.download", "GET", "POST"), name="release_onnx"
    ),
    route(
        "licensed/<uuid:pk>/onnx/file/", exports.release_onnx_file, rule("release.download"), name="release_onnx_file"
    ),
    # panels of other rooms' pages
    route("projects/<slug:slug>/jobs/", jobs.project_jobs, rule("job.view"), name="project_jobs"),
    route("datasets/<uuid:pk>/jobs/", jobs.dataset_jobs, rule("job.view"), name="dataset_jobs"),
]
