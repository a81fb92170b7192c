"""What people of ours do to what runs, and what they ask of it."""
