"""Which layers and activations TensorFlow.js has, asked of itself.

``cd tests && python -m support.tensorflow_js FOLDER`` writes tests/catalog/tensorflow_js.json. The folder holds what
``npm install @tensorflow/tfjs-core @tensorflow/tfjs-layers @tensorflow/tfjs-backend-cpu`` puts there; node runs it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

DATA = Path(__file__).resolve().parents[1] / "catalog" / "tensorflow_js.json"

_PROGRAM = """
const core = require('@tensorflow/tfjs-core'), layers = require('@tensorflow/tfjs-layers');
require('@tensorflow/tfjs-backend-cpu');
const bases = (made) => made && made.constructor ? [made.constructor.name, ...bases(Object.getPrototypeOf(made))] : [];
const known = Object.entries(core.serialization.SerializationMap.getMap().classNameMap);
const is = (base) => known.filter(([, [each]]) => base(each.prototype)).map(([name]) => name).sort();
process.stdout.write(JSON.stringify({
  version: layers.version_layers,
  layers: is((each) => each instanceof layers.layers.Layer),
  activations: is((each) => bases(each).includes('Activation') && !(each instanceof layers.layers.Layer)),
}));
"""


def asked(folder: Path) -> dict[str, object]:
    """What TensorFlow.js in a folder has registered under the names that documents have for it."""
    done = subprocess.run(["node", "-e", _PROGRAM], cwd=folder, capture_output=True, text=True, check=True)
    found: dict[str, object] = json.loads(done.stdout)
    return found


if __name__ == "__main__":
    DATA.write_text(json.dumps(asked(Path(sys.argv[1])), indent=1) + "\n")
