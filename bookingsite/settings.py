"""Settings of the site, read from the environment (see .env.example). A bad value stops the start with one line."""

import ipaddress
import re
from datetime import timedelta
from importlib.util import find_spec
from typing import Any

import dj_database_url
import pghistory
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _
from environs import EnvError

from bookingsite.environment import BASE_DIR, read_environment
from experts.valkey import channel_host

USUAL_DATABASE_POOL = 6  # connections of a process where nobody has said another number
DATA_DIR = BASE_DIR / ".data"  # what a laptop run writes: embedded servers, sent mail, generated secrets

env = read_environment()

try:
    DEBUG = env.bool("DEBUG", False)
    SECRET_KEY = env.str("SECRET_KEY", "")
    SECRET_KEY_FALLBACKS: list[str] = env.list("SECRET_KEY_FALLBACKS", [])
    ALLOWED_HOSTS: list[str] = env.list("ALLOWED_HOSTS", [])
    CSRF_TRUSTED_ORIGINS: list[str] = env.list("CSRF_TRUSTED_ORIGINS", [])
    TRUSTED_PROXIES: list[str] = env.list("TRUSTED_PROXIES", [])
    API_CORS_ORIGINS: list[str] = env.list("API_CORS_ORIGINS", [])
    RATE_LIMITS = env.bool("RATE_LIMITS", True)
    SIGN_UP = env.bool("SIGN_UP", DEBUG)
    DATABASE_URL = env.str("DATABASE_URL", "")
    DATABASE_REPLICA_URL: list[str] = env.list("DATABASE_REPLICA_URL", [])
    DATABASE_REPLICA_LAG = env.float("DATABASE_REPLICA_LAG", 3)
    DATABASE_POOL = env.int("DATABASE_POOL", USUAL_DATABASE_POOL)
    DATABASE_STATEMENT_SECONDS = env.float("DATABASE_STATEMENT_SECONDS", 10)
    SLOW_QUERY_SECONDS = env.float("SLOW_QUERY_SECONDS", 1)
    DATABASE_PREPARED = env.bool("DATABASE_PREPARED", True)
    REDIS_URL = env.str("REDIS_URL", "")
    METRICS_NETWORKS: list[str] = env.list("METRICS_NETWORKS", ["127.0.0.0/8", "::1"])
    METRICS_DIR = env.path("METRICS_DIR", None)
    LOG_STYLE = env.str("LOG_STYLE", "line")
    SENTRY_DSN = env.str("SENTRY_DSN", "")
    WEBHOOKS_ALLOW_PRIVATE = env.bool("WEBHOOKS_ALLOW_PRIVATE", False)
    LIVE_CHECK_SECONDS = env.float("LIVE_CHECK_SECONDS", 2.5)
    REDIS_KEY_PREFIX = env.str("REDIS_KEY_PREFIX", "expertbook")
    EMAIL = env.dj_email_url("EMAIL_URL", "console:" if not DEBUG else f"file:///{DATA_DIR / 'mail'}")
    EMAIL_SERVICE = env.str("EMAIL_SERVICE", "")
    EMAIL_SERVICE_OPTIONS: dict[str, Any] = env.dict("EMAIL_SERVICE_OPTIONS", {})
    MAIL_EVENTS_SECRET = env.str("MAIL_EVENTS_SECRET", "")
    DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", "ExpertBook <bookings@localhost>")
    SITE_URL = env.str("SITE_URL", "http://localhost:8000")
    HTTPS = env.bool("HTTPS", not DEBUG)
    HSTS_SECONDS = env.int("HSTS_SECONDS", 0)
    HSTS_INCLUDE_SUBDOMAINS = env.bool("HSTS_INCLUDE_SUBDOMAINS", False)
    HSTS_PRELOAD = env.bool("HSTS_PRELOAD", False)
    STATIC_ROOT = env.path("STATIC_ROOT", BASE_DIR / "staticfiles")
    MEDIA_ROOT = env.path("MEDIA_ROOT", DATA_DIR / "media" if DEBUG else BASE_DIR / "media")
    MEDIA_S3_URL = env.str("MEDIA_S3_URL", "")
    BACKUP_DIR = env.path("BACKUP_DIR", DATA_DIR / "backups" if DEBUG else BASE_DIR / "backups")
    BACKUP_KEY = env.str("BACKUP_KEY", "")
    BACKUP_DATABASE_URL = env.str("BACKUP_DATABASE_URL", "")
    POSTGRES_PROGRAMS = env.str("POSTGRES_PROGRAMS", "")
    TWO_FACTOR = env.str("TWO_FACTOR", "nobody")
    OIDC_ISSUER = env.str("OIDC_ISSUER", "").rstrip("/")
    OIDC_CLIENT_ID = env.str("OIDC_CLIENT_ID", "")
    OIDC_CLIENT_SECRET = env.str("OIDC_CLIENT_SECRET", "")
    OIDC_NAME = env.str("OIDC_NAME", "Single sign-on")
    OIDC_SCOPES: list[str] = env.list("OIDC_SCOPES", ["openid", "profile", "email", "groups"])
    OIDC_GROUPS_CLAIM = env.str("OIDC_GROUPS_CLAIM", "groups")
    OIDC_RULES: list[str] = env.list("OIDC_ROLES", [])
    OIDC_CHECK_EVERY = timedelta(seconds=env.int("OIDC_CHECK_SECONDS", 0))
    STAFF_SESSION_IDLE = timedelta(minutes=env.int("SESSION_IDLE_MINUTES", 60))
    STAFF_SESSION_LASTS = timedelta(hours=env.int("SESSION_MAX_HOURS", 12))
