"""The stages of a model's life, one verb per file. They know systems only by their protocol."""
