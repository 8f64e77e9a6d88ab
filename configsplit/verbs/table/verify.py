"""The record of ``verify``."""

from configsplit.verbs.table.verb import INPUTS, JSON, LIMITS, PLUGINS, SIZES, Option, Verb

VERB = Verb(
    name="verify",
    function="configsplit.verbs.verify:verify",
    help="""Prove that the parts in DIRECTORY equal the model that they were cut from; or check a file that surgery has written.

    From the files on disk and without Keras: nothing was changed since, the parts recompose to the original graph, and every
    weight is bit for bit the original's. With --numeric original and parts are also run, fed through numpy; a mask that was
    never on or never off is named. A file is held against the provenance record beside it (FILE.provenance.json).

    verify A B --numeric runs two models of the same inputs, each in the Keras that it is for, and compares what they give:
    an original and its conversion, a model before and after surgery. With --bisect the first tensor inside is named at which
    they part.
    """,
    options=(
        Option("directory", kind="path", required=True, only="command", fetched=True),
        Option("other", kind="path", only="command", fetched=True),
        Option("--source", help="The original, if it is not where it was.", kind="path", only="command", fetched=True),
        Option("--numeric", help="Also run original and parts in Keras and compare.", kind="flag"),
        Option("--samples", help="Samples of random input.", kind="whole", default=4, least=1),
        Option("--seed", help="Seed of the random input.", kind="whole", default=0),
        INPUTS._replace(goes_with="numeric"),
        Option(
            "--input-range",
            "input_ranges",
            "Bounds of the random input: of all inputs of numbers, or of one.",
            repeat=True,
            metavar="[INPUT=]LOW,HIGH",
            goes_with="numeric",
        ),
        SIZES._replace(help="Size of an input that the model leaves open.", goes_with="numeric"),
        Option(
            "--tolerance",
            help="Let outputs differ by so much, times their largest value where that is above 1. By default every bit counts.",
            kind="number",
            default=0.0,
            least=0,
            goes_with="numeric",
        ),
        Option("--bisect", help="Of two models: find the first tensor inside at which they part.", kind="flag", only="command"),
        Option(
            "--weights",
            help="Of two models: weights that go with an architecture-only first.",
            kind="path",
            only="command",
            fetched=True,
        ),
        Option("--other-weights", help="The same for the second.", kind="path", only="command", fetched=True),
        PLUGINS,
        *LIMITS,
        JSON,
    ),
    recipe="It holds the output of an earlier step (``of``) against the model.",
    examples=(
        "verify parts --numeric",
        "verify resnet.keras frozen.keras --numeric --bisect",
    ),
)
