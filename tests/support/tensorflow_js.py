"""What TensorFlow.js has and does, asked of itself.

``cd tests && python -m support.tensorflow_js FOLDER`` writes tests/catalog/tensorflow_js.json. The folder holds what
``npm install @tensorflow/tfjs-core @tensorflow/tfjs-layers @tensorflow/tfjs-backend-cpu`` puts there, all of one release; node
runs it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from support.tensorflow_js_lines import measured

DATA = Path(__file__).resolve().parents[1] / "catalog" / "tensorflow_js.json"

DTYPES = ("bool", "float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "string")

_PROGRAM = """
const core = require('@tensorflow/tfjs-core'), layers = require('@tensorflow/tfjs-layers');
require('@tensorflow/tfjs-backend-cpu');
const bases = (made) => made && made.constructor ? [made.constructor.name, ...bases(Object.getPrototypeOf(made))] : [];
const known = Object.entries(core.serialization.SerializationMap.getMap().classNameMap);
const is = (base) => known.filter(([, [each]]) => base(each.prototype)).map(([name]) => name).sort();
process.stdout.write(JSON.stringify({
  version: layers.version_layers,
  layers: is((each) => each instanceof layers.layers.Layer),
  initializers: is((each) => bases(each).includes('Initializer')),
  dtypes: %s.filter(core.util.isValidDtype),
  activations: is((each) => bases(each).includes('Activation') && !(each instanceof layers.layers.Layer)),
}));
"""


def asked(folder: Path) -> dict[str, Any]:
    """What TensorFlow.js in a folder has registered under the names that documents have for it."""
    done = subprocess.run(["node", "-e", _PROGRAM % json.dumps(DTYPES)], cwd=folder, capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    found["settings"] = measured(folder)
    return found


if __name__ == "__main__":
    told = asked(Path(sys.argv[1]))
    rows = ",\n".join(f"  {json.dumps(each)}" for each in told.pop("settings"))
    DATA.write_text(json.dumps(told, indent=1)[:-2] + f',\n "settings": [\n{rows}\n ]\n}}\n')
