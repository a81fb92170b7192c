from tests.unit.playbook.folder import folder

__all__ = ["folder"]
