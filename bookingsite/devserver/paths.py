"""What a checkout writes on a laptop and where: the folders of its embedded servers, their locks, generated secrets.

    an ordinary user   <checkout>/.data/run/
    root               /var/lib/expertbook/<hash of the checkout's path>/run/

Root runs the servers as `nobody`. It can seldom reach the checkout (think of /root, which is 0700), and to open folders
for it would expose what lies beside them: the data goes to a place of its own instead. Sockets move to /tmp when the
checkout's path is too long for a socket. No folder that exists is ever opened to others.
"""

import contextlib
import fcntl
import hashlib
import os
import pwd
import re
import secrets
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from bookingsite.startup import CannotStartError

BASE_DIR = Path(__file__).resolve().parents[2]

NAME = "expertbook"  # of the role and of the database
# sun_path has room for 104 bytes on macOS and 108 on Linux, the final NUL included.
SOCKET_PATH_BYTES = 103
# PostgreSQL and libpq read lists of folders and of hosts, with quoting rules of their own. Other paths move to /tmp.
PLAIN_PATH = re.compile(r"[A-Za-z0-9_./+-]+")


@dataclass(frozen=True)
class Place:
    """Where the servers of `checkout` keep their data, logs and lock (`folder`) and their sockets (`sockets`)."""

    checkout: Path
    folder: Path
    sockets: Path

    @property
    def data(self) -> Path:
        return self.folder / "postgres"

    @property
    def valkey_socket(self) -> Path:
        return self.sockets / "valkey.sock"

    def database_url(self, name: str = NAME) -> str:
        """The address of database `name`. The port only names the socket's file."""
        return f"postgresql://{NAME}@:5432/{name}?host={quote(str(self.sockets), safe='')}"

    @property
    def redis_url(self) -> str:
        return f"unix://{quote(str(self.valkey_socket))}?db=0"

    @property
    def urls(self) -> dict[str, str]:
        return {"DATABASE_URL": self.database_url(), "REDIS_URL": self.redis_url}


def place(checkout: Path = BASE_DIR, name: str = "run") -> Place:
    """Where the servers of `checkout` live, whether they run or not. Nothing is started or written."""
    folder = home_of(checkout) / name
    sockets = folder / "sockets"
    longest = len(os.fsencode(sockets)) + len("/.s.PGSQL.5432")
    if longest > SOCKET_PATH_BYTES or not PLAIN_PATH.fullmatch(str(sockets)):
        # Not tempfile.gettempdir(): two terminals with another TMPDIR must agree.
        sockets = Path("/tmp") / f"{NAME}-{os.geteuid()}" / _short_hash(folder)
    return Place(checkout, folder, sockets)


def new_test_place(checkout: Path = BASE_DIR) -> Place:
    """A place that nothing else uses: any number of test runs may go on in one checkout."""
    return place(checkout, f"tests-{secrets.token_hex(4)}")


def home_of(checkout: Path) -> Path:
    if os.geteuid() != 0:
        return checkout / ".data"
    for base in (Path("/var/lib"), Path("/var/tmp"), Path("/tmp")):
        if os.access(base, os.W_OK) and all(folder.stat().st_mode & stat.S_IXOTH for folder in (base, *base.parents)):
            return base / NAME / _short_hash(checkout)
    raise CannotStartError(
        "no folder for the data of the embedded servers can be written; set DATABASE_URL and REDIS_URL."
    )


def _short_hash(path: Path) -> str:
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:12]


def server_user() -> pwd.struct_passwd | None:
    """Who runs the servers: None for the present user, `nobody` for root."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam("nobody")
    except KeyError:
        raise CannotStartError(
            "PostgreSQL refuses to run as root and there is no user `nobody`; set DATABASE_URL."
        ) from None


def make_folder(path: Path, mode: int, owner: pwd.struct_passwd | None = None) -> Path:
    """Make a folder, or take one that nobody else can have put there. Permissions are only ever tightened."""
    uid = owner.pw_uid if owner else os.geteuid()
    try:
        path.mkdir(mode=0o700)
    except FileExistsError:
        found = path.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != uid:
            raise CannotStartError(f"{path} belongs to somebody else; remove it and start again.") from None
        path.chmod(found.st_mode & mode)
    else:
        path.chmod(mode)
        if owner:
            os.chown(path, owner.pw_uid, owner.pw_gid)
    return path


def make_home(where: Place, user: pwd.struct_passwd | None) -> None:
    home = where.folder.parent
    if user:  # root: `nobody` passes through these folders, and lists none of them
        make_folder(home.parent, 0o711)
        make_folder(home, 0o711)
        (home / "checkout").write_text(f"{where.checkout}\n")  # a hash says nothing to those who clean up
    else:
        home.mkdir(mode=0o700, exist_ok=True)


def make_folders(where: Place, user: pwd.struct_passwd | None) -> None:
    make_folder(where.folder, 0o711 if user else 0o700)
    if where.sockets.parent != where.folder:
        make_folder(where.sockets.parent, 0o711 if user else 0o700)
    make_folder(where.sockets, 0o700, user)


@contextlib.contextmanager
def locked(folder: Path, note: str = "", *, wait: bool = False) -> Iterator[None]:
    """Hold the folder's lock. The kernel lets go of it however the process ends: a held lock has a live owner."""
    descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    with os.fdopen(descriptor, "r+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            raise CannotStartError(f"it already runs in this checkout: {file.read()}".rstrip(": ")) from None
        file.truncate()
        file.write(note)
        file.flush()
        yield


def kept_secret(path: Path, length: int = 64) -> str:
    """A random text that is made once and then kept in `path`, readable by its owner only. Raises CannotStartError."""
    try:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        if not path.exists():
            # Named in one step, so that nobody reads a secret that is not written yet; the first one stays.
            new = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
            with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(secrets.token_urlsafe(length)[:length])
            with contextlib.suppress(FileExistsError):
                os.link(new, path)
            new.unlink()
        return path.read_text()
    except OSError as error:
        raise CannotStartError(f"{path} cannot be used: {error.strerror}.") from error
