"""Services side by side: the same data, the same load, fresh starts in turn."""
