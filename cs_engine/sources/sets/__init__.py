"""How synced usage lies on disk, and what is counted of it once and read ever after."""
