"""Where files are: a local folder, or any address that fsspec knows (``s3://``, ``gs://``, ``hf://``, ``memory://``, ``http://``)."""

from __future__ import annotations

import re
from asyncio import IncompleteReadError
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from configsplit.errors import RuntimeUnavailableError, StoreError

PATIENCE = 60.0
"""Seconds that a server may be silent."""


_NO_SUCH_RANGE, _PARTIAL, _GONE = 416, 206, (404, 410)
_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18})")


def is_seen_by_one_process(address: str) -> bool:
    """Whether files at that address exist only within the process that wrote them, as those of ``memory://`` do."""
    return address.startswith("memory:")


def file_system(address: str) -> tuple[Any, str]:
    """The fsspec file system of a URL, and the path in it."""
    try:
        import fsspec
    except ImportError:
        raise _missing("fsspec is not installed", address, "pip install 'configsplit[remote]'") from None
    with remote_faults(address):
        try:
            system, path = fsspec.core.url_to_fs(address, **_options(address))
        except ImportError as error:
            raise _missing(str(error), address, "install what fsspec names for this protocol") from None
        return system, str(path).rstrip("/")


def _options(address: str) -> dict[str, Any]:
    """By itself aiohttp ends every transfer after five minutes, however much has come by then."""
    if not is_web(address):
        return {}
    try:
        from aiohttp import ClientTimeout
    except ImportError:
        raise _missing("aiohttp is not installed", address, "pip install 'configsplit[remote]'") from None
    return {"timeout": ClientTimeout(total=None, sock_connect=PATIENCE, sock_read=PATIENCE)}


def _missing(message: str, address: str, hint: str) -> RuntimeUnavailableError:
    return RuntimeUnavailableError(message, code="extra-missing", where=address, hint=hint)


@contextmanager
def remote_faults(address: str) -> Iterator[None]:
    """Turn whatever a remote file system raises into a StoreError: each has exceptions of its own."""
    try:
        yield
    except (RuntimeUnavailableError, StoreError):
        raise
    except TimeoutError as error:
        raise stalled(address) from error
    except Exception as error:
        first = str(error).strip().partition("\n")[0]
        missing = isinstance(error, FileNotFoundError)
        raise StoreError(
            f"the store has no such file: {first}" if missing else f"the remote store refused: {type(error).__name__}: {first}",
            code="remote-failed",
            where=address,
            hint="check the address, the network and the credentials; in a recipe `retry` tries again",
        ) from error


def stalled(address: str) -> StoreError:
    """The error for a server that is silent."""
    hint = "try again later, or download the file yourself and name it"
    return StoreError(f"the store sent nothing for {PATIENCE:g} seconds", code="remote-stalled", where=address, hint=hint)


def fetch(address: str, target: Path) -> None:
    """Stream one remote file to a local one."""
    system, path = file_system(address)
    with remote_faults(address):
        target.parent.mkdir(parents=True, exist_ok=True)
        system.get_file(path, str(target))


class Part(NamedTuple):
    """Some bytes of a remote file, and of the whole its size and a mark that changes when it does."""

    content: bytes
    size: int
    mark: str


def part(address: str, first: int, size: int) -> Part | None:
    """``size`` bytes of one remote file from ``first`` on, fewer at its end; None where it comes whole or not at all."""
    system, path = file_system(address)
    with remote_faults(address):
        if is_web(address):
            from fsspec.asyn import sync

            piece: Part | None = sync(system.loop, _web_part, address, system, path, first, size)
            return piece
        before = _state(system, path)
        if before[0] < 0:
            return None
        content = system.cat_file(path, start=first, end=min(first + size, before[0]))  # in s3fs a version comes before them
        if before != _state(system, path):
            raise changed(address)
        if len(content) != min(size, before[0] - first):
            raise wrong_size(f"{len(content)} bytes came for {size} that were asked for", address)
        return Part(content, *before)


def _state(system: Any, path: str) -> tuple[int, str]:
    system.invalidate_cache(path)
    return _size(system.info(path)), str(system.ukey(path))


