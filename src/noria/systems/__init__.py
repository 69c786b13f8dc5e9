"""One folder per kind of problem. Siblings never import each other."""
