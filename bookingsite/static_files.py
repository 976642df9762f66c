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
    """Have them packed in less time. See QuickCompressor."""

    def create_compressor(self, **kwargs) -> Compressor:
        return QuickCompressor(**kwargs)
