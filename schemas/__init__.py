"""The published JSON Schemas of the documents, one file each."""
