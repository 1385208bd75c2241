"""Downloads, from a server on the loopback."""

import hashlib
import http.client
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from elmo_cli.errors import ModelError, OutputError
from elmo_cli.formats import download
from elmo_cli.formats.download import cache_folder, fetch
from tests.formats.containers import TLS, Server, serving

DATA = bytes(range(256)) * 20_000


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ELMO_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def server(cache: Path) -> Iterator[Server]:
    with serving() as server:
        server.files["/model.zip"] = DATA
        yield server


def kept(cache: Path) -> list[str]:
    return sorted(path.name for path in cache.rglob("*") if path.is_file() and path.suffix != ".lock")


def test_a_file_is_downloaded_once_and_kept_with_its_checksum(server: Server, cache: Path) -> None:
    address = f"{server.address}/model.zip"
    path = fetch(address)
    assert path.read_bytes() == DATA
    assert path.is_relative_to(cache)
    assert kept(cache) == ["address", "file-model.zip", "sha256"]
    assert (path.parent / "sha256").read_text() == hashlib.sha256(DATA).hexdigest() + "\n"
    assert (path.parent / "address").read_text() == address + "\n"
    server.files.clear()
    assert fetch(address) == path
    assert server.asked == ["/model.zip"]


def test_addresses_that_differ_are_files_that_differ(server: Server) -> None:
    one, two = fetch(f"{server.address}/model.zip?download=1"), fetch(f"{server.address}/model.zip?download=2")
    assert one != two
    assert one.name == two.name == "file-model.zip"


def test_a_file_that_changed_in_the_cache_is_not_used(server: Server) -> None:
    path = fetch(f"{server.address}/model.zip")
    path.write_bytes(DATA[:-1] + b"?")
    right = hashlib.sha256(DATA).hexdigest()
    message = (
        f"file-model.zip: expected SHA-256 {right}, as it was downloaded, found [0-9a-f]{{64}}"
        f"\nHint: delete {re.escape(str(path.parent))} to have it downloaded again"
    )
    with pytest.raises(ModelError, match=message):
        fetch(f"{server.address}/model.zip")
    path.unlink()
    with pytest.raises(
        ModelError, match=r"file-model.zip: the downloaded file is incomplete: .*No such file.*\nHint: d"
    ):
        fetch(f"{server.address}/model.zip")


def test_an_address_may_carry_its_checksum(server: Server, cache: Path) -> None:
    right, wrong = hashlib.sha256(DATA).hexdigest(), "0" * 64
    address = f"{server.address}/model.zip"
    with pytest.raises(
        ModelError, match=f"model.zip: expected SHA-256 {wrong}, found {right}\nHint: the file there is"
    ):
        fetch(f"{address}#sha256={wrong}")
    assert kept(cache) == []
    assert fetch(f"{address}#sha256={right.upper()}").read_bytes() == DATA
    with pytest.raises(ModelError, match=f"file-model.zip: expected SHA-256 {wrong}, found {right}\nHint: delete"):
        fetch(f"{address}#sha256={wrong}")
    with pytest.raises(ModelError, match="expected sha256= and 64 hexadecimal digits behind #, found 'md5=1'"):
        fetch(f"{address}#md5=1")


def test_what_is_not_there_is_an_error(server: Server, cache: Path) -> None:
    with pytest.raises(ModelError, match=r"/none.zip: the server says 404 Not Found\nHint: check the address"):
        fetch(f"{server.address}/none.zip")
    assert kept(cache) == []


def test_a_download_that_breaks_off_leaves_nothing_and_may_be_tried_again(server: Server, cache: Path) -> None:
    server.cut.add("/model.zip")
    with pytest.raises(
        ModelError, match="broke off: expected 5,120,000 bytes, found 2,560,000\nHint: try again; nothing"
    ):
        fetch(f"{server.address}/model.zip")
    assert kept(cache) == []
    server.cut.clear()
    assert fetch(f"{server.address}/model.zip").read_bytes() == DATA


def test_a_file_that_is_too_large_is_not_even_begun(server: Server, cache: Path) -> None:
    with pytest.raises(ModelError, match=r"model.zip: expected at most 1,000 bytes, found 5,120,000"):
        fetch(f"{server.address}/model.zip", largest=1000)
    assert kept(cache) == []


def test_a_length_that_is_not_announced_is_bounded_as_well(cache: Path) -> None:
    class Endless:
        headers: dict[str, str] = {}  # noqa: RUF012

        def read(self, size: int) -> bytes:
            return bytes(size)

    with pytest.raises(ModelError, match=r"expected at most 5,000,000 bytes, found 5,242,880"):
        list(download._pieces("https://example.org/endless", Endless(), 5_000_000))


def test_an_answer_in_pieces_that_breaks_off_is_an_error(cache: Path) -> None:
    class Broken:
        headers: dict[str, str] = {}  # noqa: RUF012

        def read(self, size: int) -> bytes:
            raise http.client.IncompleteRead(b"abc", 7)

    with pytest.raises(
        ModelError, match=r"/m: broke off: IncompleteRead\(3 bytes read, 7 more expected\)\nHint: try again"
    ):
        list(download._pieces("https://example.org/m", Broken(), 100))


