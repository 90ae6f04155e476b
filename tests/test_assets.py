"""Files reach a chapter from the checkout, the cache or the web, or one sentence says why not.

The web is a server on loopback that can misbehave; no test needs a network.
"""

import errno
import gc
import hashlib
import http.server
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace

import pytest

from attention_course import assets
from attention_course.datasets import imdb
from attention_course.errors import AssetError, DataError
from attention_course.storage import StorageError

# pooch leaves the socket of a broken download to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")

ROOT = Path(__file__).resolve().parents[1]
NAME = "models/tiny.keras"
CONTENT = b"weights " * 5_000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Server(http.server.ThreadingHTTPServer):
    """Serves ``CONTENT`` at ``NAME``; ``faults`` holds one misbehaviour for each next request."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.faults = []
        self.requests = []
        self.release = threading.Event()
        self.together = None

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/v0"


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.requests.append(self.path)
        fault = self.server.faults.pop(0) if self.server.faults else None
        if self.server.together:
            self.server.together.wait(20)
        if fault == "silence":
            self.server.release.wait(10)
        elif isinstance(fault, int):
            self.send_error(fault)
        elif self.path != f"/v0/{NAME}":
            self.send_error(404)
        else:
            self.send_response(200)
            self.send_header("Content-Length", str(len(CONTENT)))
            self.end_headers()
            whole = {"truncate": CONTENT[:1000], "damage": CONTENT[::-1]}
            self.wfile.write(whole.get(fault, CONTENT))

    def log_message(self, *arguments):
        pass


@pytest.fixture
def server():
    server = Server()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield server
    server.release.set()
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def installed(tmp_path, monkeypatch, server):
    """The package as pip installs it: no checkout around it, and an empty cache."""
    registry = tmp_path / "registry.txt"
    registry.write_text(f"{NAME} {SHA256}\nquizzes/01_rnn_recap.json {'0' * 64}\n")
    monkeypatch.setattr(assets, "REGISTRY", registry)
    monkeypatch.setattr(assets, "checkout_root", lambda: None)
    monkeypatch.setenv("ATTENTION_COURSE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("ATTENTION_COURSE_BASE_URL", server.url)
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    yield tmp_path / "cache"
    gc.collect()


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A checkout of its own with one file missing."""
    (tmp_path / "quizzes").mkdir()
    (tmp_path / "quizzes" / "01_rnn_recap.json").write_text("[]")
    registry = tmp_path / "registry.txt"
    registry.write_text(f"{NAME} {SHA256}\nquizzes/01_rnn_recap.json {'0' * 64}\n")
    monkeypatch.setattr(assets, "REGISTRY", registry)
    monkeypatch.setattr(assets, "checkout_root", lambda: tmp_path)
    return tmp_path


def files_in(folder):
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def sentence(error):
    """The message, checked to be one line that ends like a sentence and shows no traceback."""
    text = str(error.value)
    assert "\n" not in text
    assert "Traceback" not in text
    return text


# --- in a checkout ----------------------------------------------------------------------------


def test_this_checkout_is_found():
    assert assets.checkout_root() == ROOT


def test_every_registered_file_is_the_file_itself():
    names = assets.read_registry()
    assert names
    for name in names:
        assert assets.fetch(name) == ROOT / name


def test_registry_is_up_to_date():
    assert (ROOT / "attention_course" / "registry.txt").read_text() == assets.registry_text(ROOT), (
        "run: python -m attention_course registry"
    )


def test_registry_notices_a_changed_file(checkout):
    before = assets.registry_text(checkout)
    (checkout / "quizzes" / "01_rnn_recap.json").write_text("[1]")
    assert assets.registry_text(checkout) != before


