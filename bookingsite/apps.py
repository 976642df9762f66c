from django.contrib.staticfiles.apps import StaticFilesConfig


class StaticSourcesConfig(StaticFilesConfig):
    """Static files, without the sources that they are built from."""

    ignore_patterns = [*StaticFilesConfig.ignore_patterns, "src"]