def test_without_a_network_the_cache_is_still_there(cache: Path) -> None:
    with serving() as server:
        server.files["/model.zip"] = DATA
        path = fetch(f"{server.address}/model.zip")
    assert fetch(f"{server.address}/model.zip") == path
    with pytest.raises(
        ModelError, match=r"/other.zip: cannot be reached: .*refused.*\nHint: check the network; or fetch"
    ):
        fetch(f"{server.address}/other.zip")


@pytest.mark.parametrize(
    "address", ["http://example.org/model.zip", "http://10.0.0.1/m", "https:///model.zip", "http://[::1/", "ftp://a/b"]
)
def test_only_https_leaves_this_machine(cache: Path, address: str) -> None:
    with pytest.raises(
        ModelError, match=r"expected an https:// address; http:// is for servers on this machine\nHint: f"
    ):
        fetch(address)
    assert not cache.exists()


def test_an_address_that_none_can_ask_for_is_an_error(cache: Path) -> None:
    with pytest.raises(ModelError, match=r"cannot be reached: "):
        fetch("http://127.0.0.1:1/a b")
    with pytest.raises(ModelError, match=r"cannot be reached: "):
        fetch("http://127.0.0.1:1/ä")


def test_a_server_that_is_not_who_it_should_be_is_not_believed(server: Server, cache: Path) -> None:
    with pytest.raises(ModelError, match=r"/model.zip: cannot be reached: .*SSL"):
        fetch(f"{server.address}/model.zip".replace("http:", "https:"))
    assert kept(cache) == []


def test_a_server_may_lead_on_but_not_to_where_it_is_unsafe(server: Server) -> None:
    server.redirects = {"/old": f"{server.address}/model.zip", "/away": "http://example.org/", "/file": "ftp://a/b"}
    assert fetch(f"{server.address}/old").read_bytes() == DATA
    with pytest.raises(
        ModelError, match=r"/away: the server leads to http://example.org/, which is not safe to follow"
    ):
        fetch(f"{server.address}/away")
    with pytest.raises(ModelError, match=r"/file: the server leads to ftp://a/b, which is not safe to follow"):
        fetch(f"{server.address}/file")


def test_nobody_outside_leads_to_this_machine() -> None:
    class Asked:
        full_url = "https://example.org/model.zip"

    class Answer:
        closed = False

        def close(self) -> None:
            self.closed = True

    answer = Answer()
    with pytest.raises(ModelError, match=r"leads to http://127.0.0.1:631/, which is not safe to follow"):
        download._SafeRedirects().redirect_request(Asked(), answer, 302, "", {}, "http://127.0.0.1:631/")
    assert answer.closed


def test_what_a_killed_download_left_is_cleared_away(server: Server, cache: Path) -> None:
    address = f"{server.address}/model.zip"
    leftover = cache / f".partial-{hashlib.sha256(address.encode()).hexdigest()[:32]}-abc"
    leftover.mkdir(parents=True)
    (leftover / "file-model.zip").write_bytes(b"half")
    path = fetch(address)
    assert path.parent.name in leftover.name
    assert not leftover.exists()


def test_processes_that_want_the_same_file_download_it_once(server: Server) -> None:
    script = f"from elmo_cli.formats.download import fetch; fetch({server.address + '/model.zip'!r})"
    workers = [subprocess.Popen([sys.executable, "-c", script]) for _ in range(3)]
    assert [worker.wait(60) for worker in workers] == [0] * 3
    assert server.asked == ["/model.zip"]


def test_a_cache_that_cannot_be_written_to_is_an_error(server: Server, cache: Path) -> None:
    cache.write_text("no folder")
    with pytest.raises(OutputError, match=r"the cache cannot be written to: .*\nHint: .*ELMO_CACHE"):
        fetch(f"{server.address}/model.zip")


def test_the_cache_is_where_the_system_has_its_caches(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("ELMO_CACHE", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert cache_folder() == tmp_path / ".cache" / "elmo"
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert cache_folder() == Path("/somewhere/elmo")
    monkeypatch.setenv("ELMO_CACHE", "/here")
    assert cache_folder() == Path("/here")


def test_a_file_comes_over_tls_from_a_server_that_is_trusted(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(TLS / "certificate.pem"))
    with serving(tls=True) as server:
        assert server.address.startswith("https://")
        server.files["/model.zip"] = DATA
        assert fetch(f"{server.address}/model.zip").read_bytes() == DATA
    assert kept(cache) == ["address", "file-model.zip", "sha256"]


def test_a_server_that_nobody_vouches_for_is_refused(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    message = r"/model.zip: the server's certificate is not trusted: self.signed certificate\nHint: .* SSL_CERT_FILE"
    with serving(tls=True) as server:
        server.files["/model.zip"] = DATA
        with pytest.raises(ModelError, match=message):
            fetch(f"{server.address}/model.zip")
        assert server.asked == []
    assert kept(cache) == []