except (EnvError, ValueError) as error:
    raise ImproperlyConfigured(str(error)) from error

if DEBUG:
    # A laptop. The servers of this checkout (`make run` starts them) and the secret that `make run` uses.
    from bookingsite.devserver import paths

    SECRET_KEY = SECRET_KEY or paths.kept_secret(DATA_DIR / "secret-key")
    DATABASE_URL = DATABASE_URL or paths.place().database_url()
    REDIS_URL = REDIS_URL or paths.place().redis_url
for name, values in {"SECRET_KEY": [SECRET_KEY], "SECRET_KEY_FALLBACKS": SECRET_KEY_FALLBACKS}.items():
    if not DEBUG and any(key and (len(key) < 50 or len(set(key)) < 5) for key in values):
        raise ImproperlyConfigured(f"{name} is too weak. Use at least 50 random characters.")
if MEDIA_S3_URL and not re.fullmatch(
    r"https?://[^:/@\s]+:[^/@\s]+@[^/@\s]+/[a-z0-9.-]+(/[\w./-]+)?(\?region=[\w-]+)?", MEDIA_S3_URL
):
    raise ImproperlyConfigured("MEDIA_S3_URL must look like https://key:secret@host/bucket?region=eu-central-1")
if BACKUP_KEY and (len(BACKUP_KEY) < 40 or len(set(BACKUP_KEY)) < 10):
    raise ImproperlyConfigured("BACKUP_KEY is too weak. Use at least 40 random characters.")
for name, value in {"SECRET_KEY": SECRET_KEY, "DATABASE_URL": DATABASE_URL, "REDIS_URL": REDIS_URL}.items():
    if not value:
        raise ImproperlyConfigured(f"{name} is missing. Set it (see .env.example), or set DEBUG=on on a laptop.")
# None of these messages repeats an address: it may hold a password.


def _database(setting: str, url: str) -> dict[str, Any]:
    """Return the database of an address, as Django wants it. ``setting`` names it in complaints."""
    if not url.startswith(("postgres://", "postgresql://")):
        raise ImproperlyConfigured(f"{setting} must look like postgresql://user:password@host:5432/name")
    try:
        found: dict[str, Any] = dict(dj_database_url.parse(url))
    except ValueError as error:
        raise ImproperlyConfigured(f"{setting} cannot be read. {error}") from error
    # A pool serves the many threads of one web process. Server-side cursors and session state do not survive PgBouncer.
    # One connection that was not needed is closed after each half minute.
    pool = {"pool": {"min_size": 1, "max_size": DATABASE_POOL, "timeout": 10, "max_idle": 30}}
    # A network that has gone silent: given up after so long, where TCP's own answer takes a quarter of an hour.
    silence = {"keepalives_idle": 5, "keepalives_interval": 2, "keepalives_count": 3, "tcp_user_timeout": 5000}
    # How often a connection is asked the same (experts/prepared.py) before PostgreSQL keeps its plan.
    plans = {"prepare_threshold": 5 if DATABASE_PREPARED else None}
    options = plans | silence | {"connect_timeout": 3} | found.get("OPTIONS", {}) | (pool if DATABASE_POOL else {})
    return found | {
        "ENGINE": "experts.postgresql",
        "CONN_MAX_AGE": 0,
        "DISABLE_SERVER_SIDE_CURSORS": True,
        "OPTIONS": options,
    }


