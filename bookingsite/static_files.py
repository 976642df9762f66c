"""Keep static files under names with their hash, so that browsers may keep them for ever."""

from whitenoise.storage import CompressedManifestStaticFilesStorage


class HashedStaticFilesStorage(CompressedManifestStaticFilesStorage):
    """Write the hashed names into the `import` statements of our scripts, too.

    Django can do so for every script (`support_js_module_import_aggregation`), but fails on packages that ship modules
    without what those import.
    """

    patterns = (
        *CompressedManifestStaticFilesStorage.patterns,
        (
            "js/*.js",
            ((r"""(?P<matched>(?P<names>\bimport\s(?:[^"';]*\sfrom\s)?)"(?P<url>\./[^"]+)")""", '%(names)s"%(url)s"'),),
        ),
    )
