"""Behind TLS. Refuses to start without its secrets."""

from config.env import SettingError, choice
from config.settings.base import *
from config.settings.base import ALLOWED_HOSTS, BASE_URL, SECRET_KEY

if len(SECRET_KEY) < 50 or len(set(SECRET_KEY)) < 10:
    raise SettingError("TANDEM_SECRET_KEY must be at least 50 random characters.")
if not ALLOWED_HOSTS:
    raise SettingError("TANDEM_ALLOWED_HOSTS must name the hosts this site answers to.")
if not BASE_URL.startswith("https://"):
    raise SettingError("TANDEM_BASE_URL must begin with https:// in production.")

TWO_FACTOR = choice("TANDEM_TWO_FACTOR", "required", "offered", default="required")
FOUND_ORGANISATIONS = choice("TANDEM_FOUND_ORGANISATIONS", "staff", "anyone", default="staff")
CSRF_TRUSTED_ORIGINS = [BASE_URL]
SECURE_SSL_REDIRECT = True
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_REDIRECT_EXEMPT = [r"^health/"]
SECURE_HSTS_SECONDS = 31_536_000
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
SESSION_COOKIE_SECURE = True
SESSION_COOKIE_NAME = "__Host-sessionid"
CSRF_COOKIE_SECURE = True
CSRF_COOKIE_NAME = "__Host-csrftoken"