def _replica(url: str) -> dict[str, Any]:
    """Return a database that is given up soon, as the primary answers in its place."""
    found = _database("DATABASE_REPLICA_URL", url)
    keepalives = {"keepalives_idle": 2, "keepalives_interval": 1, "keepalives_count": 2, "tcp_user_timeout": 2000}
    found["OPTIONS"] |= {"connect_timeout": 2} | keepalives
    if DATABASE_POOL:
        found["OPTIONS"]["pool"] |= {"timeout": 2, "min_size": 0}
    return found


DATABASES = {"default": _database("DATABASE_URL", DATABASE_URL)}
DATABASES |= {f"replica{number}": _replica(url) for number, url in enumerate(DATABASE_REPLICA_URL, 1)}
if not REDIS_URL.startswith(("redis://", "rediss://", "unix://", "redis+sentinel://")):
    raise ImproperlyConfigured("REDIS_URL must start with redis://, rediss://, unix:// or redis+sentinel://")
try:
    CHANNEL_HOST = channel_host(REDIS_URL)
except ValueError as error:
    raise ImproperlyConfigured(f"REDIS_URL must look like redis+sentinel://host:26379/name. {error}") from error
try:
    for proxy in TRUSTED_PROXIES:
        ipaddress.ip_network(proxy, strict=False)
except ValueError as error:
    raise ImproperlyConfigured(f"TRUSTED_PROXIES must be addresses or networks like 10.0.0.0/8. {error}") from error
try:
    for network in METRICS_NETWORKS:
        ipaddress.ip_network(network, strict=False)
except ValueError as error:
    raise ImproperlyConfigured(f"METRICS_NETWORKS must be addresses or networks like 10.0.0.0/8. {error}") from error
if LOG_STYLE not in ("line", "json"):
    raise ImproperlyConfigured("LOG_STYLE must be line or json")
if SENTRY_DSN and not find_spec("sentry_sdk"):
    raise ImproperlyConfigured("SENTRY_DSN needs the package sentry-sdk (docs/operations.md)")
if not all(re.fullmatch(r"https?://[^/\s*]+|\*", origin) for origin in API_CORS_ORIGINS):
    raise ImproperlyConfigured("API_CORS_ORIGINS must look like https://www.example.org, or * for all")
if TWO_FACTOR not in ("nobody", "owners", "everybody"):
    raise ImproperlyConfigured("TWO_FACTOR must be nobody, owners or everybody")
# Triples of a group, an organisation's address and a role.
OIDC_ROLES = [rule for text in OIDC_RULES for rule in re.findall(r"^(.+)=([-\w]+):(owner|scheduler|expert)$", text)]
if len(OIDC_ROLES) != len(OIDC_RULES):
    raise ImproperlyConfigured("OIDC_ROLES must look like group=organisation:role, with owner, scheduler or expert")
if OIDC_ISSUER and not (OIDC_CLIENT_ID and OIDC_CLIENT_SECRET and OIDC_ROLES):
    raise ImproperlyConfigured("OIDC_ISSUER needs OIDC_CLIENT_ID, OIDC_CLIENT_SECRET and OIDC_ROLES")
if not (STAFF_SESSION_IDLE and STAFF_SESSION_LASTS):
    raise ImproperlyConfigured("SESSION_IDLE_MINUTES and SESSION_MAX_HOURS must be 1 or more")
if "EMAIL_BACKEND" not in EMAIL:
    raise ImproperlyConfigured("EMAIL_URL must look like smtp://user:password@host:587/?tls=on, or console: or memory:")

if EMAIL_SERVICE and not find_spec(f"anymail.backends.{EMAIL_SERVICE}"):
    raise ImproperlyConfigured("EMAIL_SERVICE must be one that django-anymail knows: postmark, mailgun, amazon_ses …")
if MAIL_EVENTS_SECRET and not re.fullmatch(r"[^:\s]+:\S{16,}", MAIL_EVENTS_SECRET):
    raise ImproperlyConfigured("MAIL_EVENTS_SECRET must look like name:secret, the secret of 16 characters or more")

