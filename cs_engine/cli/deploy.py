"""`cs-engine deploy`."""

from __future__ import annotations

import click

_EPILOG = """\b
Examples:
  cs-engine deploy
  cs-engine deploy --check                             in continuous integration

\b
Then:
  prefect work-pool create default --type process      once: the pool that prefect.yaml names
  prefect --no-prompt deploy --all
  prefect worker start --pool default                  runs them; `cs-engine doctor` says how to start the server
"""


@click.command("deploy", epilog=_EPILOG)
@click.option("--check", "only_check", is_flag=True, help="Write nothing; exit 1 when prefect.yaml is out of step with the playbooks.")
def command(only_check: bool) -> None:
    """Write the deployments to prefect.yaml: `tick` on its schedule, and each playbook unscheduled, to be run by hand."""
    from cs_engine.deployments import FILE, TAKE, deployments_yaml
    from cs_engine.errors import CsEngineError
    from cs_engine.wiring import load_project

    project = load_project()
    if project.broken:
        raise CsEngineError(
            f"{len(project.broken)} playbook(s) have errors and cannot be deployed: {', '.join(sorted(project.broken))}", "cs-engine check"
        )
    text = deployments_yaml(project)
    file = project.root / FILE
    if only_check:
        if not file.is_file() or file.read_text(encoding="utf-8") != text:
            raise CsEngineError(f"{FILE} is out of step with the playbooks", "cs-engine deploy")
        click.echo(f"{FILE} is in step with the playbooks.")
        return
    file.write_text(text, encoding="utf-8")
    click.echo(f"{FILE}: tick and {len(project.plans)} playbooks. Next: {TAKE}")
