"""Where a model, quiz, image or data file comes from: the checkout, the cache, or the web.

A chapter asks for a file by its name in the repository and gets a path. In a checkout that is
the file itself. Elsewhere, as on Colab, pooch downloads it from the repository at the commit that
pip installed, checks its sha256 against the packaged registry, and keeps it in a cache.
"""

from __future__ import annotations

import atexit
import contextlib
import difflib
import functools
import hashlib
import json
import logging
import os
import shutil
import ssl
import tempfile
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from urllib.parse import urlsplit

from attention_course import __version__
from attention_course.errors import AssetError
from attention_course.storage import write_text
from attention_course.words import mark, tr

FOLDERS = ("models", "quizzes", "images", "data", "benchmarks")
REGISTRY = Path(__file__).parent / "registry.txt"
CACHE_VARIABLE = "ATTENTION_COURSE_CACHE"
BASE_URL_VARIABLE = "ATTENTION_COURSE_BASE_URL"
RETRIES = 2
TIMEOUT = 30  # seconds without an answer


def fetch(name: str) -> Path:
    """Return the path of one of the course's files, downloading it where that is needed.

    Args:
        name: Path in the repository with forward slashes, such as
            ``"models/simple_rnn.keras"``.

    Raises:
        AssetError: The name is unknown, or the file is missing, damaged or out of reach.
    """
    root, registry = checkout_root(), read_registry()
    _check_name(name, [*registry, *(files_below(root) if root else ())])
    if root is None:
        return _from_cache_or_web(name, registry[name])
    path = root / name
    if not path.is_file():
        raise AssetError(
            "{file} is missing from this checkout; bring it back with: git checkout -- {file}",
            file=name,
        )
    return path


def checkout_root() -> Path | None:
    """Return the checkout this package runs from, or None when it was installed by pip."""
    root = Path(__file__).resolve().parent.parent
    return root if (root / "_config.yml").is_file() else None


def read_registry() -> dict[str, str]:
    """Return the sha256 of every file the course may fetch, by its name in the repository.

    Raises:
        AssetError: The registry in the package is missing or damaged.
    """
    try:
        lines = REGISTRY.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise AssetError(
            "{file} cannot be read; install the package again.", file=REGISTRY
        ) from error
    entries = [line.rpartition(" ")[::2] for line in lines]
    for number, (name, digest) in enumerate(entries, start=1):
        if not name or len(digest) != 64:
            raise AssetError(
                "Entry {number} of {file} is damaged; install the package again.",
                number=number,
                file=REGISTRY,
            )
    return dict(entries)


def registry_text(root: Path) -> str:
    """Return what the registry of a checkout has to say: a line ``NAME SHA256`` for each file."""
    return "".join(f"{name} {file_sha256(root / name)}\n" for name in files_below(root))


def write_registry(root: Path) -> int:
    """Write the registry of a checkout and return how many files it lists; see ``write_text``."""
    text = registry_text(root)
    write_text(root / "attention_course" / REGISTRY.name, text)
    return text.count("\n")


def files_below(root: Path, folders: Sequence[str] = FOLDERS) -> list[str]:
    """Return the names of all files in some folders of a checkout; hidden ones are left out.

    The folders are by default those from which a chapter may ask for a file.
    """
    names = []
    for folder in folders:
        for path in (root / folder).rglob("*"):
            name = path.relative_to(root)
            hidden = any(part.startswith(".") or part == "__pycache__" for part in name.parts)
            if path.is_file() and not hidden:
                names.append(name.as_posix())
    return sorted(names)


def _check_name(name: str, known: Sequence[str]) -> None:
    """Refuse a name that is not one of the course's files, with the nearest one that is."""
    if name in known:
        return
    if near := difflib.get_close_matches(str(name), known, n=1):
        raise AssetError(
            "This course has no file {name!r}; did you mean {near!r}?", name=name, near=near[0]
        )
    raise AssetError(
        "This course has no file {name!r}; its files are in {folders}.",
        name=name,
        folders=", ".join(f"{folder}/" for folder in FOLDERS),
    )


def _from_cache_or_web(name: str, sha256: str) -> Path:
    cache = _cache_folder()
    cached = cache / name
    with contextlib.suppress(OSError):  # not there, or in a folder that this user may not enter
        if file_sha256(cached) == sha256:
            return cached
    return _download(name, sha256, _writable(cache, cached.parent))


def _cache_folder() -> Path:
    import pooch

    chosen = os.environ.get(CACHE_VARIABLE)
    try:
        folder = Path(chosen or pooch.os_cache("attention-course")).expanduser()
    except RuntimeError as error:  # there is no such home
        if chosen:
            raise AssetError(
                "{variable} names {folder}, and nobody here has such a home; set it to a "
                "folder that can be written to.",
                variable=CACHE_VARIABLE,
                folder=chosen,
            ) from error
        return _temporary_cache()
    return folder / __version__


def _writable(cache: Path, parent: Path) -> Path:
    """Return the cache if a file can be written into one of its folders, else a stand-in.

    A folder the reader chose is not silently replaced by another one.
    """
    try:
        parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=parent):
            return cache
    except OSError as error:
        if os.environ.get(CACHE_VARIABLE):
            raise AssetError(
                "The cache folder {folder} cannot be written to ({reason}); set {variable} to "
                "a folder that can.",
                folder=cache,
                reason=error.strerror,
                variable=CACHE_VARIABLE,
            ) from error
    return _temporary_cache()