INSTALLED_APPS = [
    "unfold.apps.BasicAppConfig",
    "unfold.contrib.filters",
    "bookingsite.apps.AdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "bookingsite.apps.StaticSourcesConfig",
    "django.contrib.postgres",
    "channels",
    "corsheaders",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "csp",
    "django_htmx",
    "ninja",
    "pgtrigger",
    "pghistory",
    "procrastinate.contrib.django",
    "experts",
    "bookings",
    "bookingsite",
]

MIDDLEWARE = [
    "bookingsite.observing.ObservingMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "bookingsite.middleware.WhiteNoiseMiddleware",
    "django_http_compression.middleware.HttpCompressionMiddleware",
    "corsheaders.middleware.CorsMiddleware",
    "bookingsite.middleware.ApiMiddleware",  # the API goes on through API_MIDDLEWARE
    "bookingsite.bodies.BodyMiddleware",
    "experts.replicas.RecentChangeMiddleware",
    "bookingsite.middleware.UnchangedPageMiddleware",
    "bookingsite.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "bookingsite.middleware.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "bookingsite.accounts.middleware.AuthenticationMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "bookingsite.middleware.BusyMiddleware",
    "bookingsite.middleware.PreferencesMiddleware",
    "bookings.access.visitor.VisitorMiddleware",
    "bookingsite.middleware.HistoryMiddleware",
    "bookingsite.middleware.AdminInputMiddleware",
    "bookingsite.accounts.middleware.StaffMiddleware",
]
API_MIDDLEWARE = [
    "bookingsite.bodies.BodyMiddleware",
    "experts.replicas.RecentChangeMiddleware",
    "bookingsite.middleware.CSPMiddleware",
    "bookingsite.middleware.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "bookingsite.middleware.HistoryMiddleware",
]

ROOT_URLCONF = "bookingsite.urls"
ASGI_APPLICATION = "bookingsite.asgi.application"
WSGI_APPLICATION = "bookingsite.wsgi.application"

if DEBUG:
    # Static files are served from their sources, and packed for each request: none was packed beforehand.
    MIDDLEWARE[2:4] = MIDDLEWARE[3:1:-1]
    MIDDLEWARE.append("bookingsite.middleware.NotFoundMiddleware")

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "bookingsite.context_processors.preferences",
            ],
            "builtins": ["experts.templatetags.expertbook"],
        },
    },
]

DATABASE_REPLICAS = [alias for alias in DATABASES if alias != "default"]
DATABASE_ROUTERS = ["experts.replicas.Router"] if DATABASE_REPLICAS else []
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
LOCK_TIMEOUT_MS = 2000  # how long a booking waits for another one on the same slot before it says "busy"

CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": REDIS_KEY_PREFIX,
        "OPTIONS": {"pool_class": "experts.valkey.Pool", "socket_timeout": 1, "socket_connect_timeout": 1},
    }
}
PAGE_CACHE_BYTES = 32 * 1024 * 1024  # of pages that a process keeps (experts/page_cache.py)
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [CHANNEL_HOST], "prefix": REDIS_KEY_PREFIX},
    }
}

PGHISTORY_OBJ_FIELD = pghistory.ObjForeignKey(related_name="events")

# Workers poll: a NOTIFY takes a database-wide lock at commit (docs/decisions/0005-queue-without-notify.md).
PROCRASTINATE_IMPORT_PATHS = [
    "bookingsite.accounts.tasks",
    "bookingsite.onboarding.tasks",
]  # besides the tasks.py of each app
PROCRASTINATE_WORKER_DEFAULTS = {
    "listen_notify": False,
    "fetch_job_polling_interval": 1.0,
    "delete_jobs": "successful",
    "concurrency": 4,  # a mail server that hangs keeps one job waiting (a link, an offer of the waitlist), not all
    "update_heartbeat_interval": 10.0,  # seconds
    "stalled_worker_timeout": 30.0,  # without a heartbeat, after which a worker's jobs are done by others
}

