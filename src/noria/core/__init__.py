"""The nouns. They import nothing above them and do nothing by themselves."""
