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
    help="""Bring MODEL to today's Keras 3, configuration and weights, so that Keras 3.15 loads it as it is; or back to Keras 2.

    Layers, calls, weights and masks are translated by declared rules; where Keras 3 computes something else under the same
    name, what computes the old numbers is written. What cannot be converted is listed, each layer with its reason and what to
    do about it, and nothing is written then (exit code 1). A record beside the file says where each layer and weight came from;
    `configsplit verify FILE` holds the file against it. With --verify numeric both models are also run, each in its own
    framework. --to keras2 writes an .h5 file that tf_keras and TF 2.4 to 2.15 read; --to tfjs a layers model of TensorFlow.js;
    --target 3.3 what that release of Keras 3 reads.
    """,
    options=(
        MODEL,
        Option(
            "--out -o",
            help="The file to write: .keras; .h5 of what is or was Keras 3; .json without weights; a folder for TensorFlow.js.",
            kind="path",
            required=True,
            use="save",
            only="command",
        ),
        Option(
            "--to",
            help="What to bring MODEL to.",
            choices=("keras3", "keras2", "tfjs"),
            default="keras3",
        ),
        Option("--target", help="An older release of Keras 3 that is to read it.", metavar="3.X"),
        Option(
            "--lambda",
            "lambdas",
            "What takes the place of the code of Lambda layers; NAME may be a pattern; repeat for several.",
            repeat=True,
            metavar="NAME=MODULE:FUNCTION",
        ),
        Option(
            "--no-read-lambda",
            "read_lambda",
            "Do not read the code of other Lambda layers for what it computes.",
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
