"""Hypothesis strategies for random models, for tests of code that handles Keras documents. Needs ``hypothesis``.

    from hypothesis import given
    from configsplit.testing import models

    @given(models("keras3"))
    def test_something(model): ...

Every tensor that layers pass on has the shape (batch, 3, 4) in float32 and every layer of a class has weights of the same
shapes, so that any mix-up of references or weights shows in numbers and in nothing else. The graphs have several inputs and
outputs, shared layers, nested functional and Sequential models (called several times, with several tensors in and out),
TimeDistributed around layers and around whole models, Bidirectional, layers with several outputs, tensors in keyword arguments
and lists, Masking anywhere, and on demand classes that nobody has declared.

`models` gives documents, drawn by configsplit's own document code; `old_chains` gives Sequentials in the spelling of older
releases and in that of today, `spellings` models with cloned inputs, nameless layers, configs that are lists. `masked_models`
gives recipes that real Keras builds, with masks in every place where a mask can be: see `configsplit.testing.masked`.
"""

from configsplit.testing.masked import masked_models
from configsplit.testing.masked_sketch import Generation
from configsplit.testing.models import models
from configsplit.testing.spellings import Spelling, Spelt, old_chains, spellings

__all__ = ["Generation", "Spelling", "Spelt", "masked_models", "models", "old_chains", "spellings"]
