"""What a verb's record is made of, and the options that several verbs have. Nothing is imported here that takes time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

Kind = Literal["text", "path", "flag", "off", "whole", "number", "amount", "bytes", "whole or text"]
"""What an option takes.

A ``path`` in a recipe is seen from the recipe's folder. ``off`` is a flag that says no: ``--no-weights``, in recipes
``weights: false``. ``amount`` is a number above 0 that may be written ``200k`` or ``1.5MB``; ``bytes`` is one that is whole.
"""


class Option(NamedTuple):
    """An option or an argument of a verb, said once.

    Attributes:
        flags: as the command line has it: ``--from``, ``--format --to`` (today's first); an argument's name has no dashes.
        name: the keyword in Python; the flag's own word by default.
        choices: the words that it may be.
        use: who takes it: the verb's function, who loads the model, who loads the donor, who saves the result, who shows it.
        only: on the command line alone, or in recipes alone.
        least, most: bounds of a number, ``open``: the lower one is none of them.
        goes_with: the option that it means nothing without.
        fetched: whether a path may be an address, too, from which the command line fetches the file.
        formerly: its word in recipes of earlier releases, which is still understood.
    """

    flags: str
    name: str = ""
    help: str = ""
    kind: Kind = "text"
    choices: tuple[str, ...] = ()
    default: Any = None
    least: float | None = None
    most: float | None = None
    open: bool = False
    required: bool = False
    repeat: bool = False
    metavar: str | None = None
    use: Literal["verb", "load", "donor", "save", "show"] = "verb"
    only: Literal["", "command", "recipe"] = ""
    goes_with: str = ""
    fetched: bool = False
    formerly: str = ""

    @property
    def argument(self) -> bool:
        return not self.flags.startswith("-")

    @property
    def key(self) -> str:
        """Its word in a recipe."""
        return self.flags.split()[0].lstrip("-").removeprefix("no-" if self.kind == "off" else "")

    @property
    def keyword(self) -> str:
        return self.name or self.key.replace("-", "_")

    @property
    def older(self) -> dict[str, str]:
        """Long spellings of earlier releases, and that of today, which stands first."""
        today, *others = self.flags.split()
        return {flag: today for flag in others if flag.startswith("--")}


class Needed(NamedTuple):
    """Options of which one must be given: one alone, or (``several``) more. ``said`` has the options' keywords in braces."""

    names: tuple[str, ...]
    said: str
    several: bool = True


class Verb(NamedTuple):
    """All there is to know of a verb but what it does.

    Attributes:
        function: what it does: the module and name of its Python function, imported when it is called.
        help: what ``configsplit VERB --help`` says.
        options: in the order of the help.
        gives: ``file``: an `Edited` model, which everybody knows how to save and show. Else the verb has a file of its own,
            ``cli/verb_NAME.py``, and if it stands in recipes a step in ``batches/steps.py``.
        recipe: whether it can be a step of a recipe; a text is what recipes add.
        live: whether `configsplit.keras` has it too.
        needed: which options cannot all be left out.
        skims: whether it reads no weights, so that of a file at an address only ranges are fetched.
        examples: command lines as people write them, which the help ends with.
    """

    name: str
    function: str
    help: str
    options: tuple[Option, ...]
    gives: Literal["file", "own"] = "own"
    recipe: bool | str = False
    live: bool = False
    needed: Needed | None = None
    skims: bool = False
    examples: tuple[str, ...] = ()

    def command_options(self) -> tuple[Option, ...]:
        own = [option for option in self.options if option.only != "recipe"]
        verbose = () if any(option.keyword == "verbose" for option in own) else (VERBOSE,)
        return (*own, *verbose, QUIET, LOG_FILE)

    def recipe_options(self) -> tuple[Option, ...]:
        return tuple(option for option in self.options if option.only != "command")

    def of_function(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Of all that was given the keywords of the verb's function."""
        own = {option.keyword for option in self.options if option.use == "verb"}
        return {keyword: value for keyword, value in given.items() if keyword in own}

    def misused(self, given: Mapping[str, Any], words: Mapping[str, str]) -> str | None:
        """What is wrong with what was given together; ``words`` has what an option is called there, by its keyword."""
        if (needed := self.needed) is not None:
            count = sum(bool(given[name]) for name in needed.names)
            if count == 0 or (count > 1 and not needed.several):
                return needed.said.format(**words)
        for option in self.options:
            alone = option.goes_with in words and not given[option.goes_with]  # recipes have other options
            if alone and given.get(option.keyword, option.default) not in (option.default, ()):
                return f"{words[option.keyword].partition(' ')[0]} goes with {words[option.goes_with]}"
        return None


FORMATS = ("keras", "h5", "json")

MODEL = Option("model", kind="path", required=True, use="load", only="command", fetched=True)
WEIGHTS = Option(
    "--weights",
    help="Weights that go with an architecture-only MODEL.",
    kind="path",
    use="load",
    only="command",
    fetched=True,
)
PLUGINS = Option(
    "--custom-objects",
    help="A plug-in that declares custom layer classes.",
    repeat=True,
    metavar="PATH_OR_MODULE",
    use="load",
    only="command",
)
BY_NAME = Option(
    "--by-name",
    help="Match layers with --weights by name; the file may be another network's.",
    kind="flag",
    default=False,
    use="load",
    only="command",
    goes_with="weights",
)
MATCH = Option(
    "--match",
    help="How arrays in --weights that Keras did not write are matched: by layer names, or in the order of get_weights().",
    choices=("name", "order"),
    default="name",
    use="load",
    only="command",
    goes_with="weights",
)
DEQUANTIZE = Option(
    "--dequantize",
    help="Accept quantized weights (TensorFlow.js), rounded as they are.",
    kind="flag",
    default=False,
    use="load",
    only="command",
)
SOURCE = (WEIGHTS, BY_NAME, MATCH, DEQUANTIZE, PLUGINS)
"""Options of verbs that read one model."""

SHAPES = Option(
    "--shape",
    "shapes",
    "The shape of a tensor, where neither the file nor a rule tells it.",
    repeat=True,
    metavar="LAYER=None,28,28,128",
)
OPENED = Option(
    "--open",
    "opened",
    "Ignore the sizes that the file records for LAYER's output: all but batch and last, or these axes.",
    repeat=True,
    metavar="LAYER[=AXIS,AXIS]",
)
DRAWN = (
    Option("--unfold", help="Draw every layer: do not fold repeated blocks.", kind="flag", default=False),
    Option("--convert", help="Draw MODEL beside what `configsplit convert` makes of it.", kind="flag", default=False),
    Option(
        "--near",
        help="Draw only what lies within N lines of a cut, a difference or a hazard.",
        kind="whole",
        least=0,
        metavar="N",
    ),
)
"""How a picture or a page is drawn."""
SIZES = Option(
    "--size",
    "sizes",
    "Size to assume for an input that MODEL leaves open; for prices only, files keep it open.",
    repeat=True,
    metavar="INPUT=1,224,224,3",
)
FIX_SIZE = Option(
    "--fix-size", help="Write the sizes that --size gives into the result.", kind="flag", default=False, goes_with="sizes"
)
INPUTS = Option(
    "--inputs",
    help="Your own samples instead of random ones: an .npz file with arrays named like the inputs, or in their order.",
    kind="path",
    metavar="FILE",
)
WHOLE_NESTED = Option("--whole-nested", help="Do not cut inside nested models.", kind="flag", default=False)
JSON = Option("--json", "as_json", "Print one JSON document and nothing else.", kind="flag", use="show", only="command")
VERBOSE = Option("--verbose -v", help="Also print what was decided, and why.", kind="flag", use="show", only="command")
QUIET = Option("--quiet -q", help="Print only what goes wrong.", kind="flag", use="show", only="command")
LOG_FILE = Option(
    "--log-file",
    help="Append what is done, decided and printed to FILE.",
    kind="path",
    metavar="FILE",
    use="show",
    only="command",
)
"""Options of every verb."""

FORCE = Option("--force -f", help="Replace an existing output.", kind="flag", use="save", only="command")

LIMITS = (
    Option(
        "--timeout",
        help="Maximum seconds that Keras may run; 3600 by default.",
        kind="number",
        least=0,
        open=True,
        metavar="SECONDS",
    ),
    Option("--memory", help="Maximum memory that Keras may use.", kind="number", least=0, open=True, metavar="GB"),
    Option("--unconfined", help="Build the model even if the system cannot confine the process.", kind="flag"),
)
"""Options of verbs that build a model."""

OUT = Option("--out -o", help="The file to write.", kind="path", required=True, use="save", only="command")
NO_WEIGHTS = Option("--no-weights", "with_weights", "Write the architecture only (.json).", kind="off", use="save")
VERIFY = Option(
    "--verify",
    help="What to check before the file appears.",
    choices=("none", "proof"),
    default="proof",
    use="save",
    only="command",
)


def output(flags: str = "--format --to") -> tuple[Option, ...]:
    """Options of verbs that write a file; where --to is taken by another, --format alone names the format."""
    format_ = Option(flags, "format", "Format, if the suffix of --out does not say.", choices=FORMATS, use="save")
    verbose = VERBOSE._replace(help="Also print what was decided and why, and every layer that changed.")
    return (OUT, format_, NO_WEIGHTS, VERIFY, FORCE, verbose, JSON)


def donor(what: str, word: str) -> tuple[Option, Option]:
    """Options of verbs that put something into the model."""
    told = f"The {what}: a model, or one layer's config."
    weights = f"Weights that go with an architecture-only {word}."
    return (
        Option("--donor --model", help=told, kind="path", required=True, use="donor", fetched=True, formerly="model"),
        Option("--donor-weights", help=weights, kind="path", use="donor", fetched=True),
    )