EMAIL_BACKEND = f"anymail.backends.{EMAIL_SERVICE}.EmailBackend" if EMAIL_SERVICE else EMAIL["EMAIL_BACKEND"]
EMAIL_HOST = EMAIL["EMAIL_HOST"]
EMAIL_PORT = EMAIL["EMAIL_PORT"]
EMAIL_HOST_USER = EMAIL["EMAIL_HOST_USER"]
EMAIL_HOST_PASSWORD = EMAIL["EMAIL_HOST_PASSWORD"]
EMAIL_USE_TLS = EMAIL["EMAIL_USE_TLS"]
EMAIL_USE_SSL = EMAIL["EMAIL_USE_SSL"]
EMAIL_FILE_PATH = EMAIL["EMAIL_FILE_PATH"]
EMAIL_TIMEOUT = 20  # seconds
ANYMAIL = EMAIL_SERVICE_OPTIONS | {"REQUESTS_TIMEOUT": EMAIL_TIMEOUT}
if MAIL_EVENTS_SECRET:
    ANYMAIL["WEBHOOK_SECRET"] = MAIL_EVENTS_SECRET

AUTH_USER_MODEL = "experts.User"  # docs/decisions/0015-own-user-model.md
PASSWORD_RESET_TIMEOUT = 3600  # seconds that the link in a mail works
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "admin:index"  # from a log-in page that was opened by itself
# The first is for new passwords; others are replaced by it at the next log-in.
PASSWORD_HASHERS = [
    "bookingsite.accounts.hashers.SmallArgon2Hasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator",
        "OPTIONS": {"user_attributes": ["email", "name"]},
    },
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]

LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
FORMAT_MODULE_PATH = "experts.formats"  # how each language writes days and times
TIME_ZONE = "UTC"
USE_I18N = True
USE_TZ = True

STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "experts.s3.S3Storage" if MEDIA_S3_URL else "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "bookingsite.static_files.HashedStaticFilesStorage"
    },
}
WHITENOISE_USE_FINDERS = DEBUG
if DEBUG:
    WHITENOISE_MAX_AGE = 5  # for as long as a page is loading: parts that come later name the same icons
    from bookingsite.devserver.static_files import set_weak_etag as WHITENOISE_ADD_HEADERS_FUNCTION  # noqa: F401
# Photos and logos (experts/pictures.py): all processes read and write the same folder, on whatever machine they run.
MEDIA_URL = "/media/"
FILE_UPLOAD_PERMISSIONS = 0o644  # a proxy may serve them by itself

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "object-src": [NONE],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}
# Of a request. Less where less is expected, and types: bookingsite/bodies.py.
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 1000  # the admin's grid of weekly hours has most
DATA_UPLOAD_MAX_NUMBER_FILES = 1  # and none where no page asks for one
X_FRAME_OPTIONS = "DENY"
# Pages of these origins may read and book through the API, but not use staff's calls: a page keeps no token secret.
CORS_ALLOW_ALL_ORIGINS = "*" in API_CORS_ORIGINS
CORS_ALLOWED_ORIGINS = [] if CORS_ALLOW_ALL_ORIGINS else API_CORS_ORIGINS
CORS_URLS_REGEX = r"^/api/v1/(?!admin/)"
CORS_ALLOW_METHODS = ["GET", "HEAD", "OPTIONS", "POST"]
CORS_ALLOW_HEADERS = ["accept", "accept-language", "authorization", "content-type", "idempotency-key", "if-none-match"]
CORS_EXPOSE_HEADERS = ["ETag", "Retry-After"]
# Other sites are told nothing, so that none learns from a link on it which private page somebody looked at. Not
# "no-referrer": the Origin of our own forms would be "null", and the CSRF check would refuse them. Pages whose address
# is a key keep it from our own logs, too (bookings/views/link.py).
SECURE_REFERRER_POLICY = "same-origin"
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if TRUSTED_PROXIES else None
SECURE_SSL_REDIRECT = HTTPS
SECURE_HSTS_SECONDS = HSTS_SECONDS
SECURE_HSTS_INCLUDE_SUBDOMAINS = HSTS_INCLUDE_SUBDOMAINS
SECURE_HSTS_PRELOAD = HSTS_PRELOAD
# Without HSTS, or with less of it: a choice of whoever owns the domain, which .env.example explains.
SILENCED_SYSTEM_CHECKS = ["security.W004", "security.W005", "security.W021"]
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
CSRF_FAILURE_VIEW = "bookingsite.errors.csrf_failure"

