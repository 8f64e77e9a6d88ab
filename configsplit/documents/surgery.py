"""The verbs of surgery on files: take out, put in, swap, rename, freeze. Each gives an `Edited` model, which `save` writes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from configsplit.dialects import emit, parse, to_text
from configsplit.documents.cutting import loses_masks_of
from configsplit.documents.document import Document
from configsplit.documents.edited import Edited
from configsplit.documents.fragments import check_dialect, load_fragment
from configsplit.documents.seams import check_given, check_taken, same, told
from configsplit.errors import CutError, ShapeError, TensorReferenceError, nearest
from configsplit.inference import BUILT_IN, Inference
from configsplit.ir.graph import CallRef, Layer, LayerPath, Model, TensorRef, TensorSpec, walk
