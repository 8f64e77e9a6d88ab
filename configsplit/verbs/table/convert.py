"""The record of ``convert``."""

from configsplit.verbs.table.verb import FORCE, JSON, MODEL, NO_WEIGHTS, SHAPES, SOURCE, Option, Verb

VERB = Verb(
    name="convert",
    function="configsplit.verbs.convert:convert",
    help="""Bring MODEL from Keras 1 or 2 to Keras 3, configuration and weights, so that Keras 3 loads it as it is.

    Layers, calls, weights and masks are translated by declared rules; where Keras 3 computes something else under the same
    name, what computes the old numbers is written. What cannot be converted is listed, each layer with its reason and what to
    do about it, and nothing is written then (exit code 1).
    """,
    options=(
        MODEL,
        Option(
            "--out",
            help="The file to write: .keras, or .json without weights.",
            kind="path",
            required=True,
            use="save",
            only="command",
        ),
        Option(
            "--lambda",
            "lambdas",
            "What takes the place of the code of a Lambda layer; repeat for several.",
            repeat=True,
            metavar="NAME=MODULE:FUNCTION",
        ),
        SHAPES,
        Option(
            "--backend",
            help="What computed the weights, where the file does not say it (Keras 1).",
            choices=("tensorflow", "theano", "cntk"),
        ),
        *SOURCE,
        FORCE,
        NO_WEIGHTS._replace(only="recipe"),
        JSON,
    ),
    recipe="``lambda`` lists ``NAME=MODULE:FUNCTION``.",
)
