"""Templates: front matter, locales, names, and the mail or alert made of them."""