def test_registry_lists_nothing_hidden(checkout):
    for name in ("models/.cache/x.bin", "models/__pycache__/y.pyc", "data/z.csv", "other/w.csv"):
        (checkout / name).parent.mkdir(parents=True, exist_ok=True)
        (checkout / name).write_text("")
    names = [line.split()[0] for line in assets.registry_text(checkout).splitlines()]
    assert names == ["data/z.csv", "quizzes/01_rnn_recap.json"]


def test_written_registry_is_read_back(checkout, monkeypatch):
    (checkout / "attention_course").mkdir()
    (checkout / "quizzes" / "my quiz.json").write_text("[]")
    assert assets.write_registry(checkout) == 2
    written = checkout / "attention_course" / "registry.txt"
    digest = hashlib.sha256(b"[]").hexdigest()
    names = ["quizzes/01_rnn_recap.json", "quizzes/my quiz.json"]
    assert written.read_bytes() == "".join(f"{name} {digest}\n" for name in names).encode()
    monkeypatch.setattr(assets, "REGISTRY", written)
    assert assets.read_registry() == dict.fromkeys(names, digest)


def test_registry_that_cannot_be_written(checkout):
    with pytest.raises(StorageError) as error:
        assets.write_registry(checkout)
    assert "registry.txt" in sentence(error)


def test_files_are_stored_as_hashed():
    """A changed line ending would change a sha256: git must leave these files alone."""
    names = [name for name in assets.read_registry() if not name.endswith((".keras", ".gz"))]
    for name in names:
        assert b"\r" not in (ROOT / name).read_bytes(), f"{name} holds carriage returns"


def test_a_new_file_needs_no_registry(checkout):
    (checkout / "quizzes" / "new.json").write_text("[]")
    assert assets.fetch("quizzes/new.json") == checkout / "quizzes" / "new.json"


def test_missing_in_checkout(checkout):
    with pytest.raises(AssetError) as error:
        assets.fetch(NAME)
    assert NAME in sentence(error)
    assert f"git checkout -- {NAME}" in sentence(error)


# --- names ------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["checkout", "installed"])
def test_unknown_name_with_a_suggestion(place, request):
    request.getfixturevalue(place)
    with pytest.raises(AssetError) as error:
        assets.fetch("models/tiney.keras")
    assert "'models/tiney.keras'" in sentence(error)
    assert f"did you mean '{NAME}'?" in sentence(error)


@pytest.mark.parametrize("place", ["checkout", "installed"])
def test_unknown_name_with_nothing_near(place, request):
    request.getfixturevalue(place)
    with pytest.raises(AssetError) as error:
        assets.fetch("data/xyzzy")
    assert "data/xyzzy" in sentence(error)
    assert "did you mean" not in sentence(error)


@pytest.mark.parametrize(
    "name",
    [
        "../secret",
        "models/../../secret",
        "models/../quizzes/01_rnn_recap.json",
        "/etc/passwd",
        "models",
        "models/",
        "./models/tiny.keras",
        "models//tiny.keras",
        "models\\tiny.keras",
        "C:\\models\\tiny.keras",
        "attention_course/registry.txt",
        "",
        ".",
        "models/tiny.keras\0",
        "http://example.org/models/tiny.keras",
        None,
        7,
        Path("models/tiny.keras"),
    ],
)
@pytest.mark.parametrize("place", ["checkout", "installed"])
def test_what_is_no_name(place, name, request):
    request.getfixturevalue(place)
    with pytest.raises(AssetError) as error:
        assets.fetch(name)
    assert "models/" in sentence(error)


# --- the registry of an installed package -----------------------------------------------------


@pytest.mark.parametrize("text", ["models/a.keras\n", "models/a.keras 123\n", "a b c\n"])
def test_damaged_registry(installed, text):
    assets.REGISTRY.write_text(text)
    with pytest.raises(AssetError) as error:
        assets.fetch(NAME)
    assert "registry.txt" in sentence(error)
    assert "install the package again" in sentence(error)


def test_missing_registry(installed):
    assets.REGISTRY.unlink()
    with pytest.raises(AssetError, match="install the package again"):
        assets.fetch(NAME)


