"""The members of a zoo: which files are meant, in the order of their names, and why others are not."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from configsplit.batches import storage
from configsplit.batches.glob import MAGIC, first_match, matches, root_of
from configsplit.batches.recipe import DEFAULT_EXCLUDE, DEFAULT_INCLUDE, Models
from configsplit.containers.fetched import is_remote
from configsplit.containers.system.errors import missing
from configsplit.errors import StoreError


@dataclass(frozen=True, slots=True)
class Member:
    """One model, or what stands in its place.

    Attributes:
        name: its path within the zoo, with ``/``.
        address: the file or URL.
        size: bytes, as the file system tells; -1 where it does not.
        reason: why it is there, or (``skip``) why it is left out.
        skip: True for what was found and is not a model.
    """

    name: str
    address: str
    size: int = -1
    reason: str = ""
    skip: bool = False


@dataclass(frozen=True, slots=True)
class Zoo:
    """What was found: the members, and what a pattern excluded, with that pattern."""

    root: str
    members: tuple[Member, ...]
    excluded: dict[str, str]


def find(zoo: str, models: Models, *, leave_out: Path | None = None) -> Zoo:
    """The members of a zoo: a folder, a file, a glob, or a URL of either. ``leave_out`` is not searched: the output of the
    batch may lie within the zoo.
    """
    root, glob = _root(zoo)
    if is_remote(root):
        seen: Iterator[Member] = _remote(root, models)
    else:
        seen = _local(root, models, glob, leave_out)
    members: list[Member] = []
    excluded: dict[str, str] = {}
    for member in seen:
        unasked = member.reason if glob is None and models.include == DEFAULT_INCLUDE else ""
        wanted = f"include {reason}" if (reason := _wanted(member.name, models, glob)) else unasked
        if member.skip:
            members.append(member)
        elif not _is_safe(member.name):
            members.append(Member(member.name, member.address, reason="its name would lead out of the output", skip=True))
        elif not wanted:
            continue
        elif (pattern := first_match(member.name, _exclude(models))) is not None:
            excluded[member.name] = pattern
        else:
            members.append(Member(member.name, member.address, member.size, wanted))
    if not members:
        raise StoreError(
            f"there are no models ({len(excluded)} files were excluded)" if excluded else "there are no models",
            code="zoo-empty",
            where=zoo,
            hint=f"the recipe selects models by `models: include:`, now {', '.join(models.include)}",
        )
    return Zoo(root, tuple(sorted(members, key=lambda member: member.name)), dict(sorted(excluded.items())))


def _is_safe(name: str) -> bool:
    """Names become folders of the output; those of a remote store are whatever its server says."""
    return all(step not in ("", ".", "..") for step in name.split("/")) and "\0" not in name and "\\" not in name


def _exclude(models: Models) -> tuple[str, ...]:
    """What is never a model by itself is left out, unless the recipe says what to include."""
    return (*models.exclude, *(DEFAULT_EXCLUDE if models.include == DEFAULT_INCLUDE else ()))


def _wanted(name: str, models: Models, glob: str | None) -> str | None:
    """The pattern by which a file is a member. A glob on the command line that names a suffix, or one file, stands in for the
    recipe's default patterns; of what another one finds only models are taken."""
    if glob is not None:
        if not matches(name, f"./{glob}" if "/" in glob else f"{glob}"):
            return None
        if "/" not in glob and "/" in name and "**" not in glob:
            return None
        if models.include == DEFAULT_INCLUDE and _says_what(glob):
            return glob
    return first_match(name, models.include)


def _says_what(glob: str) -> bool:
    last = re.sub(r"\[([*?\[])\]", "", glob.rpartition("/")[2])
    return not MAGIC.search(last) or ("." in last and not MAGIC.search(last.rpartition(".")[2]))


def _root(zoo: str) -> tuple[str, str | None]:
    if is_remote(zoo):
        scheme, joint, path = zoo.partition("://")
        if not MAGIC.search(path):
            return zoo.rstrip("/"), None
        root, glob = root_of(path)
        return f"{scheme}{joint}{root}", glob
    if Path(zoo).is_dir():
        return zoo, None
    if os.path.lexists(zoo):
        return str(Path(zoo).parent), MAGIC.sub(lambda match: f"[{match[0]}]", Path(zoo).name)
    if MAGIC.search(zoo):
        root, glob = root_of(zoo)
        if Path(root).is_dir():
            return root, glob
    near = missing(Path(zoo)).hint
    hint = near if near.startswith("did you mean") else "give --zoo a folder, or a glob in quotes"
    raise StoreError("there is no such folder", code="file-missing", where=zoo, hint=hint)


def _local(root: str, models: Models, glob: str | None, leave_out: Path | None) -> Iterator[Member]:
    """Every file, and every folder that a pattern means; links are followed, but never in a circle."""
    top = Path(root)
    avoid = None if leave_out is None else os.path.realpath(leave_out)
    todo: list[tuple[Path, str, frozenset[tuple[int, int]]]] = [(top, "", frozenset({_identity(top)}))]
    while todo:
        folder, prefix, above = todo.pop()
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError as error:
            yield Member(f"{prefix}", str(folder), reason=f"the folder cannot be read: {error.strerror}", skip=True)
            continue
        for entry in entries:
            name = f"{prefix}{entry.name}"
            if not _is_folder(entry):
                yield Member(name, entry.path, _size(entry))
            elif os.path.realpath(entry.path) == avoid:
                continue
            elif reason := _of_a_model(Path(entry.path)):
                yield Member(name, entry.path, reason=reason)
            elif _wanted(name, models, glob) is not None:
                yield Member(name, entry.path)  # something that pretends to be a model: its outcome will say what it is
            elif (identity := _identity(Path(entry.path))) in above:
                yield Member(f"{name}/", entry.path, reason="a link back to a folder that it lies in", skip=True)
            elif not entry.name.startswith("."):
                todo.append((Path(entry.path), f"{name}/", above | {identity}))


def _of_a_model(folder: Path) -> str:
    """What kind of model a folder is; "" where it is none."""
    if os.path.isfile(folder / "config.json") and os.path.isfile(folder / "metadata.json"):  # noqa: PTH113 - never raises
        return "a .keras that was saved unzipped"
    return "a SavedModel of TensorFlow" if os.path.isfile(folder / "saved_model.pb") else ""  # noqa: PTH113


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link in a circle
        return False


def _identity(folder: Path) -> tuple[int, int]:
    status = folder.stat()
    return status.st_dev, status.st_ino


def _size(entry: os.DirEntry[str]) -> int:
    try:
        status = entry.stat()
    except OSError:
        return -1
    return status.st_size if stat.S_ISREG(status.st_mode) else -1


def _remote(root: str, models: Models) -> Iterator[Member]:
    """What is below a URL; a URL that has the name of a model is that model, since web servers know files alone."""
    system, path = storage.file_system(root)
    name = path.rpartition("/")[2]
    if first_match(name, models.include) is not None:
        with storage.remote_faults(root):
            there, size = system.isfile(path), system.size(path)
        if there:
            yield Member(name, root, size if isinstance(size, int) else -1)
            return
    for below, size in storage.names_below(root).items():
        yield Member(below, f"{root}/{below}", size)
