"""The immutable graph that every dialect is translated to and from; it knows no file format."""
