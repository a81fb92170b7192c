"""Our tables, on SQLite or PostgreSQL: the truth about who stands where and what was sent.

    accounts               customers as last synced
    contacts               people at customers as last synced; the only table with addresses
    plans                  every version of a playbook that was ever live, by digest, with its source
    playbooks              each playbook's live version, first run and next due time
    enrolments             one row a passage of a subject through a playbook: where it stands, since when
    passed_over            who matched a playbook already at its first run and was not taken
    messages               the outbox: one row a message, from planned to settled
    ctas                   calls to action, open or closed, and where their Slack message stands
    milestones             what accounts have reached, latched
    milestone_definitions  milestones that have been evaluated before
    suppressions           keyed hashes of addresses that must never be mailed again
    preferences            what people want to get by mail, by the same hashes; one row a topic
    consents               all that they ever said of it, append-only
    standing_orders        what people, or the engine itself, have said of playbooks: that one is paused, and why
    failures               how often each playbook failed in which tick
    tallies                how much of what playbooks did in their latest runs, for the guards
    alarms                 the texts of messages that tell our own people of such things
    journal                every move of everything above with its reason, append-only
    collected, profiles    what the collector took, and who it says that accounts and contacts are
    collector              how often something was taken out of these, or changed in them
    forgotten              up to when old messages were bared of what is not kept of them
    people_source          which sync accounts and contacts came from
    ticks, tick_holder     ticks begun and completed; who runs the one that is running

One module a table holds its SQL; `store` puts them together, one transaction a method; `database` is where SQLite and PostgreSQL
differ. Instants are microseconds since 1970 in UTC. Every change of state is guarded by the state or revision it was decided on.
"""

from cs_engine.state.holder import this_process
from cs_engine.state.store import SqlStore, open_store

__all__ = ["SqlStore", "open_store", "this_process"]
