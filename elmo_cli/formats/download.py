"""Files at https:// addresses, downloaded once into a cache folder, with a SHA-256 that is checked at every use."""

import fcntl
import hashlib
import http.client
import ipaddress
import os
import re
import shutil
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from elmo_cli.errors import ModelError, OutputError
from elmo_cli.files import PARTIAL, sha256_of, whole_folder

LARGEST_DOWNLOAD = 1 << 35
"""Bytes that a file may have."""
TIMEOUT = 30
"""Seconds without an answer after which a server counts as out of reach."""
BLOCK = 1 << 20
SHA256, ADDRESS = "sha256", "address"
"""Files beside the downloaded one: its checksum, and where it came from."""

_PINNED = re.compile(r"sha256=([0-9a-fA-F]{64})")


def is_address(text: str) -> bool:
    """Whether a text is an address on the web, and no path.

    Example:
        >>> is_address("https://example.org/model.zip"), is_address("models/https")
        (True, False)
    """
    return re.match(r"https?://", text) is not None


def cache_folder() -> Path:
    """Where downloads are kept: ``ELMO_CACHE``, else ``elmo`` in ``XDG_CACHE_HOME``, else ``~/.cache/elmo``."""
    if own := os.environ.get("ELMO_CACHE"):
        return Path(own)
    if shared := os.environ.get("XDG_CACHE_HOME"):
        return Path(shared) / "elmo"
    return Path.home() / ".cache" / "elmo"


def fetch(address: str, *, largest: int = LARGEST_DOWNLOAD) -> Path:
    """The file at an address: downloaded the first time, and taken from the cache from then on.

    It appears in the cache whole or not at all, its SHA-256 beside it, and every use compares the two. An address that
    ends in ``#sha256=`` and 64 hexadecimal digits is only ever the file with that checksum.

    Args:
        address: ``https://...``; ``http://`` is for this machine only.
        largest: Bytes that the file may have.

    Raises:
        ModelError: The address is not safe or not there, the file too large or incomplete, or a checksum differs.
        OutputError: The cache cannot be written to.
    """
    address, _, fragment = address.partition("#")
    _require_safe(address)
    folder = cache_folder() / hashlib.sha256(address.encode()).hexdigest()[:32]
    pinned = _pinned(address, fragment)
    if not folder.is_dir():
        with _alone(folder):
            if not folder.is_dir():  # another process may have been faster
                _download(address, folder, largest, pinned)
    return _checked(address, folder, pinned)


def _require_safe(address: str) -> None:
    if not _safe(address):
        raise ModelError(
            f"{address}: expected an https:// address; http:// is for servers on this machine",
            hint="files that travel unprotected can be replaced on their way",
        )


def _safe(address: str) -> bool:
    try:
        parts = urlsplit(address)
    except ValueError:
        return False
    return bool(parts.hostname) and (parts.scheme == "https" or (parts.scheme == "http" and _on_loopback(address)))


def _on_loopback(address: str) -> bool:
    host = urlsplit(address).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _pinned(address: str, fragment: str) -> str | None:
    if not fragment:
        return None
    match = _PINNED.fullmatch(fragment)
    if match is None:
        raise ModelError(f"{address}: expected sha256= and 64 hexadecimal digits behind #, found {fragment!r}")
    return match[1].lower()


def _file_name(address: str) -> str:
    """A name of our own making, with the ending of the address."""
    last = urlsplit(address).path.rpartition("/")[2]
    return "file-" + re.sub(r"[^A-Za-z0-9._-]", "_", last)[-100:]


def _download(address: str, folder: Path, largest: int, pinned: str | None) -> None:
    with _answer(address) as answer, whole_folder(folder) as partial:
        digest = hashlib.sha256()
        with (partial / _file_name(address)).open("wb") as stream:
            for piece in _pieces(address, answer, largest):
                digest.update(piece)
                stream.write(piece)
        found = digest.hexdigest()
        if pinned is not None and found != pinned:
            raise ModelError(
                f"{address}: expected SHA-256 {pinned}, found {found}", hint="the file there is another one by now"
            )
        (partial / SHA256).write_text(f"{found}\n")
        (partial / ADDRESS).write_text(f"{address}\n", encoding="utf-8")


