"""The web: pages for customers, and what Slack calls. The only room that imports starlette and uvicorn's server."""
