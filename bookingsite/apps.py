from django.contrib.admin import apps as admin_apps
from django.contrib.staticfiles.apps import StaticFilesConfig

from bookingsite import checks  # noqa: F401 (which registers them)


class StaticSourcesConfig(StaticFilesConfig):
    """Static files, without the sources that they are built from."""

    ignore_patterns = [*StaticFilesConfig.ignore_patterns, "src"]


class AdminConfig(admin_apps.AdminConfig):
    """The admin, with our own site."""

    default = False  # the entry "bookingsite" in INSTALLED_APPS means the project and not this
    default_site = "bookingsite.admin_site.AdminSite"
