"""What Keras is.

`hazards.hazards` reads documents by what is known here to be harmless when a model is built (classes, functions, operations, by
name and place); `runtime.resolving` turns the entries into objects of the installed framework.
"""