async def _web_part(address: str, system: Any, path: str, first: int, size: int) -> Part | None:
    session = await system.set_session()
    headers = {"Range": f"bytes={first}-{first + size - 1}", "Accept-Encoding": "identity"}
    async with session.get(system.encode_url(path), **{**system.kwargs, "headers": headers}) as answer:
        if answer.status == _NO_SUCH_RANGE:
            return None
        answer.raise_for_status()
        told = _RANGE.fullmatch(answer.headers.get("Content-Range", ""))
        if answer.status != _PARTIAL or told is None or answer.headers.get("Content-Encoding", "identity") != "identity":
            return None
        start, last, whole = map(int, told.groups())
        if start != first or last + 1 != min(first + size, whole):
            raise wrong_size(f"the server sends the bytes {start} to {last} of {whole}, which were not asked for", address)
        try:
            content = await answer.content.readexactly(last + 1 - start)
        except IncompleteReadError as error:
            raise wrong_size(f"{len(error.partial)} bytes came of {last + 1 - start} that were promised", address) from None
        if await answer.content.read(1):
            raise wrong_size("the server sends more than it promised", address)
        return Part(content, whole, answer.headers.get("ETag") or answer.headers.get("Last-Modified", ""))


def is_web(address: str) -> bool:
    """Whether it is an address of the web, where folders have no list of files."""
    return address.lower().startswith(("http://", "https://"))


def changed(address: str) -> StoreError:
    """The error for a file that is another by now."""
    hint = "wait until it is complete there, or download the file yourself and name it"
    return StoreError("the file changed while it was read", code="source-changed", where=address, hint=hint)


def wrong_size(message: str, address: str) -> StoreError:
    """The error for a store that sends something else than it says."""
    return StoreError(message, code="remote-size", where=address, hint="download the file yourself, and give its path")


def is_there(address: str) -> bool:
    """Whether there is such a file."""
    system, path = file_system(address)
    with remote_faults(address):
        if is_web(address):
            from fsspec.asyn import sync

            return bool(sync(system.loop, _web_has, system, path))
        return bool(system.isfile(path))


async def _web_has(system: Any, path: str) -> bool:
    session = await system.set_session()
    async with session.get(system.encode_url(path), **{**system.kwargs, "headers": {"Range": "bytes=0-0"}}) as answer:
        if answer.status in _GONE:
            return False
        answer.raise_for_status()
        return True


def is_folder(address: str) -> bool:
    """Whether there is a folder at an address; of the web nobody knows. Raises StoreError if the store does not tell."""
    if is_web(address):
        return False
    system, path = file_system(address)
    with remote_faults(address):
        return not system.isfile(path) and bool(system.isdir(path))


def size_of(address: str) -> int | None:
    """Bytes of one remote file; None where the store does not tell. Raises StoreError if it is not there."""
    system, path = file_system(address)
    with remote_faults(address):
        size = _size(system.info(path))
        return None if size < 0 else size


def send(folder: Path, address: str, *, alone: bool = True) -> None:
    """Put the files of a local folder under a remote address; where they are there ``alone``, in place of what is there. Raises
    StoreError if it cannot be done.
    """
    if alone:
        remove(address)
    system, path = file_system(address)
    with remote_faults(address):
        for file in sorted(item for item in folder.rglob("*") if item.is_file()):
            target = f"{path}/{file.relative_to(folder).as_posix()}"
            system.makedirs(target.rpartition("/")[0], exist_ok=True)
            system.put_file(str(file), target)


def write_text(address: str, text: str) -> None:
    """Put a small file. Raises StoreError if it cannot be written."""
    system, path = file_system(address)
    with remote_faults(address):
        system.makedirs(path.rpartition("/")[0], exist_ok=True)
        system.pipe_file(path, text.encode("utf-8"))


def remove(address: str) -> None:
    """Remove a remote file or folder, if it is there. Raises StoreError if it cannot be removed."""
    system, path = file_system(address)
    with remote_faults(address):
        system.invalidate_cache()
        if system.exists(path):
            system.rm(path, recursive=True)


def names_below(address: str) -> dict[str, int]:
    """Every file below a remote folder (path within it -> bytes, -1 where the store does not tell); empty if there is none."""
    system, path = file_system(address)
    with remote_faults(address):
        system.invalidate_cache()
        try:
            listed = system.find(path, detail=True)
        except FileNotFoundError:
            return {}
        prefix = f"{path}/" if path else ""
        files = {name: info for name, info in listed.items() if name.startswith(prefix)}
        return {name.removeprefix(prefix): _size(info) for name, info in sorted(files.items())}


def _size(info: dict[str, Any]) -> int:
    size = info.get("size")
    return size if isinstance(size, int) else -1
