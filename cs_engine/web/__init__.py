"""The web: pages for customers, and what Slack and SendGrid call. The only room that imports starlette and uvicorn's server."""
