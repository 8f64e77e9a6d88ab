"""The functions in ``lambda_code.json``: what ``marshal.dumps`` of Python 3.10 to 3.13 made of them, with their opcodes.

SAMPLES = {name: source}; code = base64(marshal.dumps(eval(source).__code__)); opcode.opmap; opcode._inline_cache_entries
"""

from __future__ import annotations

READ = {
    "rescale": "x / 127.5 - 1",
    "divide": "x / 255",
    "reverse": "1 - x * 2",
    "slice": "x[:, 0]",
    "slice_steps": "x[:, 1:5:2, ...]",
    "channels": "x[..., ::-1]",
    "two": "x[0] + x[1] * 0.17",
    "unpacked": "abs(x[0] - x[1])",
    "l2": "l2_normalize(x, axis=1)",
    "mean": "reduce_mean(x, axis=[1, 2], keepdims=True)",
    "many_axes": "reduce_mean(x, axis=[1, 2])",
    "three": "x - [103.939, 116.779, 123.68]",
    "default": "x * 3",
    "local": "sqrt(maximum(square(x) + 1, 0)) / square(x)",
    "dist": "sqrt(maximum(maximum(reduce_sum(square(x[0] - x[1]), axis=1, keepdims=True), 1e-07), 0))",
    "import": "nn.relu(x) ** 2",
    "from_import": "expand_dims(x, axis=-1)",
    "negative": "-x",
    "matmul": "matmul(x[0], x[1], transpose_b=True)",
    "concat": "concat([x[0], x[1]], axis=-1)",
    "shape": "reshape(x, [-1, 8])",
    "method": "reshape(x, [-1, 4])",
    "attribute": "x * 4",
    "minus": "x % 2 // 1",
    "greater": "cast(x > 0.5, tf.float32)",
    "swap": "x[:, 1] - x[:, 0]",
    "inplace": "(x / 255 - 0.5) * 2",
    "closure": "x * 0.5",
}
"""Name -> what is read."""

REFUSED = {
    "jump": "its code has jumps",
    "loop": "its code has jumps",
    "inner": "its code has jumps",
    "kw_only": "nothing tells its parameter 'k'",
    "star": "it takes any number of arguments",
}
"""Name -> how the reason begins."""

SHAPES = {
    "two": [(None, 4), (None, 4)],
    "unpacked": [(None, 4), (None, 4)],
    "dist": [(None, 4), (None, 4)],
    "concat": [(None, 4), (None, 4)],
    "matmul": [(None, 3, 4), (None, 5, 4)],
    "mean": (None, 4, 4, 3),
    "many_axes": (None, 4, 4, 3),
    "three": (None, 4, 4, 3),
    "slice_steps": (None, 8, 3),
    "channels": (None, 4, 3),
}
"""Name -> what it is called on, where that is not ``(None, 4)``."""
