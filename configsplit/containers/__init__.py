"""Files: what they are, where each weight lies in them, and how new ones are put together, whole or not at all.

The only importer of h5py, and only once weights are touched: cutting a ``.json`` never loads it.
"""
