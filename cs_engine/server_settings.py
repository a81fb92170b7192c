"""How a Prefect server, and a process that runs our flows, should be set. Apart from prefect_flows: naming them imports no Prefect."""

from __future__ import annotations

from collections.abc import Mapping

SERVER_SETTINGS: Mapping[str, str] = {
    # Flows of ten tasks, one after the other, lock Prefect's SQLite unless the recorder writes in batches.
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_READ_BATCH_SIZE": "200",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE": "200",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL": "1",
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_READ_BATCH_SIZE": "200",
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_BATCH_SIZE": "500",
    # Its database grows with every task run; vacuum is off by default.
    "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
}
"""`cs-engine doctor` names them for a server of the user's own."""

CLIENT_SETTINGS: Mapping[str, str] = {
    # Failures are said by the command; Prefect's tracebacks of them go to its server alone.
    "PREFECT_LOGGING_LEVEL": "WARNING",
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
    "PREFECT_RESULTS_PERSIST_BY_DEFAULT": "false",
    "PREFECT_TASKS_REFRESH_CACHE": "false",
}
"""For the process that runs the flows, unless its environment says otherwise."""
