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
    help="""Bring MODEL to today's Keras 3, configuration and weights, so that Keras 3.15 loads it as it is.

    Layers, calls, weights and masks are translated by declared rules; where Keras 3 computes something else under the same
    name, what computes the old numbers is written. What cannot be converted is listed, each layer with its reason and what to
    do about it, and nothing is written then (exit code 1). A record beside the file says where each layer and weight came from;
    `configsplit verify FILE` holds the file against it. With --verify numeric the old model is also run in tf_keras and the new
    one in Keras 3.
    """,
    options=(
        MODEL,
        Option(
            "--out -o",
            help="The file to write: .keras; .h5 if MODEL is Keras 3 already; or .json without weights.",
            kind="path",
            required=True,
            use="save",
            only="command",
        ),
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
    ),
)
