"""The record of ``convert``."""

from configsplit.verbs.table.verb import (
    FORCE,
    INPUTS,
    JSON,
    LIMITS,
    MODEL,
    NO_WEIGHTS,
    SHAPES,
    SIZES,
    SOURCE,
    VERIFY,
    Option,
    Verb,
)

VERB = Verb(
    name="convert",
    function="configsplit.verbs.convert:convert",
    help="""Convert MODEL to today's Keras 3, configuration and weights, so that Keras 3.15 loads it; or back to Keras 2.

    Layers, calls, weights and masks are translated by declared rules. If Keras 3 computes something different under the same
    name, layers are written that give the old numbers. If anything cannot be converted, each such layer is listed with the
    reason and a remedy, and nothing is written (exit code 1). A record beside the file says where each layer and weight came
    from; `configsplit verify FILE` checks the file against it. --verify numeric also runs both models, each in its own
    framework. --to keras2 writes an .h5 file for tf_keras and TF 2.4 to 2.15; --to tfjs a layers model of TensorFlow.js;
    --target 3.3 a file for that release of Keras 3.
    """,
    options=(
        MODEL,
        Option(
            "--out -o",
            help="The file to write: .keras; .h5 from Keras 3 or with --to keras2; .json without weights; for tfjs a folder.",
            kind="path",
            required=True,
            use="save",
            only="command",
        ),
        Option(
            "--to",
            help="What to convert MODEL to.",
            choices=("keras3", "keras2", "tfjs"),
            default="keras3",
        ),
        Option("--target", help="An older release of Keras 3 to write for.", metavar="3.X"),
        Option(
            "--lambda",
            "lambdas",
            "A function in place of the code of a Lambda layer; NAME may be a pattern; repeat for several.",
            repeat=True,
            metavar="NAME=MODULE:FUNCTION",
        ),
        Option(
            "--no-read-lambda",
            "read_lambda",
            "Do not translate the code of other Lambda layers.",
            kind="off",
        ),
        SHAPES,
        Option(
            "--missing-weights",
            help="A custom layer whose weights MODEL lacks: refuse it, or let it begin with fresh ones.",
            choices=("refuse", "initialize"),
            default="refuse",
        ),
        Option(
            "--backend",
            help="What computed the weights, where the file does not say it (Keras 1).",
            choices=("tensorflow", "theano", "cntk"),
        ),
        *SOURCE,
        VERIFY._replace(choices=("none", "proof", "numeric"), help="What to check before the file appears; numeric: run both."),
        Option(
            "--samples",
            help="Samples of random input for --verify numeric.",
            kind="whole",
            default=4,
            least=1,
            use="save",
            only="command",
        ),
        Option("--seed", help="Seed of the random input.", kind="whole", default=0, use="save", only="command"),
        INPUTS._replace(use="save", only="command"),
        SIZES._replace(help="Size of an input that MODEL leaves open, for --verify numeric.", use="save", only="command"),
        *LIMITS,
        FORCE,
        NO_WEIGHTS._replace(only="recipe"),
        JSON,
    ),
    recipe="``lambda`` lists ``NAME=MODULE:FUNCTION``.",
    examples=(
        "convert old.h5 -o new.keras",
        "convert old.json --weights old_weights.h5 -o new.keras --verify numeric",
        "convert new.keras --to keras2 -o old.h5",
    ),
)
