"""Delivery: from rows to what leaves, and from what is known of it back to rows."""
