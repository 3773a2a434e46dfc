"""Pages of courses, certificates and the library."""

from collab.access.rules import PUBLIC, route, rule
from collab.courses.certificates import views_public as public

urlpatterns = [
    # certificates, for anybody who checks one
    route("check/", public.credential_check, rule(PUBLIC, "GET", "POST"), name="credential_check"),
    route("check.json", public.credential_json, rule(PUBLIC), name="credential_json"),
    route("credentials/<uuid:pk>/", public.credential, rule(PUBLIC), name="credential"),
    route("credentials/<uuid:pk>/credential.jwt", public.credential_token, rule(PUBLIC), name="credential_token"),
    route("credentials/keys/<str:kid>/", public.issuer_key, rule(PUBLIC), name="issuer_key"),
    route(
        "credentials/status/<slug:purpose>/<int:number>/",
        public.credential_status,
        rule(PUBLIC),
        name="credential_status",
    ),
    route(".well-known/did.json", public.issuer_did, rule(PUBLIC), name="issuer_did"),
    route(".well-known/jwks.json", public.issuer_keys, rule(PUBLIC), name="issuer_keys"),
]
