"""What a file is, by its first bytes and never by its name."""

from __future__ import annotations

import re

from configsplit.containers.opening import Opened
from configsplit.containers.zip_structure import END, LONGEST_COMMENT, ends_as_zip
from configsplit.errors import StoreError

HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"
BOM = b"\xef\xbb\xbf"

_EXPECTED = (
    "configsplit reads Keras models: .keras archives and folders, whole-model .h5 files, architectures (.json), "
    "SavedModel folders and TensorFlow.js models"
)

_POINTER = "a Git LFS pointer, not the file itself"
_PAGE = "an HTML page"
_CONFLICTS = "text with Git conflict markers"
_ZEROS = "a file of zero bytes"
_STAND_INS = {_POINTER, _PAGE, _CONFLICTS, _ZEROS}
"""What stands where a file should be, which was not fetched or not finished."""

_FOREIGN: tuple[tuple[bytes, int, str, str], ...] = (
    (b"version https://git-lfs", 0, _POINTER, "run `git lfs pull`"),
    (b"\x93NUMPY", 0, "a NumPy array (.npy)", ""),
    (b"BZh", 0, "bzip2 data", "unpack it first"),
    (b"\xfd7zXZ", 0, "xz data", "unpack it first"),
    (b"(\xb5/\xfd", 0, "zstandard data", "unpack it first"),
    (b"Rar!", 0, "a RAR archive", "unpack it first"),
    (b"7z\xbc\xaf", 0, "a 7-Zip archive", "unpack it first"),
    (b"TFL3", 4, "a TensorFlow Lite model", "the Keras model it was converted from is needed"),
    (b"GGUF", 0, "a GGUF file", ""),
    (b"%PDF", 0, "a PDF document", ""),
    (b"PK\x05\x06", 0, "an empty zip archive", ""),
    (b"\x7fELF", 0, "a program", ""),
)

_PICKLE = re.compile(rb"\x80[\x02-\x05]|\(dp\d|\(lp\d|c(?:__builtin__|builtins|numpy|copy_reg|torch)[\w.]*\n")
_HTML = re.compile(rb"\s*(?:<!--.*?-->\s*)*<(?:!doctype html|html|head|body)", re.IGNORECASE | re.DOTALL)
_YAML = re.compile(rb"(?:#[^\n]*\n)*(?:---\n)?(?:backend|class_name|config|keras_version|!!python)\b[^\n]*[:/]")
_ONNX = re.compile(rb"\x08[\x01-\x14](?:\x12.{0,80}?\x1a|\x12|:|B)", re.DOTALL)
_CONFLICT = re.compile(rb"\n(?:<{7} |={7}\r?(?:\n|\Z)|>{7} )")  # most texts are one line, in which there is little to look for


def is_zip(opened: Opened) -> bool:
    return opened.head.startswith(b"PK\x03\x04")


def is_tar(opened: Opened) -> bool:
    return opened.head[257:262] == b"ustar"


def is_hdf5(opened: Opened) -> bool:
    """An HDF5 file may begin with a block of the user's own, of 512 bytes or a power of two above."""
    if not opened.head or opened.head.startswith(HDF5_MAGIC):
        return bool(opened.head)
    block = 512
    while block < opened.span.length:
        if opened.at(block, len(HDF5_MAGIC)) == HDF5_MAGIC:
            return True
        block *= 2
    return False


def two_kinds(opened: Opened) -> str:
    """What else a file is to a program that begins elsewhere, or goes by its name; empty where it is one thing to all.

    A member of an archive may happen to lie where a user block of HDF5 would end. Keras asks HDF5 alone if the name says so.
    """
    if is_zip(opened) or is_tar(opened):
        named = opened.path.suffix.lower() in (".h5", ".hdf5")
        return "an archive and, by its name, HDF5" if named and is_hdf5(opened) else ""
    if not is_hdf5(opened):
        return ""
    size = min(opened.span.length, END.size + LONGEST_COMMENT)
    return "HDF5 and a zip archive" if ends_as_zip(opened.at(opened.span.length - size, size)) else ""


def foreign(head: bytes) -> StoreError:
    """The error that names what a file is that configsplit does not read."""
    if not head:
        return StoreError("the file is empty", code="file-empty", hint="a save or download that failed leaves such a file")
    what, advice = _name(head)
    code = "file-stand-in" if what in _STAND_INS else "not-a-model"
    return StoreError(f"this is {what}", code=code, hint=f"{advice}; {_EXPECTED}" if advice else _EXPECTED)


def _name(head: bytes) -> tuple[str, str]:
    for magic, at, what, advice in _FOREIGN:
        if head[at : at + len(magic)] == magic:
            return what, advice
    if _PICKLE.match(head):
        return "a Python pickle (perhaps PyTorch or joblib)", "it can run code when loaded, so it is not opened"
    if _HTML.match(head.removeprefix(BOM)):
        return _PAGE, "the download fetched a web page instead of the file; download it raw"
    if _CONFLICT.search(b"\n" + head):
        return _CONFLICTS, "resolve the merge conflict first"
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "text in UTF-16", "save it as UTF-8"
    return _name_by_structure(head)


def _name_by_structure(head: bytes) -> tuple[str, str]:
    if len(head) > 9 and head[8:9] == b"{" and int.from_bytes(head[:8], "little") < 1 << 30:
        return "a safetensors file", "it has weights but no architecture"
    if _YAML.match(head):
        return "YAML", "load it in the Keras that wrote it and save it with to_json()"
    if _ONNX.match(head):
        return "a protocol buffer, perhaps ONNX or a frozen graph", "the Keras model it was exported from is needed"
    if not head.strip(b"\0"):
        return _ZEROS, "the download or copy did not finish"
    return ("plain text, but not JSON" if _is_text(head) else "no format that is known here"), ""


def _is_text(head: bytes) -> bool:
    return b"\0" not in head and sum(byte < 9 for byte in head) == 0


def decode_text(data: bytes, where: str) -> str:
    """UTF-8 text without its byte order mark."""
    try:
        text = data.removeprefix(BOM).decode("utf-8")
    except UnicodeDecodeError as error:
        raise StoreError(f"not UTF-8 text: {error}", code="text-encoding", where=where, hint="save it as UTF-8") from error
    if _CONFLICT.search(data) or _CONFLICT.match(b"\n" + data[:9]):
        raise StoreError(
            "the text holds Git conflict markers", code="file-stand-in", where=where, hint="resolve the merge conflict first"
        )
    return text
