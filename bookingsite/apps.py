import gc
from importlib import import_module

from django.apps import AppConfig
from django.conf import settings
from django.contrib.admin import apps as admin_apps
from django.contrib.staticfiles.apps import StaticFilesConfig

from bookingsite import checks  # noqa: F401 (which registers them)


class ProjectConfig(AppConfig):
    """The project itself."""

    name = "bookingsite"
    default = True

    def ready(self) -> None:
        """Look for garbage from here on, less often than Python does, which has smaller programs in mind.

        Whoever starts a process turns that off: nothing that is loaded is garbage. It is a fifth of the time until a
        process is ready, and it need not be gone through afterwards.
        """
        import_module("bookingsite.accounts.receivers")
        if settings.SENTRY_DSN:
            import_module("bookingsite.sentry").start()
        gc.freeze()
        gc.set_threshold(20_000, 20, 50)
        gc.enable()


class StaticSourcesConfig(StaticFilesConfig):
    """Static files, without the sources that they are built from."""

    ignore_patterns = [*StaticFilesConfig.ignore_patterns, "src"]


class AdminConfig(admin_apps.AdminConfig):
    """The admin, with our own site."""

    default = False  # the entry "bookingsite" in INSTALLED_APPS means the project and not this
    default_site = "bookingsite.admin_site.AdminSite"
