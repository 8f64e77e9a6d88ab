"""The record of ``verify``."""

from configsplit.verbs.table.verb import INPUTS, JSON, LIMITS, PLUGINS, SIZES, Option, Verb

VERB = Verb(
    name="verify",
    function="configsplit.verbs.verify:verify",
    help="""Prove that the parts in DIRECTORY equal the model that they were cut from; or check a file against its record.

    The proof needs no Keras and works from the files on disk: nothing has changed since the split, the parts recompose to the
    original graph, and every weight is bit for bit the original's. --numeric also runs original and parts, and names masks
    that the samples never exercised. A file that surgery or convert wrote is checked against the provenance record beside it
    (FILE.provenance.json).

    verify A B --numeric runs two models with the same inputs, each in its own Keras, and compares their outputs: an original
    and its conversion, a model before and after surgery. --bisect names the first tensor inside that differs.
    """,
    options=(
        Option("directory", kind="path", required=True, only="command", fetched=True),
        Option("other", kind="path", only="command", fetched=True),
        Option("--source", help="The original, if it has moved.", kind="path", only="command", fetched=True),
        Option("--numeric", help="Also run original and parts in Keras and compare.", kind="flag"),
        Option("--samples", help="Samples of random input.", kind="whole", default=4, least=1),
        Option("--seed", help="Seed of the random input.", kind="whole", default=0),
        INPUTS._replace(goes_with="numeric"),
        Option(
            "--input-range",
            "input_ranges",
            "Bounds of the random input: of all numeric inputs, or of one.",
            repeat=True,
            metavar="[INPUT=]LOW,HIGH",
            goes_with="numeric",
        ),
        SIZES._replace(help="Size of an input that the model leaves open.", goes_with="numeric"),
        Option(
            "--tolerance",
            help="How much outputs may differ, times their largest value if that is above 1. By default every bit counts.",
            kind="number",
            default=0.0,
            least=0,
            goes_with="numeric",
        ),
        Option("--bisect", help="Of two models: find the first tensor inside that differs.", kind="flag", only="command"),
        Option(
            "--weights",
            help="Of two models: weights of the first, if it is an architecture only.",
            kind="path",
            only="command",
            fetched=True,
        ),
        Option("--other-weights", help="The same for the second.", kind="path", only="command", fetched=True),
        PLUGINS,
        *LIMITS,
        JSON,
    ),
    live=True,
    recipe="It holds the output of an earlier step (``of``) against the model.",
    examples=(
        "verify parts --numeric",
        "verify resnet.keras frozen.keras --numeric --bisect",
    ),
)