@contextmanager
def _answer(address: str) -> Iterator[Any]:
    # A server on this machine is not reached through a proxy.
    proxies = [urllib.request.ProxyHandler({})] if _on_loopback(address) else []
    opener = urllib.request.build_opener(_SafeRedirects, *proxies)
    request = urllib.request.Request(address, headers={"User-Agent": "elmo", "Accept-Encoding": "identity"})
    with _network(address):
        answer = opener.open(request, timeout=TIMEOUT)
    with answer:
        yield answer


def _pieces(address: str, answer: Any, largest: int) -> Iterator[bytes]:
    announced = answer.headers.get("Content-Length", "")
    length = int(announced) if announced.isascii() and announced.isdigit() else None
    received = 0
    while True:
        if max(received, length or 0) > largest:
            raise ModelError(f"{address}: expected at most {largest:,} bytes, found {max(received, length or 0):,}")
        with _network(address):
            piece = answer.read(BLOCK)
        if not piece:
            break
        received += len(piece)
        yield piece
    if length is not None and received != length:
        raise ModelError(
            f"{address}: broke off: expected {length:,} bytes, found {received:,}", hint="try again; nothing was kept"
        )


@contextmanager
def _network(address: str) -> Iterator[None]:
    try:
        yield
    except urllib.error.HTTPError as error:
        with error:
            raise ModelError(
                f"{address}: the server says {error.code} {error.reason}", hint="check the address"
            ) from None
    except http.client.IncompleteRead as error:
        raise ModelError(f"{address}: broke off: {error}", hint="try again; nothing was kept") from error
    except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError, UnicodeError) as error:
        reason = getattr(error, "reason", None) or error
        if isinstance(reason, ssl.SSLCertVerificationError):
            raise ModelError(
                f"{address}: the server's certificate is not trusted: {reason.verify_message}",
                hint="where it is your own server's, name the file of its certificate in the variable SSL_CERT_FILE",
            ) from error
        raise ModelError(
            f"{address}: cannot be reached: {reason}",
            hint="check the network; or fetch the file elsewhere and give its path",
        ) from error


class _SafeRedirects(urllib.request.HTTPRedirectHandler):
    """Follows a server only to addresses that would have been accepted from the user."""

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        # From outside nobody may lead to a server on this machine.
        if not _safe(newurl) or (_on_loopback(newurl) and not _on_loopback(req.full_url)):
            fp.close()
            raise ModelError(f"{req.full_url}: the server leads to {newurl}, which is not safe to follow")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _checked(address: str, folder: Path, pinned: str | None) -> Path:
    path = folder / _file_name(address)
    remedy = f"delete {folder} to have it downloaded again"
    try:
        kept, found = (folder / SHA256).read_text(encoding="ascii").strip(), sha256_of(path)
    except (OSError, ValueError) as error:
        raise ModelError(f"{path}: the downloaded file is incomplete: {error}", hint=remedy) from error
    if found != kept:
        raise ModelError(f"{path}: expected SHA-256 {kept}, as it was downloaded, found {found}", hint=remedy)
    if pinned is not None and found != pinned:
        raise ModelError(f"{path}: expected SHA-256 {pinned}, found {found}", hint=remedy)
    return path


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Waits until no other process downloads into ``folder``, and keeps others waiting."""
    lock_path = folder.with_suffix(".lock")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        lock = lock_path.open("a")
    except OSError as error:
        raise OutputError(
            f"{folder.parent}: the cache cannot be written to: {error.strerror or error}",
            hint="choose another place for it with the variable ELMO_CACHE",
        ) from error
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for leftover in folder.parent.glob(f"{PARTIAL}{folder.name}-*"):  # of a download that was killed
            shutil.rmtree(leftover, ignore_errors=True)
        yield
