"""Keep static files under names with their hash, so that browsers may keep them for ever."""

import brotli
from whitenoise.compress import Compressor
from whitenoise.storage import CompressedManifestStaticFilesStorage


class QuickCompressor(Compressor):
    """Packs a little less tightly: the best that Brotli can do takes a minute for the files of the admin."""

    @staticmethod
    def compress_brotli(data: bytes) -> bytes:
        return brotli.compress(data, quality=9)


class HashedStaticFilesStorage(CompressedManifestStaticFilesStorage):
    """Write the hashed names into the `import` statements of our scripts, too.

    Django can do so for every script (`support_js_module_import_aggregation`), but fails on packages that ship modules
    without what those import.
    """

    def create_compressor(self, **kwargs) -> Compressor:
        return QuickCompressor(**kwargs)

    patterns = (
        *CompressedManifestStaticFilesStorage.patterns,
        (
            "js/*.js",
            ((r"""(?P<matched>(?P<names>\bimport\s(?:[^"';]*\sfrom\s)?)"(?P<url>\./[^"]+)")""", '%(names)s"%(url)s"'),),
        ),
    )