@functools.cache
def _temporary_cache() -> Path:
    """Return a folder that serves as cache for as long as this process runs."""
    try:
        folder = tempfile.mkdtemp(prefix="attention-course-")
    except OSError as error:
        raise AssetError(
            "Neither the cache folder nor the temporary folder can be written to; set "
            "{variable} to a folder that can.",
            variable=CACHE_VARIABLE,
        ) from error
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


def raw_base() -> str:
    """Return where the files of the repository lie as they are in the installed commit.

    pip notes the repository and the commit that a package came from (PEP 610).

    Raises:
        AssetError: The package was not installed from a commit on GitHub.
    """
    try:
        note = metadata.distribution("attention-course").read_text("direct_url.json") or "{}"
        origin = json.loads(note)
        _, name = origin["url"].removesuffix(".git").split("github.com/")
        return f"https://raw.githubusercontent.com/{name}/{origin['vcs_info']['commit_id']}"
    except (metadata.PackageNotFoundError, KeyError, ValueError) as error:
        raise AssetError(
            "The course's files cannot be downloaded, since pip did not install this package "
            "from a commit on GitHub; install it as the first cell of a chapter does, or set "
            "{variable} to the address of the files.",
            variable=BASE_URL_VARIABLE,
        ) from error


def _download(name: str, sha256: str, folder: Path) -> Path:
    import pooch
    import requests

    base = (os.environ.get(BASE_URL_VARIABLE) or raw_base()).rstrip("/") + "/"
    store = pooch.create(
        path=folder, base_url=base, registry={name: sha256}, retry_if_failed=RETRIES
    )
    # pooch makes this folder itself, but fails when another process was faster.
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    told = {"file": name, "source": base + name, "folder": folder, "variable": CACHE_VARIABLE}
    logger = pooch.get_logger()
    level = logger.level
    try:
        logger.setLevel(logging.CRITICAL)  # what it says would be stored as a cell's stderr
        return Path(store.fetch(name, downloader=_download_once))
    except requests.RequestException as error:
        raise AssetError(_trouble(error, name, base + name)) from error
    except ValueError as error:
        raise AssetError(
            "{file} as downloaded from {source} is not the file that this version of the "
            "course expects (its sha256 differs); try again later, or install the package "
            "again.",
            **told,
        ) from error
    except OSError as error:
        raise AssetError(
            "{file} cannot be saved in {folder} ({reason}); free some space there, or set "
            "{variable} to another folder.",
            reason=error.strerror or error,
            **told,
        ) from error
    finally:
        logger.setLevel(level)


def _download_once(url: str, output: str, store: object) -> None:
    """Download as pooch does, but give up at once where a second try cannot help."""
    import pooch
    import requests

    try:
        pooch.HTTPDownloader(timeout=TIMEOUT)(url, output, store)
    except requests.HTTPError as error:
        status = error.response.status_code
        if status in (408, 429) or status >= 500:
            raise
        raise AssetError(
            "{file} is not at {source} (HTTP status {status}); the repository may have moved, "
            "so install the newest version of the package.",
            file=Path(url).name,
            source=url,
            status=status,
        ) from error
    except (OSError, ValueError) as error:
        # What is no address, no proxy or no certificate: requests passes on what others raise.
        settings = (ValueError, requests.exceptions.ProxyError, ssl.SSLError)
        if isinstance(error, settings) or _about_certificates(error):
            raise AssetError(_trouble(error, Path(url).name, url)) from error
        raise


def _about_certificates(error: Exception) -> bool:
    import requests

    # The system gives every error of a disk a number; requests raises this one without.
    return isinstance(error, requests.exceptions.SSLError | ssl.SSLError) or (
        type(error) is OSError and error.errno is None
    )


def _trouble(error: Exception, name: str, source: str) -> str:
    """Say what went wrong with a request and what to do."""
    import requests

    proxies = requests.utils.get_environ_proxies(source)
    proxied = urlsplit(source).hostname and requests.utils.select_proxy(source, proxies)
    if _about_certificates(error):
        sentence = mark(
            "{file} cannot be downloaded, because the certificates to trust {source} are missing "
            "or do not fit; correct or unset REQUESTS_CA_BUNDLE and CURL_CA_BUNDLE."
        )
    elif isinstance(error, requests.exceptions.ProxyError | ValueError) and proxied:
        sentence = mark(
            "{file} cannot be downloaded through the proxy of this machine; correct or unset "
            "HTTPS_PROXY, HTTP_PROXY and ALL_PROXY."
        )
    elif isinstance(error, requests.ConnectionError):
        sentence = mark(
            "{file} cannot be downloaded: {source} cannot be reached; check the network and run "
            "the cell again."
        )
    elif isinstance(error, requests.Timeout):
        sentence = mark(
            "{file} cannot be downloaded: {source} does not answer; run the cell again in a minute."
        )
    elif isinstance(error, requests.HTTPError):
        sentence = mark(
            "{file} cannot be downloaded: {source} answers with HTTP status {status}; run the "
            "cell again in a minute."
        )
    elif isinstance(error, ValueError):
        sentence = mark(
            "{file} cannot be downloaded: {source} is not a usable address; correct or unset "
            "{variable}."
        )
    else:
        sentence = mark(
            "{file} cannot be downloaded: the download from {source} broke off; run the cell again."
        )
    status = getattr(getattr(error, "response", None), "status_code", None)
    return tr(sentence, file=name, source=source, status=status, variable=BASE_URL_VARIABLE)


def file_sha256(path: Path) -> str:
    """Return the checksum of a file's content, 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
