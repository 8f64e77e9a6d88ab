"""Every generation's documents, read into one graph and written back."""

from configsplit.dialects.detect import DIALECTS, Detection, Sign, detect
from configsplit.dialects.emit import emit, to_text
from configsplit.dialects.parse import parse, read_entry

__all__ = ["DIALECTS", "Detection", "Sign", "detect", "emit", "parse", "read_entry", "to_text"]
