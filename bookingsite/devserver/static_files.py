"""Static files on a laptop: served from their sources, and packed for each request."""

from pathlib import Path
from wsgiref.headers import Headers


def set_weak_etag(headers: Headers, path: str, url: str) -> None:
    """Have a file's ETag be the one that it has once it was packed: a browser that has it is answered by 304."""
    stat = Path(path).stat()
    headers["ETag"] = f'W/"{int(stat.st_mtime):x}-{stat.st_size:x}"'
