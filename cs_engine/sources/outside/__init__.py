"""Where usage lies before it is ours: files and databases, and what has landed of them."""
