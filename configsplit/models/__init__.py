"""Where dialects, rewrites and stores meet: load a file, cut it, save the parts with their weights, prove them."""
