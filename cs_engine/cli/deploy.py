"""`cs-engine deploy`."""

from __future__ import annotations

import click


@click.command("deploy", epilog="\b\nThen:\n  prefect deploy --all\n  prefect worker start --pool default --type process")
@click.option("--check", "only_check", is_flag=True, help="Write nothing; exit 1 when prefect.yaml is out of step with the playbooks.")
def command(only_check: bool) -> None:
    """Write the deployments to prefect.yaml: `tick` on its schedule, and each playbook unscheduled, to be run by hand."""
    from cs_engine.deployments import deployments_yaml
    from cs_engine.errors import CsEngineError
    from cs_engine.wiring import load_project

    project = load_project()
    text = deployments_yaml(project)
    file = project.root / "prefect.yaml"
    if only_check:
        if not file.is_file() or file.read_text(encoding="utf-8") != text:
            raise CsEngineError("prefect.yaml is out of step with the playbooks", "cs-engine deploy")
        click.echo("prefect.yaml is in step with the playbooks.")
        return
    file.write_text(text, encoding="utf-8")
    click.echo(f"{file.name}: tick and {len(project.plans)} playbooks. Next: prefect deploy --all")