# The admin: looks by django-unfold (docs/decisions/0006-admin-with-unfold.md).
UNFOLD = {
    "SITE_TITLE": "ExpertBook",
    "SITE_HEADER": "ExpertBook",
    "SITE_SUBHEADER": _("Staff"),
    "SITE_URL": "/",
    "SITE_ICON": "bookingsite.admin_site.logo",
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": "bookingsite.admin_site.logo"}],
    "STYLES": ["bookingsite.admin_site.stylesheet"],
    "SCRIPTS": ["bookingsite.admin_site.script"],
    "ENVIRONMENT": "bookingsite.admin_site.environment",
    "ACCOUNT": {"navigation": "bookingsite.admin_site.account_links"},
    "SIDEBAR": {"navigation": "bookingsite.admin_site.navigation"},
}

# Log-in of staff (bookingsite/accounts/, docs/decisions/0038-staff-log-in.md): django-allauth without its sign-up.
ACCOUNT_ADAPTER = "bookingsite.accounts.adapters.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "none"  # an account comes by an invitation that was mailed
ACCOUNT_RATE_LIMITS = False  # they need the cache, which may be away: experts/services/sign_ins.py counts
ACCOUNT_SESSION_REMEMBER = False
ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"
ACCOUNT_REAUTHENTICATION_TIMEOUT = 15 * 60  # seconds
ACCOUNT_FORMS = {
    "login": "bookingsite.accounts.forms.LoginForm",
    "reauthenticate": "bookingsite.accounts.forms.PasswordAgainForm",
    "change_password": "bookingsite.accounts.forms.ChangePasswordForm",
    "reset_password_from_key": "bookingsite.accounts.forms.ResetPasswordForm",
}
SOCIALACCOUNT_ADAPTER = "bookingsite.accounts.oidc.SingleSignOnAdapter"
SOCIALACCOUNT_PROVIDERS = {"openid_connect": {"OAUTH_PKCE_ENABLED": True, "SCOPE": OIDC_SCOPES, "APPS": []}}
if OIDC_ISSUER:
    SOCIALACCOUNT_PROVIDERS["openid_connect"]["APPS"] = [
        {
            "provider_id": "sso",
            "name": OIDC_NAME,
            "client_id": OIDC_CLIENT_ID,
            "secret": OIDC_CLIENT_SECRET,
            "settings": {"server_url": OIDC_ISSUER},
        }
    ]
MFA_ADAPTER = "bookingsite.accounts.adapters.SecondFactorAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_ALLOW_UNVERIFIED_EMAIL = True
MFA_RECOVERY_CODES_SHOW_ONCE = True
MFA_TOTP_ISSUER = "ExpertBook"
MFA_TOTP_TOLERANCE = 1  # steps of 30 seconds before and after: clocks of phones are not exact
MFA_RATE_LIMITS = False
MFA_FORMS = {
    "authenticate": "bookingsite.accounts.forms.CodeForm",
    "reauthenticate": "bookingsite.accounts.forms.CodeAgainForm",
    "activate_totp": "bookingsite.accounts.forms.ActivateAppForm",
    "add_webauthn": "bookingsite.accounts.forms.AddPasskeyForm",
    "authenticate_webauthn": "bookingsite.accounts.forms.PasskeyForm",
    "reauthenticate_webauthn": "bookingsite.accounts.forms.PasskeyAgainForm",
    "login_webauthn": "bookingsite.accounts.forms.PasskeyLoginForm",
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {
            "()": "bookingsite.logs.TokenlessFormatter",
            "format": "{asctime} {levelname} {name} {message}",
            "style": "{",
        },
        "json": {"()": "bookingsite.logs.JsonFormatter"},
    },
    "filters": {
        "refusals": {"()": "bookingsite.logs.WithoutRefusals"},
        # They say once a second that Valkey or PostgreSQL is away.
        "seldom": {"()": "bookingsite.logs.OnceAMinute", "loggers": ["channels_redis", "psycopg.pool"]},
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": LOG_STYLE, "filters": ["seldom"]}},
    "root": {"handlers": ["console"], "level": "INFO" if DEBUG else "WARNING"},
    "loggers": {
        # Django's own handlers would print addresses of links with their tokens, and everything twice.
        "django": {"handlers": [], "propagate": True},
        "django.request": {"filters": ["refusals"]},
        "django.server": {"handlers": ["console"], "level": "INFO", "propagate": False},
        # They say at each start what `make run` says in one line.
        "procrastinate.blueprints": {"level": "WARNING"},
        "procrastinate.periodic": {"level": "WARNING"},
        "daphne": {"level": "WARNING"},
    },
}
