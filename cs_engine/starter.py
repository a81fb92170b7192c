"""What `cs-engine init` puts into a new project: the shipped one, from the wheel or from this repository, and a few files about it."""

from __future__ import annotations

import shutil
import textwrap
from pathlib import Path

from cs_engine.deployments import FILE, POOL, TAKE, deployments_yaml
from cs_engine.playbook.schema import write_schemas
from cs_engine.settings import Settings

_PARTS = ("playbooks", "templates", "flows", "data/contributions")
_ASKING = (
    *(f"templates/email/milestones/confirm{end}" for end in (".md", ".ja.md")),
    "templates/slack/not_yet.yaml",
    "templates/slack/not_yet.ja.yaml",
)
"""What a milestone with `confirm` asks by."""
_SHARED = ("templates/email/layout.mjml", "templates/email/layout.txt", *_ASKING, "flows")
"""What a project without the sample has of the shipped one."""

_IGNORE = """\
# State, mailbox, usage, keys and schemas: made here, for this machine
.cs-engine/
.env
__pycache__/
"""

_SAMPLE_SPAN = "cs-engine run --from 2012-08-13T17:00Z --to 2012-08-31T17:00Z --every 1d    # some days of the sample's own time\n"

_README = f"""\
# Customer success playbooks

Playbooks that watch how customers use the product, and write to them and their CSM when it helps.

```sh
cs-engine check                                # every problem, with its place and a mend
cs-engine run --dry-run                        # what a tick would do
cs-engine run                                  # one tick; messages go to .cs-engine/mailbox/ until project.yaml says otherwise
{_SAMPLE_SPAN}```

| Folder | What is in it |
|---|---|
| `playbooks/` | one file a playbook, and `project.yaml`, `team.yaml`, `segments.yaml`, `metrics.yaml`, `journey.yaml`, `health.yaml` |
| `templates/` | e-mail (Markdown, one file a language) and Slack |
| `data/` | the sample; name your own files in `playbooks/project.yaml`, under `sources` |
| `flows/`, `{FILE}` | what Prefect runs; written by `cs-engine deploy` |

Settings come from the environment or `.env`; `.env.example` names them all, and `cs-engine doctor` looks at them.
`cs-engine schema` writes the schemas that give completion and hover in editors (after a fresh clone, too).

`cs-engine up` runs everything on this machine: Prefect, a tick every 15 minutes, the pages for customers. Ctrl-C ends it.

With a Prefect server of your own: `prefect server start`, its address in `PREFECT_API_URL`, then once
`prefect work-pool create {POOL} --type process` and `{TAKE}`, and `prefect worker start --pool {POOL}`.
"""

_EMPTY_README = _README.replace(_SAMPLE_SPAN, "").replace(
    "the sample; name your own files", "your files, as yet without a row; name others"
)

_ENV_HEAD = """\
# Copy to .env and take the # off what you set. The environment wins over .env; empty counts as unset.
"""

_PREFECT = """
# Prefect's own: where its server answers. Unset, each run starts a server of its own.
# PREFECT_API_URL=http://127.0.0.1:4200/api
"""


def make_project(folder: Path, *, empty: bool = False) -> None:
    """Fills `folder` with a project that passes `check` and runs as it is. `empty`: without the sample, to be filled in."""
    root = _root()
    copied = {part: root / part for part in (_SHARED if empty else _PARTS)}
    for part, source in {**copied, **({".": Path(__file__).parent / "empty"} if empty else {})}.items():
        if source.is_dir():
            shutil.copytree(source, folder / part, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"), dirs_exist_ok=True)
        else:
            (folder / part).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, folder / part)
    for name, text in ((".gitignore", _IGNORE), ("README.md", _EMPTY_README if empty else _README), (".env.example", env_example())):
        (folder / name).write_text(text, encoding="utf-8")
    (folder / ".cs-engine").mkdir(mode=0o700, exist_ok=True)
    write_schemas(folder / ".cs-engine" / "schemas")
    from cs_engine.wiring import load_project

    project = load_project(Settings(cs_engine_project=folder))
    (folder / FILE).write_text(deployments_yaml(project), encoding="utf-8")


def env_example() -> str:
    """`.env.example`: every setting, what it is, and what it is when unset."""
    lines = [_ENV_HEAD]
    for name, field in Settings.model_fields.items():
        lines += textwrap.wrap(field.description or "", 118, initial_indent="# ", subsequent_indent="# ")
        lines.append(f"# {name.upper()}={'' if field.default is None else field.default}\n")
    return "\n".join(lines) + _PREFECT


def _root() -> Path:
    """Where the shipped project lies."""
    here = Path(__file__).parent
    packed = here / "starter"
    return packed if packed.is_dir() else here.parent
