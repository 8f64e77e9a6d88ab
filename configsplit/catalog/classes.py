"""Classes of Keras that do nothing but compute when they are built from a configuration and called, and where they live.

Left out on purpose, though Keras exports them: what runs code that a configuration holds or names (Lambda, JaxLayer, FlaxLayer,
the cell wrappers ResidualWrapper and DropoutWrapper of tf_keras, ClassMethod and InstanceMethod), what loads
from elsewhere (TFSMLayer, TorchModuleWrapper), and what reads files that a configuration names (DenseFeatures and
SequenceFeatures through their columns, DynamicLookup and DynamicEmbedding).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Any


def words(text: str) -> frozenset[str]:
    """The words of a text, each once."""
    return frozenset(text.split())


_PUBLIC: Mapping[str, str] = {
    "layers": """
        AbstractRNNCell Activation ActivityRegularization AdaptiveAveragePooling1D AdaptiveAveragePooling2D
        AdaptiveAveragePooling3D AdaptiveMaxPooling1D AdaptiveMaxPooling2D AdaptiveMaxPooling3D Add AdditiveAttention
        AlphaDropout Attention AugMix AutoContrast Average AveragePooling1D AveragePooling2D AveragePooling3D AvgPool1D
        AvgPool2D AvgPool3D BatchNormalization Bidirectional CategoryEncoding CenterCrop Concatenate
        ContrastLimitedAdaptiveHistogramEqualization Conv1D Conv1DTranspose Conv2D Conv2DTranspose Conv3D Conv3DTranspose
        ConvLSTM1D ConvLSTM2D ConvLSTM3D Convolution1D Convolution1DTranspose Convolution2D Convolution2DTranspose
        Convolution3D Convolution3DTranspose Cropping1D Cropping2D Cropping3D CutMix Dense DepthwiseConv1D DepthwiseConv2D
        Discretization Dot Dropout ELU EinsumDense Embedding Equalization Flatten GRU GRUCell GaussianDropout GaussianNoise
        GlobalAveragePooling1D GlobalAveragePooling2D GlobalAveragePooling3D GlobalAvgPool1D GlobalAvgPool2D
        GlobalAvgPool3D GlobalMaxPool1D GlobalMaxPool2D GlobalMaxPool3D GlobalMaxPooling1D GlobalMaxPooling2D
        GlobalMaxPooling3D GroupNormalization GroupQueryAttention HashedCrossing Hashing Identity InputLayer InputSpec
        IntegerLookup LSTM LSTMCell Layer LayerNormalization LeakyReLU LocallyConnected1D LocallyConnected2D Masking
        MaxNumBoundingBoxes MaxPool1D MaxPool2D MaxPool3D MaxPooling1D MaxPooling2D MaxPooling3D Maximum MelSpectrogram
        Minimum MixUp MultiHeadAttention Multiply Normalization PReLU Permute Pipeline RMSNormalization RNN RandAugment
        RandomBrightness RandomColorDegeneration RandomColorJitter RandomContrast RandomCrop RandomElasticTransform
        RandomErasing RandomFlip RandomGaussianBlur RandomGrayscale RandomHeight RandomHue RandomInvert RandomPerspective
        RandomPosterization RandomRotation RandomSaturation RandomSharpness RandomShear RandomTranslation RandomWidth
        RandomZoom ReLU RepeatVector Rescaling Reshape Resizing ReversibleEmbedding STFTSpectrogram SeparableConv1D
        SeparableConv2D SeparableConvolution1D SeparableConvolution2D SimpleRNN SimpleRNNCell Softmax Solarization
        SpatialDropout1D SpatialDropout2D SpatialDropout3D SpectralNormalization StackedRNNCells StringLookup Subtract
        TextVectorization ThresholdedReLU TimeDistributed UnitNormalization UpSampling1D UpSampling2D UpSampling3D Wrapper
        ZeroPadding1D ZeroPadding2D ZeroPadding3D
    """,
    "layers.experimental": "EinsumDense RandomFourierFeatures SyncBatchNormalization",
    "layers.experimental.preprocessing": """
        CategoryEncoding CenterCrop Discretization HashedCrossing Hashing IntegerLookup Normalization PreprocessingLayer
        RandomContrast RandomCrop RandomFlip RandomHeight RandomRotation RandomTranslation RandomWidth RandomZoom Rescaling
        Resizing StringLookup TextVectorization
    """,
    "initializers": """
        Constant GlorotNormal GlorotUniform HeNormal HeUniform Identity IdentityInitializer Initializer LecunNormal
        LecunUniform Ones Orthogonal OrthogonalInitializer RandomNormal RandomUniform STFT STFTInitializer TruncatedNormal
        VarianceScaling Zeros
    """,
    "regularizers": "L1 L1L2 L2 OrthogonalRegularizer Regularizer",
    "constraints": "Constraint MaxNorm MinMaxNorm NonNeg RadialConstraint UnitNorm",
    "dtype_policies": """
        AWQDTypePolicy DTypePolicy DTypePolicyMap FloatDTypePolicy GPTQDTypePolicy Int4DTypePolicy QuantizedDTypePolicy
        QuantizedFloat8DTypePolicy
    """,
    "mixed_precision": "DTypePolicy LossScaleOptimizer Policy",
    "quantizers": """
        AWQConfig AbsMaxQuantizer Float8QuantizationConfig GPTQConfig Int4QuantizationConfig Int8QuantizationConfig
        QuantizationConfig Quantizer
    """,
    "random": "SeedGenerator",
    "models": "Model Sequential",
    "optimizers": """
        Adadelta Adafactor Adagrad Adam AdamW Adamax Ftrl Lamb Lion LossScaleOptimizer MultiOptimizer Muon Nadam Optimizer
        OptimizerMap RMSprop SGD ScheduleFreeAdamW
    """,
    "optimizers.schedules": """
        CosineDecay CosineDecayRestarts ExponentialDecay InverseTimeDecay LearningRateSchedule PiecewiseConstantDecay
        PolynomialDecay
    """,
    "optimizers.legacy": "Adadelta Adagrad Adam Adamax Ftrl Nadam Optimizer RMSprop SGD",
    "optimizers.experimental": "Adadelta Adafactor Adagrad Adam AdamW Adamax Ftrl Nadam Optimizer RMSprop SGD",
    "losses": """
        BinaryCrossentropy BinaryFocalCrossentropy CTC CategoricalCrossentropy CategoricalFocalCrossentropy
        CategoricalGeneralizedCrossEntropy CategoricalHinge Circle CosineSimilarity Dice Hinge Huber KLDivergence LogCosh
        Loss MeanAbsoluteError MeanAbsolutePercentageError MeanSquaredError MeanSquaredLogarithmicError Poisson
        SparseCategoricalCrossentropy SquaredHinge Tversky
    """,
    "metrics": """
        AUC Accuracy BinaryAccuracy BinaryCrossentropy BinaryIoU CategoricalAccuracy CategoricalCrossentropy
        CategoricalHinge ConcordanceCorrelation CosineSimilarity F1Score FBetaScore FalseNegatives FalsePositives Hinge IoU
        KLDivergence LogCoshError Mean MeanAbsoluteError MeanAbsolutePercentageError MeanIoU MeanRelativeError
        MeanSquaredError MeanSquaredLogarithmicError MeanTensor Metric OneHotIoU OneHotMeanIoU PearsonCorrelation Poisson
        Precision PrecisionAtRecall R2Score Recall RecallAtPrecision RootMeanSquaredError SensitivityAtSpecificity
        SparseCategoricalAccuracy SparseCategoricalCrossentropy SparseTopKCategoricalAccuracy SpecificityAtSensitivity
        SquaredHinge Sum TopKCategoricalAccuracy TrueNegatives TruePositives
    """,
    "": "DTypePolicy FloatDTypePolicy Initializer InputSpec Layer Loss Metric Model Optimizer Quantizer Regularizer Sequential",
}
"""Public package below ``keras`` and ``tf_keras`` -> its classes."""

_PRIVATE: Mapping[str, str] = {
    "Functional": "keras.src.models.functional keras.src.engine.functional "
    "keras.engine.functional tf_keras.src.engine.functional",
    "Sequential": "keras.src.models.sequential keras.src.engine.sequential "
    "keras.engine.sequential tf_keras.src.engine.sequential",
    "Model": "keras.src.models.model keras.src.engine.training keras.engine.training tf_keras.src.engine.training",
    "TFOpLambda": "keras.src.layers.core.tf_op_layer keras.layers.core.tf_op_layer tf_keras.src.layers.core.tf_op_layer",
    "SlicingOpLambda": "keras.src.layers.core.tf_op_layer keras.layers.core.tf_op_layer tf_keras.src.layers.core.tf_op_layer",
    "TensorFlowOpLayer": "keras.src.engine.base_layer keras.engine.base_layer tf_keras.src.engine.base_layer",
    "AddLoss": "keras.src.engine.base_layer keras.engine.base_layer tf_keras.src.engine.base_layer",
    "AddMetric": "keras.src.engine.base_layer keras.engine.base_layer tf_keras.src.engine.base_layer",
    "LayerScale": "keras.src.applications.convnext keras.applications.convnext tf_keras.src.applications.convnext",
    "StochasticDepth": "keras.src.applications.convnext keras.applications.convnext tf_keras.src.applications.convnext",
    "InstanceProperty": "keras.src.layers.core.tf_op_layer keras.layers.core.tf_op_layer tf_keras.src.layers.core.tf_op_layer",
    "CustomScaleLayer": "keras.src.applications.inception_resnet_v2 keras.applications.inception_resnet_v2 "
    "tf_keras.src.applications.inception_resnet_v2",
    "CuDNNGRU": "keras.src.layers.rnn.cudnn_gru keras.layers.rnn.cudnn_gru tf_keras.src.layers.rnn.cudnn_gru",
    "CuDNNLSTM": "keras.src.layers.rnn.cudnn_lstm keras.layers.rnn.cudnn_lstm tf_keras.src.layers.rnn.cudnn_lstm",
}
"""Classes that models are made of without being exported -> the modules that releases wrote for them."""

_TENSORFLOW = {
    "tensorflow.python.ops.init_ops_v2": """
        Constant GlorotNormal GlorotUniform HeNormal HeUniform Identity LecunNormal LecunUniform Ones Orthogonal RandomNormal
        RandomUniform TruncatedNormal VarianceScaling Zeros
    """,
}
"""Initializers of TensorFlow itself, which models of tf_keras were made with (RegNet among them)."""

_BARE = """
    Custom>CustomScaleLayer AtrousConv1D AtrousConv2D AtrousConvolution1D AtrousConvolution2D
    BatchNormalizationBase BatchNormalizationV1
    BatchNormalizationV2 Conv2DTranspose CategoryCrossing ConvRNN2D PeepholeLSTMCell ConvRecurrent2D
    Deconvolution2D Deconvolution3D GRUCellV1 GRUCellV2 GRUV1 GRUV2
    GroupedQueryAttention Highway LSTMCellV1 LSTMCellV2 LSTMV1 LSTMV2 MaxoutDense Merge ParametricSoftplus PolicyV1 SReLU
    TimeDistributedDense ActivityRegularizer L1L2Regularizer WeightRegularizer ConstantV2 GlorotNormalV2 GlorotUniformV2
    HeNormalV2 HeUniformV2 IdentityV2 LecunNormalV2 LecunUniformV2 OnesV2 OrthogonalV2 RandomNormalV2 RandomUniformV2
    TruncatedNormalV2 VarianceScalingV2 ZerosV2 maxnorm nonneg unitnorm max_norm non_neg unit_norm min_max_norm
