"""Ways out: local mailbox, SendGrid, SMTP, Slack. A channel builds, posts, parses."""
