"""Layer classes about which a document cannot say what comes out, each with the reason; ``--shape`` or a plug-in can."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

OPAQUE: Mapping[str, str] = MappingProxyType(
    {
        "ClassMethod": "it runs a method of one of TensorFlow's own classes",
        "DynamicEmbedding": "its table is made while it runs",
        "DynamicLookup": "its table is made while it runs",
        "FlaxLayer": "it holds a Flax module, which is code",
        "JaxLayer": "it holds a JAX function, which is code",
        "ModuleWrapper": "it holds a TensorFlow module, which is code",
        "TFSMLayer": "it holds a SavedModel, which is code in a folder of its own",
        "TorchModuleWrapper": "it holds a PyTorch module, which is code",
    }
)
"""Class name -> why no rule can tell. (A Lambda is code, too, but Keras 2 may keep its output shape beside it.)"""

ABSTRACT: Mapping[str, str] = MappingProxyType(
    {
        "AbstractRNNCell": "a base for cells of one's own",
        "BaseDenseAttention": "the base of the attention layers",
        "BaseImageAugmentationLayer": "the base of augmentation layers",
        "BaseRandomLayer": "the base of random layers",
        "ConvLSTM2DCell": "a cell, which only ConvLSTM2D and ConvRNN2D can run",
        "ConvRecurrent2D": "the base of ConvLSTM2D",
        "PreprocessingLayer": "the base of preprocessing layers",
        "Recurrent": "the base of the recurrent layers",
        "Wrapper": "the base of TimeDistributed and Bidirectional",
    }
)
"""Exported classes that stand in no model by themselves."""
