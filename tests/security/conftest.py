from tests.stories.conftest import base, synced, world
from tests.unit.cli.conftest import call, one_tick_old, project
from tests.web.conftest import served

__all__ = ["base", "call", "one_tick_old", "project", "served", "synced", "world"]
