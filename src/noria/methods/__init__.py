"""Pure functions of arrays. They know numpy and the nouns of `core`, nothing of tables, learners or runs."""