# --- downloads --------------------------------------------------------------------------------


def test_download_then_cache(installed, server, capfd):
    path = assets.fetch(NAME)
    assert path.read_bytes() == CONTENT
    assert path.is_relative_to(installed)
    assert assets.fetch(NAME) == path
    assert server.requests == [f"/v0/{NAME}"]
    assert files_in(installed) == ["tiny.keras"]
    assert capfd.readouterr() == ("", "")


def test_damaged_cache_is_replaced(installed, server):
    path = assets.fetch(NAME)
    path.write_bytes(CONTENT[:100])
    assert assets.fetch(NAME).read_bytes() == CONTENT
    assert len(server.requests) == 2


@pytest.mark.parametrize("fault", ["truncate", "damage", 500, 503, 429])
def test_one_fault_is_survived(installed, server, fault, capfd):
    server.faults = [fault]
    assert assets.fetch(NAME).read_bytes() == CONTENT
    assert len(server.requests) == 2
    assert files_in(installed) == ["tiny.keras"]
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("truncate", "broke off"),
        ("damage", "sha256"),
        (500, "HTTP status 500"),
        ("silence", "does not answer"),
    ],
)
def test_lasting_fault(installed, server, fault, words, monkeypatch):
    monkeypatch.setattr(assets, "TIMEOUT", 0.2)
    server.faults = [fault] * 10
    with pytest.raises(AssetError) as error:
        assets.fetch(NAME)
    assert words in sentence(error)
    assert NAME in sentence(error)
    assert len(server.requests) == 1 + assets.RETRIES
    assert files_in(installed) == []


def test_absent_on_the_server(installed, server):
    server.faults = [404] * 10
    with pytest.raises(AssetError) as error:
        assets.fetch(NAME)
    assert "tiny.keras" in sentence(error)
    assert "404" in sentence(error)
    assert len(server.requests) == 1, "a second try cannot help"
    assert files_in(installed) == []