"""
"""Names that older releases wrote, always without a module."""


def _places() -> dict[str, frozenset[str]]:
    homes: dict[str, set[str]] = {name: set() for name in _BARE.split()}
    for package, names in _PUBLIC.items():
        for name in names.split():
            below = f".{package}" if package else ""
            homes.setdefault(name, set()).update((f"keras{below}", f"tf_keras{below}"))
    for name, modules in _PRIVATE.items():
        homes.setdefault(name, set()).update(modules.split())
    for module, names in _TENSORFLOW.items():
        for name in names.split():
            homes.setdefault(name, set()).add(module)
    return {name: frozenset(modules) for name, modules in homes.items()}


CLASSES: Mapping[str, frozenset[str]] = MappingProxyType(_places())
"""Class name -> the modules that a document may say it lives in; none for names that older releases wrote bare."""

OUTSIDE: Mapping[str, str] = MappingProxyType(
    {
        "TFSMLayer": "loads a SavedModel from a path of the file's choosing",
        "TorchModuleWrapper": "unpickles a torch module",
        "JaxLayer": "runs functions that the file names or holds",
        "FlaxLayer": "runs a module that the file names or holds",
    }
)
"""Layer classes that are hazards whatever their configuration is -> why."""

LAMBDA_PLACES = words("""
    keras.layers tf_keras.layers keras.src.layers.core.lambda_layer tf_keras.src.layers.core.lambda_layer
    keras.layers.core.lambda_layer
    """)
"""Where Lambda lives: it is built only where its function is a plug-in's, or the user trusts the file's code."""

MARKS = words("__keras_tensor__ __tensor__ __numpy__ __bytes__ __ellipsis__ __slice__ __tuple__ TensorShape CompositeTensor")
"""Not classes: how Keras writes values that JSON lacks."""

TYPE_SPECS = words("TensorSpec RaggedTensorSpec SparseTensorSpec tf.TensorSpec tf.RaggedTensorSpec tf.SparseTensorSpec")
"""Specifications of inputs that are known."""


_OF_APPLICATIONS: Mapping[str, frozenset[str]] = {
    "LayerScale": words("init_values projection_dim"),
    "StochasticDepth": words("drop_path_rate"),
    "CustomScaleLayer": words("scale"),
}
"""Classes that ``keras.applications`` holds for itself -> their keys, beside those of every layer."""


def application_place(class_name: str, keys: Collection[str]) -> str | None:
    """The module of ``keras.applications`` that a class lives in, in Keras 3 too; None for all others.

    A user may have a class of the same name; its config has other keys.
    """
    own = _OF_APPLICATIONS.get(class_name)
    if own is None or {*keys} - {"name", "trainable", "dtype", "batch_input_shape"} != own:
        return None
    return _PRIVATE[class_name].split()[0]


def known_places(class_name: str, framework: str, module: object) -> tuple[str, ...]:
    """The modules of ``framework`` ("keras" or "tf_keras") in which the class that a document means may be looked up.

    They are our own strings; ``module``, as the document has it, only tells classes of one name apart (Identity is a layer and
    an initializer). Empty where the table does not have the class.
    """
    if class_name == "Lambda":
        return (f"{framework}.layers",) if module in LAMBDA_PLACES else ()
    if not isinstance(module, str) or module not in CLASSES.get(class_name, ()):
        return ()
    if module in _TENSORFLOW:
        return tuple(place for place in _TENSORFLOW if place == module)
    if class_name in _PRIVATE and module in _PRIVATE[class_name].split():
        return tuple(place for place in _PRIVATE[class_name].split() if place.startswith(f"{framework}.src."))
    return (framework + module.removeprefix("tf_").removeprefix("keras"),)


def is_of_keras(entry: Mapping[str, Any]) -> bool:
    """Whether the object of a model in a document names a class of Keras."""
    module, known = entry.get("module"), CLASSES.get(str(entry.get("class_name")))
    return known is not None and (module is None or module in known)


def is_foreign(entry: Mapping[str, Any]) -> bool:
    """Whether the object of a class in a document names a module that is not of Keras, where a class may bear any name."""
    module = entry.get("module")
    return isinstance(module, str) and module.partition(".")[0] not in ("", "keras", "tf_keras", "tensorflow", "keras_core")


def class_in(entry: Mapping[str, Any]) -> str:
    """The class of an entry inside another one's config, with its package or module where that is not Keras's."""
    name, registered = str(entry.get("class_name")), entry.get("registered_name")
    if isinstance(registered, str) and ">" in registered:
        return registered
    return f"{entry['module']}>{name}" if is_foreign(entry) else name
