"""A plan is drawn as Mermaid, whatever authors write, and told in words."""

from __future__ import annotations

import re

from cs_engine.playbook.draw import explain, mermaid
from tests.unit.playbook.folder import Folder

STEPS = """
- id: welcome
  email: onboarding/welcome
- id: settle
  wait: 2 days
- id: first
  wait_until: changes_7d > 0
  at_most: 5 days
  otherwise:
    - id: stuck
      cta: stuck
      due: 2 business days
  after: keep_waiting
- if: areas_28d < 3
  then:
    - id: explore
      email: onboarding/explore
  else:
    - stop
"""


def test_a_plan_as_mermaid(folder: Folder) -> None:
    plan = folder.steps(STEPS, "enter: changes_7d > 0\ngoal: reached('habit')\n").plan()
    assert mermaid(plan) == (
        "flowchart TD\n"
        '    start(["sample<br/>changes_7d #62; 0"])\n'
        '    done(["done"])\n'
        '    s0["welcome<br/>mail onboarding/welcome to champion"]\n'
        '    s1(["settle<br/>wait 2 days"])\n'
        '    s2(["first<br/>wait until changes_7d #62; 0, at most 5 days"])\n'
        '    s3[/"stuck<br/>CTA stuck to csm, due in 2 business days"/]\n'
        '    s4{"if-1<br/>if areas_28d #60; 3"}\n'
        '    s5["explore<br/>mail onboarding/explore to champion"]\n'
        '    s6(("stop-1<br/>stop"))\n'
        "    start --> s0\n"
        "    s0 --> s1\n"
        "    s1 --> s2\n"
        '    s2 -->|"met"| s4\n'
        '    s2 -->|"after 5 days"| s3\n'
        "    s3 -.-> s2\n"
        '    s4 -->|"then"| s5\n'
        '    s4 -->|"else"| s6\n'
        "    s5 --> done\n"
        "    s6 --> done\n"
        "    leave0[/\"goal, at any time#58; reached#40;'habit'#41;\"/] -.-> done\n"
    )


def test_a_plan_in_words(folder: Folder) -> None:
    plan = folder.steps(STEPS, "title: {en: A sample, ja: 見本}\nenter: changes_7d > 0\n").plan()
    assert explain(plan) == (
        "sample: A sample\n"
        "  for each account, every 15 minutes, priority 50, topic general\n"
        "  enter: changes_7d > 0\n"
        "  steps:\n"
        "    welcome: mail onboarding/welcome to champion\n"
        "    settle: wait 2 days\n"
        "    first: wait until changes_7d > 0, at most 5 days (met → if-1; after 5 days → stuck)\n"
        "      stuck: CTA stuck to csm, due in 2 business days (→ back to first)\n"
        "    if-1: if areas_28d < 3 (then → explore; else → stop-1)\n"
        "    explore: mail onboarding/explore to champion (→ end)\n"
        "    stop-1: stop\n"
    )


def test_hostile_words_stay_words(folder: Folder) -> None:
    """No author's text can end a label, open a tag, or begin a Mermaid statement."""
    hostile = 'account.name = \'x"]; click s0 href "javascript:alert(1)" %% <img src=x onerror=alert(1)> `**b**` #35; 日本\''
    chart = mermaid(folder.steps("- id: a\n  wait: 1 day", f"enter: >-\n  {hostile}\n").plan())
    label = chart.split("\n")[1]
    assert re.fullmatch(r"    start\(\[\"[\w .,'_\-/…#;]*(<br/>[\w .,'_\-/…#;]*)*\"\]\)", label), label
    assert "<img" not in chart
    assert "click s0" not in chart.replace(label, "")
    assert len(chart.split("\n")) == 7
