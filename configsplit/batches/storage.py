"""Where files are: a local folder, or any address that fsspec knows (``s3://``, ``gs://``, ``hf://``, ``memory://``, ``http://``)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from configsplit.errors import RuntimeUnavailableError, StoreError

PATIENCE = 60.0
"""Seconds that a server may be silent."""


def is_seen_by_one_process(address: str) -> bool:
    """Whether files at that address exist only within the process that wrote them, as those of ``memory://`` do."""
    return address.startswith("memory:")


def file_system(address: str) -> tuple[Any, str]:
    """The fsspec file system of a URL, and the path in it.

    Raises:
        RuntimeUnavailableError: fsspec, or what it needs for this protocol, is not installed.
        StoreError: there is no such protocol, or it does not answer.
    """
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
    if not address.lower().startswith(("http://", "https://")):
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
    """Turn whatever a remote file system raises into a StoreError: each has exceptions of its own.

    Raises:
        StoreError: in place of any error of the body that is not ours.
    """
    try:
        yield
    except (RuntimeUnavailableError, StoreError):
        raise
    except TimeoutError as error:
        raise stalled(address) from error
    except Exception as error:
        first = str(error).strip().partition("\n")[0]
        raise StoreError(
            f"the remote store refused: {type(error).__name__}: {first}",
            code="remote-failed",
            where=address,
            hint="check the address, the network and the credentials; in a recipe `retry` tries again",
        ) from error


def stalled(address: str) -> StoreError:
    """The error for a server that is silent."""
    hint = "try again later, or download the file yourself and name it"
    return StoreError(f"no byte came for {PATIENCE:g} seconds", code="remote-stalled", where=address, hint=hint)


def fetch(address: str, target: Path) -> None:
    """Stream one remote file to a local one.

    Raises:
        StoreError: it cannot be fetched.
    """
    system, path = file_system(address)
    with remote_faults(address):
        target.parent.mkdir(parents=True, exist_ok=True)
        system.get_file(path, str(target))


def size_of(address: str) -> int | None:
    """Bytes of one remote file; None where the store does not tell.

    Raises:
        StoreError: it is not there.
    """
    system, path = file_system(address)
    with remote_faults(address):
        size = _size(system.info(path))
        return None if size < 0 else size


def send(folder: Path, address: str, *, alone: bool = True) -> None:
    """Put the files of a local folder under a remote address; where they are there ``alone``, in place of what is there.

    Raises:
        StoreError: it cannot be done.
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
    """Put a small file.

    Raises:
        StoreError: it cannot be written.
    """
    system, path = file_system(address)
    with remote_faults(address):
        system.makedirs(path.rpartition("/")[0], exist_ok=True)
        system.pipe_file(path, text.encode("utf-8"))


def remove(address: str) -> None:
    """Remove a remote file or folder, if it is there.

    Raises:
        StoreError: it cannot be removed.
    """
    system, path = file_system(address)
    with remote_faults(address):
        system.invalidate_cache()
        if system.exists(path):
            system.rm(path, recursive=True)


def names_below(address: str) -> dict[str, int]:
    """Every file below a remote folder (path within it -> bytes, -1 where the store does not tell); empty if there is none.

    Raises:
        StoreError: it cannot be listed.
    """
    system, path = file_system(address)
    with remote_faults(address):
        system.invalidate_cache()
        try:
            found = system.find(path, detail=True)
        except FileNotFoundError:
            return {}
        prefix = f"{path}/" if path else ""
        files = {name: info for name, info in found.items() if name.startswith(prefix)}
        return {name.removeprefix(prefix): _size(info) for name, info in sorted(files.items())}


def _size(info: dict[str, Any]) -> int:
    size = info.get("size")
    return size if isinstance(size, int) else -1
