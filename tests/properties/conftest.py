from __future__ import annotations

import pytest

from tests.properties.project import Home, project_at


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return Home(project_at(tmp_path_factory.mktemp("properties")))