def test_server_down(installed, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    monkeypatch.setenv("ATTENTION_COURSE_BASE_URL", f"http://127.0.0.1:{port}")
    with pytest.raises(AssetError) as error:
        assets.fetch(NAME)
    assert f"{NAME} cannot be downloaded" in sentence(error)
    assert "check the network" in sentence(error)
    assert files_in(installed) == []


def test_no_network(installed, monkeypatch):
    monkeypatch.setenv("ATTENTION_COURSE_BASE_URL", "http://nowhere.invalid")
    with pytest.raises(AssetError) as error:
        assets.fetch(NAME)
    assert "check the network" in sentence(error)


@pytest.mark.parametrize("address", ["not an address", "http://", "ftp//x", "gopher://x"])
def test_unusable_base_url(installed, monkeypatch, address):
    monkeypatch.setenv("ATTENTION_COURSE_BASE_URL", address)
    with pytest.raises(AssetError) as error:
        assets.fetch(NAME)
    assert "ATTENTION_COURSE_BASE_URL" in sentence(error)


@pytest.fixture
def origin(monkeypatch):
    """A function that says what pip has noted about where the package came from."""

    def note(text):
        package = SimpleNamespace(read_text={"direct_url.json": text}.get)
        monkeypatch.setattr(metadata, "distribution", {"attention-course": package}.get)

    monkeypatch.delenv("ATTENTION_COURSE_BASE_URL")
    return note


@pytest.mark.parametrize("ending", ["", ".git"])
def test_files_come_from_the_installed_commit(installed, monkeypatch, origin, ending):
    asked = []
    monkeypatch.setattr(assets, "_download_once", lambda url, *rest: asked.append(url))
    commit = {"vcs": "git", "requested_revision": "main", "commit_id": "0a" * 20}
    origin(json.dumps({"url": f"https://github.com/a/b{ending}", "vcs_info": commit}))
    with pytest.raises(AssetError):
        assets.fetch(NAME)
    assert set(asked) == {f"https://raw.githubusercontent.com/a/b/{'0a' * 20}/{NAME}"}


@pytest.mark.parametrize(
    "note",
    [
        None,
        "",
        "{",
        '{"url": "file:///somewhere", "dir_info": {"editable": true}}',
        '{"url": "https://github.com/a/b/x.whl", "archive_info": {}}',
        '{"url": "https://example.org/a/b", "vcs_info": {"commit_id": "0a"}}',
    ],
)
def test_a_package_from_elsewhere_knows_no_commit(installed, origin, note):
    origin(note)
    with pytest.raises(AssetError) as error:
        assets.fetch(NAME)
    assert "ATTENTION_COURSE_BASE_URL" in sentence(error)


def test_a_package_that_was_not_installed_knows_no_commit(installed, origin, monkeypatch):
    def missing(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "distribution", missing)
    with pytest.raises(AssetError) as error:
        assets.fetch(NAME)
    assert "first cell" in sentence(error)


# --- cache folders ----------------------------------------------------------------------------


def test_chosen_cache_that_cannot_be_written(installed, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("ATTENTION_COURSE_CACHE", str(tmp_path / "file"))
    with pytest.raises(AssetError) as error:
        assets.fetch(NAME)
    assert "ATTENTION_COURSE_CACHE" in sentence(error)


def test_default_cache_that_cannot_be_written(installed, server, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.delenv("ATTENTION_COURSE_CACHE")
    monkeypatch.setattr("pooch.os_cache", lambda project: tmp_path / "file")
    path = assets.fetch(NAME)
    assert path.read_bytes() == CONTENT
    assert not path.is_relative_to(tmp_path / "file")
    assert assets.fetch(NAME) == path
    assert len(server.requests) == 1


def refuse_to_write(*arguments, **options):
    raise PermissionError(errno.EACCES, "Permission denied")


def test_read_only_cache_that_holds_the_file(installed, server, monkeypatch):
    path = assets.fetch(NAME)
    monkeypatch.setattr("tempfile.TemporaryFile", refuse_to_write)
    assert assets.fetch(NAME) == path
    assert len(server.requests) == 1


@pytest.fixture(params=["closed", "a file", "too long a name"])
def unusual(request, tmp_path, monkeypatch):
    """A home that this user may not enter, or that is no folder."""
    home = tmp_path / ("h" * 300 if request.param == "too long a name" else "home")
    if request.param == "a file":
        home.write_text("")
    if request.param == "closed":
        home.mkdir(mode=0)
    for variable in ("XDG_CACHE_HOME", "KERAS_HOME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setattr("tempfile.tempdir", "/tmp")
    assets._temporary_cache.cache_clear()
    if request.param == "closed" and os.geteuid() == 0:  # root may enter everywhere
        os.seteuid(65534)
    yield home
    if os.getuid() == 0:
        os.seteuid(0)


def test_in_an_unusual_home_the_temporary_cache_serves(installed, server, unusual, monkeypatch):
    monkeypatch.delenv("ATTENTION_COURSE_CACHE")
    monkeypatch.setattr(assets, "read_registry", lambda: {NAME: SHA256})  # in a folder of root's
    path = assets.fetch(NAME)
    assert path.read_bytes() == CONTENT
    assert not path.is_relative_to(unusual)


def test_in_an_unusual_home_the_reviews_are_not_there(unusual, monkeypatch):
    for variable in (imdb.PATH_VARIABLE, "ATTENTION_COURSE_CACHE"):
        monkeypatch.delenv(variable, raising=False)
    assert not imdb.available()
    monkeypatch.setenv(imdb.PATH_VARIABLE, str(unusual / "imdb.npz"))
    with pytest.raises(DataError, match="no such file"):
        imdb.load()


@pytest.fixture
def homeless(monkeypatch, tmp_path):
    """No variable says where the home is, and the system knows no user of this number."""
    for variable in ("HOME", "XDG_CACHE_HOME", "KERAS_HOME", imdb.PATH_VARIABLE):
        monkeypatch.delenv(variable, raising=False)

    def unknown(number):
        raise KeyError(number)

    monkeypatch.setattr("pwd.getpwuid", unknown)
    monkeypatch.chdir(tmp_path)


def test_without_a_home_the_temporary_cache_serves(installed, server, homeless, monkeypatch):
    monkeypatch.delenv("ATTENTION_COURSE_CACHE")
    assert assets.fetch(NAME).read_bytes() == CONTENT
    assert not Path("~").exists()
    assert not imdb.available()


def test_without_a_home_kerass_own_folder_is_asked(homeless, monkeypatch, tmp_path):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    (tmp_path / "keras" / "datasets").mkdir(parents=True)
    (tmp_path / "keras" / "datasets" / "imdb.npz").write_text("")
    assert imdb.find() == tmp_path / "keras" / "datasets" / "imdb.npz"


def test_the_home_of_somebody_unknown(installed, monkeypatch):
    for variable, error, use in (
        ("ATTENTION_COURSE_CACHE", AssetError, lambda: assets.fetch(NAME)),
        (imdb.PATH_VARIABLE, DataError, imdb.load),
    ):
        monkeypatch.setenv(variable, "~nobody-of-this-name/x")
        with pytest.raises(error, match=f"{variable} names ~nobody-of-this-name/x") as caught:
            use()
        sentence(caught)
    assert not Path("~nobody-of-this-name").exists()


def test_nowhere_to_write(installed, tmp_path, monkeypatch):
    monkeypatch.delenv("ATTENTION_COURSE_CACHE")
    monkeypatch.setattr("pooch.os_cache", lambda project: tmp_path)
    monkeypatch.setattr("tempfile.TemporaryFile", refuse_to_write)
    monkeypatch.setattr("tempfile.mkdtemp", refuse_to_write)
    assets._temporary_cache.cache_clear()
    with pytest.raises(AssetError) as error:
        assets.fetch(NAME)
    assert "ATTENTION_COURSE_CACHE" in sentence(error)


def test_full_disk(installed, monkeypatch):
    def refuse(*arguments):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("pooch.core.shutil.move", refuse)
    with pytest.raises(AssetError) as error:
        assets.fetch(NAME)
    assert "No space left on device" in sentence(error)
    assert NAME in sentence(error)
    assert files_in(installed) == []


def test_interrupted_download_leaves_nothing(installed, monkeypatch):
    def interrupt(url, output, store):
        Path(output).write_bytes(CONTENT[:10])
        raise KeyboardInterrupt

    monkeypatch.setattr(assets, "_download_once", interrupt)
    with pytest.raises(KeyboardInterrupt):
        assets.fetch(NAME)
    assert files_in(installed) == []


def test_two_processes_at_once(tmp_path, server):
    """Both are held until both have asked, so both download and both move into place."""
    package = tmp_path / "site" / "attention_course"
    shutil.copytree(ROOT / "attention_course", package)
    (package / "registry.txt").write_text(f"{NAME} {SHA256}\n")
    server.together = threading.Barrier(2)
    environment = os.environ | {
        "PYTHONPATH": str(package.parent),
        "ATTENTION_COURSE_CACHE": str(tmp_path / "cache"),
        "ATTENTION_COURSE_BASE_URL": server.url,
    }
    command = [sys.executable, "-m", "attention_course", "fetch", NAME]
    processes = [
        subprocess.Popen(
            command,
            cwd=tmp_path,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    results = [process.communicate(timeout=60) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], results
    assert results[0] == results[1], "one path, nothing on stderr"
    path = Path(results[0][0].strip())
    assert path.read_bytes() == CONTENT
    assert results[0][1] == ""
    assert len(server.requests) == 2
    assert files_in(tmp_path / "cache") == ["tiny.keras"]
